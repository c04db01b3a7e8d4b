import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inResults, makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { BOX, createSite, prepareHpv } from "../../test/support/docking.ts";
import { keepResults } from "../../test/support/kept-results.ts";
import type { Principal } from "../access/principal.ts";
import { loadVina } from "../engines/vina/prepare.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { readSeeds } from "../seeds/files.ts";
import {
  checkPipeline,
  comparePipelineOperation,
  createPipelineOperation,
  listPipelines,
  publishPipelineOperation,
  runPipelineOperation,
  showPipeline,
} from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const viewer = await person(context, org, "viewer");
const eve = await person(context, other, "scientist");

// biome-ignore lint/suspicious/noExplicitAny: a test changes specs in ways that no type allows
type Loose = any;
const { pipeline_templates } = await readSeeds();
const spec = (change: (spec: Loose) => void = () => {}): Loose => {
  const copy = structuredClone(pipeline_templates.find(({ name }) => name === "dock-then-refine")?.spec);
  change(copy);
  return copy;
};

const create = (who: Principal, input: object) => perform(context, createPipelineOperation, who, input);
const publish = (who: Principal, input: object) => perform(context, publishPipelineOperation, who, input);
const show = (who: Principal, pipeline: string, version?: string) =>
  perform(context, showPipeline, who, { pipeline, ...(version === undefined ? {} : { version }) });
const compare = (who: Principal, input: object) => perform(context, comparePipelineOperation, who, input);
const names = async (who: Principal) =>
  (await perform(context, listPipelines, who, { limit: 1000 })).items
    .filter(({ whose }) => whose !== "system")
    .map(({ name }) => name);
const refuses = (work: Promise<unknown>, kind: string, says: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, says);
    return true;
  });

test("the system's pipelines are there for everybody, by name", async () => {
  const { items } = await perform(context, listPipelines, viewer, {});
  assert.deepEqual(
    items
      .map(({ name, whose, latest_version, draft_version }) => [name, whose, latest_version, draft_version])
      .toSorted(),
    ["dock", "dock-then-refine", "screen", "xtb-optimize", "xtb-singlepoint"].map((name) => [
      name,
      "system",
      "1",
      null,
    ]),
  );
  assert.equal((await show(viewer, "screen")).published, true);
});

test("a draft is made, replaced and published; then the next one has the next number", async () => {
  const made = await create(ann, { name: "mine", template: "dock-then-refine" });
  assert.deepEqual([made.version, made.created, made.warnings], ["1", true, []]);
  const second = await create(ann, {
    name: "mine",
    spec: { ...spec((it) => (it.params.spare = {})), version: "77" },
    description: "better",
  });
  assert.deepEqual(second, {
    pipeline_id: made.pipeline_id,
    name: "mine",
    version: "1",
    created: false,
    warnings: [{ path: "/params/spare", rule: "is declared, and no task takes it" }],
  });
  const draft = await show(bob, "mine");
  assert.deepEqual([draft.draft_version, draft.latest_version, draft.published], ["1", null, false]);
  assert.deepEqual([draft.description, (draft.spec as Loose).version], ["better", "1"]);
  const published = await publish(ann, { pipeline: "mine" });
  assert.deepEqual([published.version, published.latest_version, published.changed], ["1", "1", true]);
  assert.equal((await publish(ann, { pipeline: "mine", version: "1" })).changed, false);
  await refuses(publish(ann, { pipeline: "mine" }), "conflict", /has no draft/);
  const third = await create(ann, { name: "mine", spec: spec() });
  assert.deepEqual([third.version, third.created], ["2", true]);
  const now = await show(ann, "mine");
  assert.deepEqual(
    [now.version, now.versions.map(({ version, published }) => [version, published])],
    [
      "1",
      [
        ["1", true],
        ["2", false],
      ],
    ],
  );
});

