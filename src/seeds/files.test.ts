import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { AppError } from "../errors.ts";
import { openToolkit } from "../toolkit/toolkit.ts";
import { readSeeds } from "./files.ts";
import type { SeedFile } from "./schema.ts";
import { seedFolder } from "./support.test.ts";

type Change = Parameters<typeof seedFolder>[2];

const roles = "seeds/roles\\.json";
const templates = "seeds/pipeline_templates\\.json";

/** What is done to a file, and what the error says of it. */
const BROKEN: [file: SeedFile, change: Change, says: string][] = [
  ["roles", "", `${roles} is no JSON`],
  ["roles", '[{"name": "owner"', `${roles} is no JSON`],
  ["roles", "{}", `${roles} must be array`],
  ["roles", "[]", `${roles} must not have fewer than 1 items`],
  ["roles", (list) => list.push(null), `${roles}/5 must be object`],
  ["roles", (list) => (list[2].permissions[3] = "jobs:sumbit"), `${roles}/2/permissions/3 .*"jobs:sumbit"`],
  ["roles", (list) => list[0].permissions.push("orgs:create"), `${roles}/0/permissions/.*"orgs:create"`],
  ["roles", (list) => list[0].permissions.push(list[0].permissions[0]), `${roles}/0/permissions .*duplicate`],
  ["roles", (list) => (list[1].nickname = "x"), `${roles}/1/nickname is not known here`],
  ["roles", (list) => list.push({ ...list[0], name: "Owner" }), `${roles}/5 is Owner again: entry 0 has it`],
  ["roles", (list) => list.splice(0, 1), `${roles} must have the role owner`],
  [
    "task_definitions",
    (list) => (list[0].task_type = "magic"),
    `task_definitions\\.json/0/task_type .*"magic"`,
  ],
  ["task_definitions", (list) => list.push({ ...list[0] }), "task_definitions\\.json/2 is xtb 1 again"],
  ["task_services", (list) => (list[0].name = ""), "task_services\\.json/0/name must not have fewer than 1"],
  ["task_services", (list) => list.push({ ...list[0] }), "task_services\\.json/2 is xtb again"],
  ["pipeline_templates", (list) => delete list[0].spec.tasks, `${templates}/0/spec must have required`],
  ["pipeline_templates", (list) => list.push({ ...list[0] }), `${templates}/5 is xtb-optimize again`],
  ["pipeline_templates", (list) => (list[0].version = "7"), `${templates}/0/spec/version must be 7`],
  [
    "pipeline_templates",
    (list) => (list[0].spec.tasks = {}),
    `${templates}/0/spec/tasks must not have fewer than 1`,
  ],
  [
    "pipeline_templates",
    (list) => (list[0].spec.tasks.optimize.task_version = "3"),
    `${templates}/0/spec/tasks/optimize/task_version xtb has no version 3: it has 1`,
  ],
  [
    "pipeline_templates",
    (list) => (list[2].spec.tasks.dock.engine = "smina"),
    `${templates}/2/spec/tasks/dock/engine names smina, which is not in seeds/task_services\\.json`,
  ],
  [
    "pipeline_templates",
    (list) => (list[2].spec.tasks.dock.after = ["prepare"]),
    `${templates}/2/spec/tasks/dock/after/0 waits for prepare, which is no task here`,
  ],
  [
    "pipeline_templates",
    (list) => {
      const { tasks } = list[2].spec;
      tasks.dock.after = ["b"];
      tasks.b = { ...tasks.dock, after: ["dock"] };
    },
    `${templates}/2/spec/tasks/dock/after waits for itself: dock → b → dock`,
  ],
  ["organizations", (list) => (list[0].name = " x "), "organizations\\.json/0/name"],
  ["organizations", (list) => list.push({ ...list[0] }), "organizations\\.json must not have more than 1"],
  ["sample_molecules", (list) => delete list[0].source, "sample_molecules\\.json/0 must have required"],
  ["sample_molecules", (list) => (list[1].inchikey = "caffeine"), "sample_molecules\\.json/1/inchikey"],
  ["sample_molecules", (list) => (list[3].name = list[0].name), "sample_molecules\\.json/3 is aspirin again"],
  [
    "sample_molecules",
    (list) => (list[3].inchikey = list[0].inchikey),
    "sample_molecules\\.json/3 is BSYN.* again",
  ],
];

test("the program's own files are right", async () => {
  const seeds = await readSeeds();
  for (const [name, list] of Object.entries(seeds)) assert.ok(list.length > 0, name);
  assert.deepEqual(
    seeds.pipeline_templates.map(({ name }) => name),
    ["xtb-optimize", "xtb-singlepoint", "dock", "screen", "dock-then-refine"],
    "the code asks for them by name",
  );
});

for (const [file, change, says] of BROKEN)
  test(`${says.replaceAll("\\", "")}: refused with file, place and rule`, async (t) => {
    await assert.rejects(readSeeds(seedFolder(t, file, change)), (error) => {
      assert.ok(error instanceof AppError, String(error));
      assert.equal(error.kind, "bad_input");
      assert.match(error.message, new RegExp(says));
      assert.doesNotMatch(error.message, /\n/);
      const [field] = error.fields;
      assert.ok(field?.path?.startsWith(`seeds/${file}.json`), field?.path);
      return true;
    });
  });

test("a file that is missing is named", async (t) => {
  const folder = seedFolder(t, "roles", () => {});
  rmSync(join(folder, "task_services.json"));
  await assert.rejects(
    readSeeds(folder),
    /seeds\/task_services\.json can't be read \(ENOENT\): put the file right/,
  );
});

test("every sample molecule is what its source says: its InChIKey follows from its SMILES", async () => {
  const toolkit = openToolkit({ threads: 1 });
  after(() => toolkit[Symbol.asyncDispose]());
  const { sample_molecules } = await readSeeds();
  const found = await toolkit.identify(
    sample_molecules.map(({ smiles }) => ({ text: smiles, format: "smiles" })),
  );
  assert.ok(sample_molecules.length >= 12);
  for (const [index, { name, inchikey, source }] of sample_molecules.entries()) {
    const one = found[index];
    assert.ok(one?.ok, name);
    assert.equal(one.species.inchikey, inchikey, name);
    assert.deepEqual(
      [one.parent, one.compound_parent, one.species.charge],
      [null, null, 0],
      `${name} has kin`,
    );
    assert.match(source, /^PubChem CID \d+$/);
  }
});
