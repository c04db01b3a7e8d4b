import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { TaskDefinition } from "./definition.ts";
import { parametersOf } from "./parameters.ts";
import type { PipelineSpec } from "./schema.ts";

const seeds = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../seeds/${name}.json`, import.meta.url), "utf8"));
const definitions = seeds("task_definitions") as TaskDefinition[];
const of = (name: string, spec: PipelineSpec) => {
  const list = parametersOf(
    { pipeline_id: "", pipeline_version_id: "", name, version: "1", spec },
    definitions,
  );
  return Object.fromEntries(list.map((one) => [one.name, one]));
};
const task = (params: object) => ({
  ...{ task: "xtb", task_version: "1", engine: "xtb", after: [], max_attempts: 3, params },
});

test("a graph that declares none has those of its first engine, with the defaults of both", () => {
  const spec = { version: "1", tasks: { run: task({ task: "optimize", method: "gfn1" }) } } as PipelineSpec;
  const { method, solvent, charge, large } = of("p", spec);
  assert.deepEqual([method?.default, method?.allowed], ["gfn1", ["gfn1", "gfn2", "gfnff"]]);
  assert.equal(solvent?.default, null);
  assert.ok(solvent?.allowed?.includes("water"));
  assert.deepEqual([charge?.minimum, charge?.maximum, charge?.unit], [-100, 100, "e"]);
  assert.deepEqual([large?.allowed, large?.default], [[true, false], false]);
});

test("what a graph declares has its default, and what its task allows under its own name for it", () => {
  const params = { task: "optimize", method: { $param: "hamiltonian" }, solvent: { $param: "medium" } };
  const declared = { hamiltonian: { default: "gfn2", description: "which" }, medium: {} };
  const found = of("p", { version: "1", params: declared, tasks: { run: task(params) } } as PipelineSpec);
  assert.deepEqual(Object.keys(found), ["hamiltonian", "medium"]);
  const { hamiltonian, medium } = found;
  assert.deepEqual(
    [hamiltonian?.required, hamiltonian?.default, hamiltonian?.allowed, hamiltonian?.description],
    [false, "gfn2", ["gfn1", "gfn2", "gfnff"], "which"],
  );
  assert.deepEqual([medium?.required, medium?.default], [true, null]);
  assert.ok(medium?.allowed?.includes("water"));
});