test("versions and templates are compared by place", async () => {
  const whole = await compare(ann, { pipeline: "mine" });
  assert.deepEqual([whole.from, whole.to], ["1", "2"]);
  assert.deepEqual(
    whole.changes.toSorted((a, b) => a.path.localeCompare(b.path)),
    [
      { path: "/params/spare", change: "removed", old: {} },
      { path: "/version", change: "changed", old: "1", new: "2" },
    ],
  );
  const template = await compare(ann, { pipeline: "mine", template: "dock-then-refine" });
  assert.deepEqual([template.from, template.changes], ["template dock-then-refine", []]);
  await refuses(
    compare(ann, { pipeline: "mine", to: "1" }),
    "not_found",
    /nothing of pipeline mine was published before/,
  );
  await refuses(compare(ann, { pipeline: "mine", from: "9" }), "not_found", /has no version 9: it has 1, 2/);
});

test("every fault of a spec is told at once, and nothing is kept of it", async () => {
  const broken = spec((it) => {
    it.tasks.dock.after = ["refine"];
    it.tasks.refine.params.method = "gfn3";
  });
  await assert.rejects(create(ann, { name: "broken", spec: broken }), (error: AppError) => {
    assert.equal(error.kind, "bad_input");
    assert.match(
      error.message,
      /^this spec can't be a pipeline: \/tasks\/dock\/after waits for itself: dock → refine → dock, and 1 more$/,
    );
    assert.deepEqual(
      error.fields.map(({ path }) => path),
      ["/tasks/dock/after", "/tasks/refine/params/method"],
    );
    return true;
  });
  const { ok, items } = await perform(context, checkPipeline, viewer, { spec: broken });
  assert.deepEqual([ok, items.length], [false, 3]);
  await refuses(show(ann, "broken"), "not_found", /no pipeline "broken"/);
  await refuses(create(ann, { name: "x" }), "bad_input", /from a spec or from a template/);
  await refuses(create(ann, { name: "x", template: "dick" }), "not_found", /did you mean dock\?/);
  await refuses(
    create(ann, { name: "dock", template: "dock" }),
    "conflict",
    /the system has a pipeline dock/,
  );
  await refuses(create(ann, { name: ann.user_id, spec: spec() }), "bad_input", /look like an id/);
  await refuses(create(ann, { name: "Bad Name!", spec: spec() }), "bad_input", /"Bad Name!" is none/);
});

test("another person's pipeline is not changed, a private one not seen, and a taken name is told", async () => {
  await refuses(create(bob, { name: "mine", spec: spec() }), "forbidden", /mine is not yours/);
  await refuses(publish(bob, { pipeline: "mine" }), "forbidden", /mine is not yours/);
  await refuses(publish(bob, { pipeline: "dock" }), "forbidden", /dock is not yours/);
  await refuses(create(viewer, { name: "his", spec: spec() }), "forbidden", /pipelines:write/);
  const secret = await create(ann, { name: "secret", spec: spec(), visibility: "private" });
  for (const text of ["secret", secret.pipeline_id])
    await refuses(show(bob, text), "not_found", /no pipeline/);
  await refuses(create(bob, { name: "secret", spec: spec() }), "conflict", /secret is taken/);
  assert.deepEqual((await names(ann)).toSorted(), ["mine", "secret"]);
  assert.deepEqual(await names(bob), ["mine"]);
  assert.equal((await publish(boss, { pipeline: "secret" })).changed, true);
  assert.equal((await create(boss, { name: "secret", spec: spec() })).version, "2");
});

test("another organization sees what is public once it is published, by id alone, without its drafts", async () => {
  const { pipeline_id } = await create(ann, { name: "open", template: "screen" });
  await create(boss, { name: "open", spec: spec(), visibility: "public" });
  await refuses(show(eve, pipeline_id), "not_found", /no pipeline/);
  await publish(boss, { pipeline: "open" });
  await create(ann, { name: "open", spec: spec() });
  const seen = await show(eve, pipeline_id);
  assert.deepEqual([seen.whose, seen.draft_version, seen.versions.length], ["other", null, 1]);
  await refuses(show(eve, "open"), "not_found", /no pipeline "open"/);
  assert.deepEqual(await names(eve), ["open"]);
  const own = await create(eve, { name: "open", spec: spec() });
  assert.notEqual(own.pipeline_id, pipeline_id);
  await refuses(publish(eve, { pipeline: pipeline_id }), "forbidden", /not yours/);
});

