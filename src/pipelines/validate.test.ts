import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readSeeds } from "../seeds/files.ts";
import { definitionsOf } from "../seeds/schema.ts";
import { circles, dependsOn, inOrder } from "./graph.ts";
import type { PipelineSpec, TaskSpec } from "./schema.ts";
import { validateSpec } from "./validate.ts";

const seeds = await readSeeds();
const definitions = definitionsOf(seeds);

// biome-ignore lint/suspicious/noExplicitAny: a test breaks specs in ways that no type allows
type Loose = any;

/** The template `dock-then-refine`, changed. */
function spec(change: (spec: Loose) => void = () => {}): Loose {
  const whole = seeds.pipeline_templates.find(({ name }) => name === "dock-then-refine")?.spec;
  const copy = structuredClone(whole);
  change(copy);
  return copy;
}

const told = (given: unknown) =>
  validateSpec(given, definitions).map(
    ({ path, rule, severity }) => `${severity === "warning" ? "warning " : ""}${path} ${rule}`,
  );

/** A change of a spec that is right, and what is said of it: all of it, in order. */
const BROKEN: [about: string, change: (spec: Loose) => void, says: string[]][] = [
  [
    "a key too many",
    (it) => {
      it.tusks = {};
      it.tasks.dock.afer = [];
    },
    [
      "/tusks is not known here: did you mean tasks?",
      "/tasks/dock/afer is not known here: did you mean after?",
    ],
  ],
  [
    "what a task must have",
    (it) => {
      delete it.tasks.refine.after;
      it.tasks.dock.max_attempts = 11;
      it.tasks.dock.time_limit_seconds = 0;
    },
    [
      "/tasks/dock/max_attempts must be <= 10",
      "/tasks/dock/time_limit_seconds must be >= 1",
      "/tasks/refine/after is missing",
    ],
  ],
  [
    "faults of shape and of the graph, all at once",
    (it) => {
      it.tusks = {};
      it.tasks.dock.max_attempts = -3;
      it.tasks.dock.after = ["refine"];
      it.tasks.dock.inputs.ligand = "ligand";
      it.tasks.refine.engine = "orca";
      it.tasks.refine.inputs.structure.output = "best_poses";
      it.tasks.refine.params.solvant = "water";
      it.tasks.odd = 5;
    },
    [
      "/tusks is not known here: did you mean tasks?",
      "/tasks/dock/max_attempts must be >= 1",
      "/tasks/dock/inputs/ligand must be object",
      "/tasks/odd must be object",
      "/tasks/dock/after waits for itself: dock → refine → dock",
      "/tasks/refine/engine xtb runs on xtb",
      "/tasks/refine/inputs/structure/output vina hands on no best_poses: did you mean best_pose?",
      "/tasks/refine/params/solvant xtb has no parameter solvant: did you mean solvent?",
    ],
  ],
  [
    "no task",
    (it) => {
      it.tasks = {};
    },
    ["/tasks must have a task"],
  ],
  [
    "tasks that are a list",
    (it) => {
      it.tasks = [];
    },
    ["/tasks must be an object: a task by each name"],
  ],
  [
    "an input that is no reference",
    (it) => {
      it.tasks.dock.inputs = { ligand: "ligand" };
      it.tasks.refine.inputs = { structure: { $task: "dock", out: "best_pose" } };
    },
    [
      "/tasks/dock/inputs/ligand must be object",
      "/tasks/refine/inputs/structure/output is missing",
      "/tasks/refine/inputs/structure/out is not known here: did you mean output?",
    ],
  ],
  [
    "unknown task, version and engine",
    (it) => {
      it.tasks.dock.task = "vena";
      it.tasks.refine.task_version = "7";
      it.tasks.other = { ...it.tasks.refine, after: ["dock"], task_version: "1", engine: "vina" };
    },
    [
      "/tasks/dock/task there is no task vena: did you mean vina?",
      "/tasks/refine/task_version xtb has no version 7: it has 1",
      "/tasks/other/engine xtb runs on xtb",
    ],
  ],
  [
    "after that names no task, itself, or one twice",
    (it) => {
      it.tasks.refine.after = ["dock", "dok", "refine", "dock"];
    },
    [
      "/tasks/refine/after/1 waits for dok, which is no task here: did you mean dock?",
      "/tasks/refine/after/2 is the task itself: refine → refine",
      "/tasks/refine/after/3 names dock again",
    ],
  ],
  [
    "a circle, named once",
    (it) => {
      it.tasks.dock.after = ["third"];
      it.tasks.third = { ...it.tasks.refine, after: ["refine"] };
    },
    ["/tasks/dock/after waits for itself: dock → third → refine → dock"],
  ],
  [
    "an input that is not declared, is of another kind, or is one that the engine does not take",
    (it) => {
      it.inputs.pocket = { kind: "structure" };
      it.tasks.dock.inputs = {
        ligand: { $input: "pocket" },
        // Where it docks is its site's.
        receptor: { $input: "pocket" },
        drug: { $input: "ligand" },
      };
    },
    [
      "/tasks/dock/inputs/ligand ligand takes a molecule, and pocket is a structure",
      "/tasks/dock/inputs/receptor vina takes no input receptor: there is ligand",
      "/tasks/dock/inputs/drug vina takes no input drug: there is ligand",
    ],
  ],
  [
    "inputs that are missing, or one too many",
    (it) => {
      it.inputs.ligand.optional = true;
      it.tasks.refine.inputs.molecule = { $input: "ligand" };
      it.tasks.again = { ...it.tasks.dock, inputs: {} };
    },
    [
      "/tasks/dock/inputs/ligand ligand can't be done without, and ligand is optional",
      "/tasks/refine/inputs must be one of molecule or structure: xtb takes one",
      "/tasks/again/inputs needs ligand: vina can't do without",
    ],
  ],
  [
    "what a task does not hand on, of a task that is not before it, that is not there, or is itself",
    (it) => {
      it.tasks.refine.inputs.structure.output = "best_poses";
      it.tasks.beside = {
        ...it.tasks.refine,
        after: [],
        inputs: { structure: { $task: "dock", output: "best_pose" } },
      };
      it.tasks.lost = { ...it.tasks.refine, inputs: { structure: { $task: "duck", output: "best_pose" } } };
      it.tasks.self = { ...it.tasks.refine, inputs: { structure: { $task: "self", output: "structure" } } };
    },
    [
      "/tasks/refine/inputs/structure/output vina hands on no best_poses: did you mean best_pose?",
      "/tasks/beside/inputs/structure/$task does not come before beside: put dock into its after",
      "/tasks/lost/inputs/structure/$task duck is no task here: did you mean dock?",
      "/tasks/self/inputs/structure/$task is the task itself",
    ],
  ],
  [
    "references to what every object of JavaScript has",
    (it) => {
      it.tasks.refine.inputs.structure.output = "toString";
      it.tasks.refine.params.method = { $param: "valueOf" };
      it.tasks.dock.inputs.ligand.$input = "toString";
      it.tasks.dock.after = ["constructor"];
      delete it.params.method;
    },
    [
      "/tasks/dock/after/0 waits for constructor, which is no task here: there are dock, refine",
      "/tasks/dock/inputs/ligand/$input toString is no input of this pipeline: there is ligand",
      "/tasks/refine/inputs/structure/output vina hands on no toString: there are best_pose, affinity_kcal_mol",
      "/tasks/refine/params/method/$param valueOf is no parameter of this pipeline: there are site_id, exhaustiveness, seed, solvent, optimization_level",
      "warning /inputs/ligand is declared, and no task takes it",
    ],
  ],
  [
    "a value where a structure is needed, and the other way round",
    (it) => {
      it.tasks.more = {
        ...it.tasks.refine,
        after: ["refine"],
        inputs: { structure: { $task: "refine", output: "energy_eh" } },
        params: { accuracy: { $task: "dock", output: "best_pose" } },
      };
    },
    [
      "/tasks/more/inputs/structure structure takes a structure, and energy_eh of refine is a value",
      "/tasks/more/params/accuracy needs a value, and best_pose of dock is a structure: it is an input",
    ],
  ],
  [
    "a site of its own, which nobody who runs it was asked about",
    (it) => {
      it.tasks.again = { ...structuredClone(it.tasks.dock), params: { site_id: "0197c4a0" } };
      it.params.site_id = { default: "0197c4a0" };
    },
    [
      '/tasks/dock/params/site_id must be {"$param": name} of a parameter without a default: jobs say where with `site`',
      '/tasks/again/params/site_id must be {"$param": name} of a parameter without a default: jobs say where with `site`',
    ],
  ],
  [
    "parameters that the engine does not know, or not so",
    (it) => {
      const { params } = it.tasks.refine;
      params.solvant = "water";
      params.accuracy = "high";
      params.method = "gfn3";
      params.solvent = "wine";
      params.max_optimization_cycles = 0;
      it.params.solvent = { default: "beer" };
      it.params.method = {};
      delete it.tasks.dock.params.site_id;
    },
    [
      "/tasks/dock/params needs site_id: vina can't do without",
      "/tasks/refine/params/method must be one of gfn1, gfn2, gfnff",
      "/tasks/refine/params/solvent must be one of acetone, acetonitrile, aniline, benzaldehyde, benzene, ch2cl2, chcl3, cs2, dioxane, dmf, dmso, ethanol, ether, ethylacetate, furane, hexadecane, hexane, methanol, nitromethane, octanol, phenol, thf, toluene, water, woctanol (or null)",
      "/tasks/refine/params/solvant xtb has no parameter solvant: did you mean solvent?",
      "/tasks/refine/params/accuracy must be number",
      "/tasks/refine/params/max_optimization_cycles must be >= 1 (or null)",
      "warning /params/site_id is declared, and no task takes it",
      "warning /params/method is declared, and no task takes it",
      "warning /params/solvent is declared, and no task takes it",
    ],
  ],
  [
    "a default that the engine does not take, and references that are none",
    (it) => {
      it.params.exhaustiveness.default = 0;
      it.tasks.refine.params.solvent = { $param: "solvnt" };
      it.tasks.refine.params.method = { $param: "method", output: "x" };
      it.tasks.refine.params.accuracy = { nested: [{ $param: "seed" }] };
    },
    [
      "/params/exhaustiveness/default must be >= 1",
      '/tasks/refine/params/method is no reference: write {"$param": name} or {"$task": name, "output": name}',
      "/tasks/refine/params/solvent/$param solvnt is no parameter of this pipeline: did you mean solvent?",
      '/tasks/refine/params/accuracy is no reference: write {"$param": name} or {"$task": name, "output": name}',
      "warning /params/solvent is declared, and no task takes it",
    ],
  ],
  [
    "what is declared and never used: a warning",
    (it) => {
      it.inputs.spare = { kind: "molecule", optional: true };
      it.params.spare = {};
    },
    [
      "warning /inputs/spare is declared, and no task takes it",
      "warning /params/spare is declared, and no task takes it",
    ],
  ],
  [
    "names that can't be told apart, or are none",
    (it) => {
      it.params.Seed = { default: 1 };
      it.tasks["re fine"] = it.tasks.refine;
      it.tasks.DOCK = it.tasks.dock;
    },
    [
      "/params/Seed differs from seed in case only: rename one",
      "/tasks/re fine must begin with a letter and have letters, digits, _ and - only, 64 at most",
      "/tasks/DOCK differs from dock in case only: rename one",
      "warning /params/Seed is declared, and no task takes it",
    ],
  ],
  [
    "too many tasks",
    (it) => {
      for (let index = 0; index < 101; index++) it.tasks[`t${index}`] = it.tasks.dock;
    },
    ["/tasks are 103: 100 at most"],
  ],
  [
    "too much of it",
    (it) => {
      it.tasks.dock.params.site_id = "x".repeat(300_000);
    },
    ["/ is 301077 bytes: 262144 at most"],
  ],
];

