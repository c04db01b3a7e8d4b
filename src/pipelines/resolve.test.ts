import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import { readSeeds } from "../seeds/files.ts";
import { definitionsOf } from "../seeds/schema.ts";
import { diffSpecs } from "./diff.ts";
import { jobParamFaults } from "./job-params.ts";
import { resolveTask } from "./resolve.ts";
import type { PipelineSpec, TaskOutputs } from "./schema.ts";

const seeds = await readSeeds();
const template = (wanted: string): PipelineSpec => {
  const found = seeds.pipeline_templates.find(({ name }) => name === wanted);
  assert.ok(found);
  return found.spec;
};
const ligand = { key: "ligand", molecule_id: "m1", structure_id: null };
const receptor = { key: "receptor", molecule_id: null, structure_id: "s1" };
const refuses = (work: () => unknown, message: string) =>
  assert.throws(work, (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.deepEqual([error.kind, error.message], ["bad_input", message]);
    return true;
  });

test("a graph that declares nothing puts the job's parameters over the task's own, and gives all inputs", () => {
  const job = { params: { seed: 7, task: "single_point" }, inputs: [ligand, receptor] };
  assert.deepEqual(resolveTask(template("xtb-optimize"), "optimize", job), {
    params: { task: "single_point", seed: 7 },
    inputs: [ligand, receptor],
  });
});

test("declared parameters come from the job, else from their default, and nothing else of the job does", () => {
  const job = { params: { site_id: "site", seed: 7, num_modes: 99 }, inputs: [receptor, ligand] };
  assert.deepEqual(resolveTask(template("screen"), "dock", job), {
    params: { site_id: "site", exhaustiveness: 8, num_modes: 3, energy_range_kcal_mol: 3, seed: 7 },
    inputs: [ligand],
    time_limit_seconds: 3600,
  });
  // null is a value: it is not the default's to fill.
  const spec = template("dock-then-refine");
  const outputs = new Map<string, TaskOutputs>([
    ["dock", { best_pose: { structure_id: "pose", molecule_id: "m1" } }],
  ]);
  assert.deepEqual(resolveTask(spec, "refine", { params: { method: null }, inputs: [] }, outputs), {
    params: { task: "optimize", method: null, solvent: null, optimization_level: "normal" },
    inputs: [{ key: "structure", structure_id: "pose", molecule_id: "m1" }],
  });
});

test("a reference with nothing behind it is named", () => {
  const spec = template("dock-then-refine");
  const job = { params: {}, inputs: [ligand] };
  refuses(
    () => resolveTask(spec, "dock", job),
    'parameter site_id of task dock is {"$param":"site_id"}, and this job has no site_id: name one',
  );
  refuses(
    () => resolveTask(spec, "dock", { params: { site_id: "s" }, inputs: [receptor] }),
    'input ligand of task dock is {"$input":"ligand"}, and this job has no ligand: give one',
  );
  for (const outputs of [new Map<string, TaskOutputs>(), new Map<string, TaskOutputs>([["dock", {}]])])
    refuses(
      () => resolveTask(spec, "refine", job, outputs),
      "input structure of task refine needs best_pose of dock, and task dock has given none",
    );
  refuses(
    () => resolveTask(spec, "refine", job, new Map([["dock", { best_pose: { value: 1 } }]])),
    "input structure of task refine needs a structure, and best_pose of dock is a value",
  );
  refuses(() => resolveTask(spec, "toString", job), "this job's recipe has no task toString");
});

test("values of earlier tasks become parameters, and optional inputs may be left out while one remains", () => {
  const spec: PipelineSpec = {
    version: "1",
    inputs: { drug: { kind: "molecule" }, crystal: { kind: "structure", optional: true } },
    params: {},
    tasks: {
      a: {
        task: "vina",
        task_version: "1",
        engine: "vina",
        after: [],
        max_attempts: 1,
        params: { num_modes: { $task: "b", output: "n" }, seed: 3 },
        inputs: { ligand: { $input: "drug" }, reference: { $input: "crystal" } },
      },
      c: {
        task: "xtb",
        task_version: "1",
        engine: "xtb",
        after: [],
        max_attempts: 1,
        params: {},
        inputs: { structure: { $input: "crystal" } },
      },
    },
  };
  const outputs = new Map<string, TaskOutputs>([
    ["b", { n: { value: 4 }, s: { structure_id: "x", molecule_id: null } }],
  ]);
  const job = { params: { seed: 9 }, inputs: [{ ...ligand, key: "drug" }] };
  assert.deepEqual(resolveTask(spec, "a", job, outputs), {
    params: { num_modes: 4, seed: 3 },
    inputs: [ligand],
  });
  refuses(
    () => resolveTask(spec, "c", job, outputs),
    'input structure of task c is {"$input":"crystal"}, and this job has no crystal: give one',
  );
});

test("a job's parameters are held against every task that takes them", () => {
  const told = (name: string, given: Record<string, unknown>) =>
    jobParamFaults(template(name), given, definitionsOf(seeds)).map(({ path, rule }) => `${path} ${rule}`);
  assert.deepEqual(told("dock-then-refine", { exhaustiveness: 4, solvent: "water", method: "gfn1" }), []);
  assert.deepEqual(told("dock-then-refine", { exhaustivness: 4, optimization_level: "mad", num_modes: 1 }), [
    "/params/exhaustivness is no parameter of this pipeline: did you mean exhaustiveness?",
    "/params/optimization_level must be one of crude, sloppy, loose, lax, normal, tight, verytight, extreme",
    "/params/num_modes is no parameter of this pipeline: there are site_id, exhaustiveness, seed, method, solvent, optimization_level",
  ]);
  assert.deepEqual(told("dock", { num_modes: 4 }), []);
  assert.deepEqual(told("dock", { num_modes: 0, method: "gfn2" }), [
    "/params/num_modes must be >= 1",
    "/params/method is no parameter of this pipeline: there are exhaustiveness, num_modes, energy_range_kcal_mol, seed, site_id",
  ]);
});

test("two specs are compared at the smallest places that differ", () => {
  const before = { a: { b: 1, "x/y": [1, 2] }, gone: null };
  const after = { a: { b: 2, "x/y": [1, 3, 4] }, fresh: { c: [] } };
  assert.deepEqual(diffSpecs(before, after), [
    { path: "/a/b", change: "changed", old: 1, new: 2 },
    { path: "/a/x~1y/1", change: "changed", old: 2, new: 3 },
    { path: "/a/x~1y/2", change: "added", new: 4 },
    { path: "/fresh", change: "added", new: { c: [] } },
    { path: "/gone", change: "removed", old: null },
  ]);
  assert.deepEqual(diffSpecs(before, structuredClone(before)), []);
  assert.deepEqual(diffSpecs({ a: [1] }, { a: { 0: 1 } }), [
    { path: "/a", change: "changed", old: [1], new: { 0: 1 } },
  ]);
});