test("what other organizations see is not for each member to decide", async () => {
  const shared = { name: "told", template: "screen", visibility: "public" };
  await refuses(create(ann, shared), "forbidden", /pipelines:share/);
  await create(ann, { name: "told", template: "screen" });
  await refuses(create(ann, shared), "forbidden", /pipelines:share/);
  assert.equal((await show(ann, "told")).visibility, "organization");
  await create(boss, shared);
  // Its maker goes on writing drafts, which nobody else sees; the words are read at once.
  await create(ann, { name: "told", spec: spec() });
  const described = { name: "told", spec: spec(), description: "buy this" };
  await refuses(create(ann, described), "forbidden", /pipelines:share/);
  assert.equal((await show(ann, "told")).description, (await show(boss, "screen")).description);
  await create(boss, { ...described, description: "what it does" });
  assert.equal((await show(ann, "told")).description, "what it does");
  await refuses(publish(ann, { pipeline: "told" }), "forbidden", /pipelines:share/);
  assert.equal((await show(ann, "told")).latest_version, null);
  await create(ann, { ...described, visibility: "organization" });
  assert.equal((await show(ann, "told")).description, "buy this");
  assert.equal((await publish(ann, { pipeline: "told" })).changed, true);
});

test("two who make the same pipeline at once get one of it, and two who publish a draft publish it once", async () => {
  const made = await Promise.all([1, 2, 3].map(() => create(ann, { name: "race", spec: spec() })));
  assert.equal(new Set(made.map(({ pipeline_id }) => pipeline_id)).size, 1);
  assert.deepEqual(made.map(({ version, created }) => `${version} ${created}`).toSorted(), [
    "1 false",
    "1 false",
    "1 true",
  ]);
  const published = await Promise.all([1, 2, 3].map(() => publish(ann, { pipeline: "race", version: "1" })));
  assert.deepEqual(published.map(({ changed }) => changed).toSorted(), [false, false, true]);
});

test("a pipeline's makings and publications are in the audit log, with its id", async () => {
  const rows = await context.superuser<{ action: string; metadata: object; same: boolean }>(
    `SELECT a.action, a.metadata, a.pipeline_id = p.pipeline_id AND a.entity_id = p.pipeline_id::text AS same
     FROM audit_logs a JOIN pipelines p ON a.entity_id = p.pipeline_id::text WHERE p.name = 'mine' ORDER BY seq`,
  );
  assert.deepEqual(
    rows.map(({ action, metadata, same }) => [action, metadata, same]),
    [
      ["pipeline.create", { version: "1", created: true }, true],
      ["pipeline.create", { version: "1", created: false }, true],
      ["pipeline.publish", { version: "1", changed: true }, true],
      ["pipeline.publish", { version: "1", changed: false }, true],
      ["pipeline.create", { version: "2", created: true }, true],
    ],
  );
});

test("what can't be run says why: a draft, a version, a parameter, too many, nothing", async () => {
  const run = (pipeline: string, more: object = {}) =>
    perform(context, runPipelineOperation, ann, {
      pipeline,
      molecules: [{ text: "O", format: "smiles" }],
      ...more,
    });
  await refuses(run("nothing"), "not_found", /no pipeline "nothing"/);
  await refuses(run("mine", { version: "2" }), "not_found", /no published version 2/);
  await create(ann, { name: "raw", spec: spec() });
  await refuses(run("raw"), "conflict", /raw has a draft only/);
  await refuses(
    run("mine", { params: { solvent: "wine" } }),
    "bad_input",
    /pipeline mine: params solvent must be one of/,
  );
  const ids = Array.from({ length: 600 }, () => ann.user_id);
  await refuses(
    run("mine", { molecule_ids: ids, structure_ids: ids }),
    "bad_input",
    /`batch.create` takes up to a million/,
  );
});

test("a pipeline that is run makes jobs that carry its graph", async () => {
  const own = {
    version: "1",
    tasks: pipeline_templates.find(({ name }) => name === "xtb-singlepoint")?.spec.tasks,
  };
  const { pipeline_id } = await create(ann, { name: "points", spec: own });
  await publish(ann, { pipeline: "points" });
  const ran = await perform(context, runPipelineOperation, ann, {
    pipeline: pipeline_id,
    molecules: [
      { text: "O", format: "smiles" },
      { text: "C", format: "smiles" },
    ],
    params: { method: "gfn1" },
  });
  assert.deepEqual(
    [ran.pipeline, ran.pipeline_version, ran.engines, ran.jobs.length],
    ["points", "1", ["xtb"], 2],
  );
  assert.ok(ran.jobs.every(({ status, cached }) => status === "queued" && !cached));
});