test("the template that the broken ones are made from is right", () => assert.deepEqual(told(spec()), []));

for (const [about, change, says] of BROKEN)
  test(`a spec with ${about} is told by place and rule`, () => assert.deepEqual(told(spec(change)), says));

test("keys that are more than names to JavaScript, and depth without end, are refused wherever they stand", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const text = JSON.stringify(spec()).replace('"dock":', `"${name}":`);
    assert.match(
      told(JSON.parse(text))[0] ?? "",
      new RegExp(`^/tasks/${name} is called ${name}, which means`),
    );
    const inside = JSON.parse(`{"version":"1","tasks":{},"a":[{"b":{"${name}":1}}]}`);
    assert.match(told(inside)[0] ?? "", new RegExp(`^/a/0/b/${name} is called`));
  }
  const deep = JSON.parse(`${'{"a":'.repeat(500)}1${"}".repeat(500)}`);
  assert.match(told(deep)[0] ?? "", /deeper than 20 levels$/);
});

test("no value at all is taken for a spec, and none makes it fail", () => {
  const definite = fc.letrec((tie) => ({
    // Much like a spec, so that it gets past the first look.
    spec: fc.record(
      {
        version: fc.oneof(fc.constant("1"), fc.jsonValue()),
        inputs: fc.jsonValue(),
        params: fc.oneof(fc.dictionary(fc.constantFrom("seed", "a", ""), fc.jsonValue()), fc.jsonValue()),
        tasks: fc.dictionary(fc.constantFrom("a", "b", "__proto__", "x y"), tie("task")),
      },
      { requiredKeys: [] },
    ),
    task: fc.record(
      {
        task: fc.constantFrom("xtb", "vina", "x"),
        task_version: fc.constantFrom("1", "2"),
        engine: fc.constantFrom("xtb", "vina"),
        after: fc.array(fc.constantFrom("a", "b", "c")),
        max_attempts: fc.oneof(fc.constant(3), fc.jsonValue()),
        params: fc.dictionary(
          fc.constantFrom("seed", "site_id", "method"),
          fc.oneof(tie("ref"), fc.jsonValue()),
        ),
        inputs: fc.dictionary(fc.constantFrom("ligand", "structure"), fc.oneof(tie("ref"), fc.jsonValue())),
      },
      { requiredKeys: ["task", "task_version", "engine", "after", "max_attempts", "params"] },
    ),
    ref: fc.oneof(
      fc.record({ $input: fc.constantFrom("a", "toString") }),
      fc.record({ $param: fc.constantFrom("seed", "valueOf") }),
      fc.record({ $task: fc.constantFrom("a", "b"), output: fc.constantFrom("best_pose", "constructor") }),
    ),
  }));
  fc.assert(
    fc.property(fc.oneof(definite.spec, fc.jsonValue()), (value) => {
      for (const { path, rule } of validateSpec(value, definitions)) {
        assert.match(path, /^\//);
        assert.ok(rule.length > 0 && !rule.includes("\n") && !rule.includes("schema"), rule);
      }
    }),
    { numRuns: 300 },
  );
});

const task = (after: string[]): TaskSpec => ({
  task: "xtb",
  task_version: "1",
  engine: "xtb",
  after,
  max_attempts: 1,
  params: {},
});

/** A graph of up to 30 tasks, each after some of those before it, in a shuffled writing. */
const dag = fc
  .integer({ min: 1, max: 30 })
  .chain((size) =>
    fc.record({
      order: fc.shuffledSubarray(
        Array.from({ length: size }, (_, index) => `t${index}`),
        { minLength: size, maxLength: size },
      ),
      edges: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 60 }),
    }),
  )
  .map(({ order, edges }) => {
    const tasks: PipelineSpec["tasks"] = Object.fromEntries(order.map((name) => [name, task([])]));
    for (const [a, b] of edges) {
      const [first, second] = [`t${Math.min(a, b)}`, `t${Math.max(a, b)}`];
      const after = tasks[second]?.after ?? [];
      if (first !== second && !after.includes(first)) after.push(first);
    }
    return { version: "1", tasks } satisfies PipelineSpec;
  });