test("what a graph declares has its own defaults: no engine's stand over them", async () => {
  const receptor = await prepareHpv(context, ann);
  const site = await createSite(context, ann, receptor);
  const docking = spec((it) => {
    it.params.exhaustiveness.default = 2;
    delete it.tasks.refine;
    for (const name of ["method", "solvent", "optimization_level"]) delete it.params[name];
  });
  const point = {
    inputs: { molecule: { kind: "molecule" } },
    params: { seed: { default: 7 }, charge: { default: null } },
    tasks: {
      point: {
        ...{ task: "xtb", task_version: "1", engine: "xtb", after: [], max_attempts: 1 },
        inputs: { molecule: { $input: "molecule" } },
        params: { task: "single_point", seed: { $param: "seed" }, charge: { $param: "charge" } },
      },
    },
  };
  const paramsOf = async (name: string, graph: object, more: object): Promise<object | undefined> => {
    await create(ann, { name, spec: graph });
    await publish(ann, { pipeline: name });
    const molecules = [{ text: "[OH-]", format: "smiles" }];
    const { jobs } = await perform(context, runPipelineOperation, ann, {
      pipeline: name,
      molecules,
      ...more,
    });
    const [row] = await context.superuser<{ params: object }>(
      "SELECT params FROM jobs WHERE job_id = $1",
      [jobs[0]?.job_id],
      org.database_name,
    );
    return row?.params;
  };
  assert.deepEqual(await paramsOf("docking", docking, { site: site.site_id }), { site_id: site.site_id });
  assert.deepEqual(await paramsOf("docking", docking, { site: site.site_id, params: { seed: 5 } }), {
    site_id: site.site_id,
    seed: 5,
  });
  // Charge is what the drawing says, and the graph asks for it.
  assert.deepEqual(await paramsOf("point", point, {}), { charge: -1 });
  await refuses(paramsOf("docking", docking, {}), "bad_input", /docking docks: say where with `site`/);
});

test("a declared parameter that no task has use for is refused under its own name, as the graph then stands", async () => {
  const xtb = { task: "xtb", task_version: "1", engine: "xtb", max_attempts: 1 };
  const inputs = { molecule: { $input: "molecule" } };
  const choices = { method: { $param: "how" }, optimization_level: { $param: "level" } };
  const point = { ...xtb, inputs, after: [], params: { task: "single_point", ...choices } };
  const graph = (more: object) => ({
    inputs: { molecule: { kind: "molecule" } },
    params: { how: { default: "gfnff" }, level: { default: "tight" }, spin: { default: null } },
    tasks: { point: { ...point, params: { ...point.params, multiplicity: { $param: "spin" } } }, ...more },
  });
  const molecules = [{ text: "O", format: "smiles" as const }];
  const run = (pipeline: string, params: object) =>
    perform(context, runPipelineOperation, ann, { pipeline, molecules, params: { ...params } });
  const at = async (asked: Promise<unknown>) => {
    const error = await asked.then(
      () => undefined,
      (thrown: AppError) => thrown,
    );
    return error?.fields.map(({ path }) => path);
  };
  await create(ann, { name: "idle", spec: graph({}) });
  await publish(ann, { pipeline: "idle" });
  assert.deepEqual(await at(run("idle", { level: "loose" })), ["/params/level"]);
  assert.deepEqual(await at(run("idle", { spin: 1 })), ["/params/spin"]);
  assert.equal(await at(run("idle", { spin: 1, how: "gfn2" })), undefined);
  for (const none of [{}, { spin: null }]) assert.equal(await at(run("idle", none)), undefined);
  const optimize = { ...xtb, inputs, after: ["point"], params: { task: "optimize", ...choices } };
  await create(ann, { name: "of-use", spec: graph({ optimize }) });
  await publish(ann, { pipeline: "of-use" });
  assert.equal(await at(run("of-use", { level: "loose" })), undefined);
});