test("any graph without a circle is accepted, and its order has each task after all that it waits for", () => {
  fc.assert(
    fc.property(dag, (graph) => {
      assert.deepEqual(told(graph), []);
      const order = inOrder(graph);
      assert.deepEqual(order.toSorted(), Object.keys(graph.tasks).toSorted());
      for (const [name, { after }] of Object.entries(graph.tasks))
        for (const before of after) assert.ok(order.indexOf(before) < order.indexOf(name));
    }),
    { numRuns: 200 },
  );
});

test("any edge back makes a circle, which is named whole and true", () => {
  fc.assert(
    fc.property(dag, fc.nat(), (graph, pick) => {
      const edges = Object.entries(graph.tasks).flatMap(([name, { after }]) =>
        after.map((before) => [name, before]),
      );
      fc.pre(edges.length > 0);
      const [later = "", earlier = ""] = edges[pick % edges.length] ?? [];
      graph.tasks[earlier]?.after.push(later);
      const found = circles(dependsOn(graph));
      assert.ok(found.length > 0);
      for (const circle of found) {
        assert.equal(circle[0], circle.at(-1));
        for (const [index, name] of circle.slice(0, -1).entries())
          assert.ok(graph.tasks[name]?.after.includes(circle[index + 1] ?? ""), circle.join(" → "));
      }
      assert.equal(told(graph).filter((text) => / waits for itself: /.test(text)).length, found.length);
    }),
    { numRuns: 200 },
  );
});