test("a later task docks only where the asker may look, and a private site makes the job private", async () => {
  const receptor = await prepareHpv(context, ann);
  const open = await createSite(context, ann, receptor);
  const secret = await createSite(context, ann, receptor, { ...BOX, name: "secret", visibility: "private" });
  const graph = spec((it) => {
    const { dock, refine } = it.tasks;
    it.tasks = {
      first: { ...refine, after: [], inputs: { molecule: { $input: "ligand" } } },
      dock: { ...dock, after: ["first"] },
    };
    it.tasks.first.params = { task: "single_point" };
    it.tasks.dock.params.site_id = { $param: "where" };
    it.params = { where: {}, exhaustiveness: { default: 1 }, seed: { default: 42 } };
  });
  await create(ann, { name: "late", spec: graph });
  await publish(ann, { pipeline: "late" });
  const run = async (who: typeof ann, more: object) => {
    const molecules = [{ text: "CCOC", format: "smiles" }];
    const { jobs } = await perform(context, runPipelineOperation, who, {
      pipeline: "late",
      molecules,
      ...more,
    });
    return context.superuser<{ visibility: string; params: object; site_id: string }>(
      `SELECT j.visibility, j.params, i.site_id FROM jobs j JOIN job_inputs i USING (job_id)
        WHERE j.job_id = $1 AND i.site_id IS NOT NULL`,
      [jobs[0]?.job_id],
      org.database_name,
    );
  };
  const [shown] = await run(ann, { site: open.site_id });
  assert.deepEqual([shown?.visibility, shown?.site_id], ["organization", open.site_id]);
  const [hidden] = await run(ann, { params: { where: secret.site_id } });
  assert.deepEqual([hidden?.visibility, hidden?.site_id], ["private", secret.site_id]);
  await refuses(run(bob, { params: { where: secret.site_id } }), "not_found", /no binding site/);
  await refuses(run(bob, {}), "bad_input", /late docks: say where with `site`/);
  const task = {
    ...{ job_id: "", task_name: "dock", exec_id: "", owner_id: bob.user_id },
    org_id: org.org_id,
  };
  const ligand = { key: "ligand", molecule_id: ann.user_id, structure_id: null };
  await inResults(context, org, (scope) =>
    refuses(
      loadVina(scope, {
        ...{ ...task, visibility: "organization", inputs: [ligand] },
        ...{ params: { site_id: secret.site_id }, site_ids: [open.site_id] },
      }),
      "bad_input",
      /not among this job's inputs/,
    ),
  );
});

test("an input that a graph needs and nothing is given as is refused before any job is made", async () => {
  const point = (inputs: object, taken: object): Loose => ({
    inputs,
    tasks: {
      point: {
        ...{ task: "xtb", task_version: "1", engine: "xtb", after: [], max_attempts: 1 },
        ...{ inputs: taken, params: { task: "single_point" } },
      },
    },
  });
  const geometry = { geometry: { kind: "structure" } };
  await create(ann, { name: "geometries", spec: point(geometry, { structure: { $input: "geometry" } }) });
  await publish(ann, { pipeline: "geometries" });
  const molecules = [{ text: "O", format: "smiles" }];
  const run = (pipeline: string) => perform(context, runPipelineOperation, ann, { pipeline, molecules });
  await refuses(run("geometries"), "bad_input", /is given a structure, and this is a molecule/);
});

test("a completed job whose files are gone answers nothing", async () => {
  const molecules = [{ text: "CCSCC", format: "smiles" as const }];
  const run = async () => {
    const { jobs } = await perform(context, runPipelineOperation, ann, {
      pipeline: "xtb-singlepoint",
      molecules,
    });
    return jobs[0];
  };
  const first = await run();
  const job_id = first?.job_id ?? "";
  await inResults(context, org, async ({ tx }) => {
    await tx.updateTable("tasks").set({ status: "completed" }).where("job_id", "=", job_id).execute();
    await tx.updateTable("jobs").set({ status: "completed" }).where("job_id", "=", job_id).execute();
    await keepResults(tx, [job_id]);
  });
  const again = await run();
  assert.deepEqual([again?.job_id, again?.status, again?.cached], [job_id, "completed", true]);
  await context.superuser(
    "UPDATE result_cache SET artifact_map = $2 WHERE canonical_job_id = $1",
    [job_id, { "singlepoint/out": `object:${"0".repeat(64)}` }],
    org.database_name,
  );
  assert.equal((await run())?.cached, false);
});
