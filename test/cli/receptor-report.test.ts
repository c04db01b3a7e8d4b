import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../house/sources.ts";
import { documentOf, openCliHome } from "./home.ts";

/** A receptor that is prepared on the way to a site or a docking is told of, on stderr. */
const home = openCliHome({ after });
const PDB = join(ROOT, "examples", "1hpv.pdb");

before(async () => {
  const words = ["--json", "org", "create", "Lab"];
  documentOf(words, await home.here(words), 0);
});

test("dock and site create print the report of a receptor that they prepared, once", async () => {
  const dock = ["--json", "dock", "CCO", "--receptor", PDB, "--around", "478", "--histidine", "A:69=HIP"];
  const first = await home.here(dock);
  documentOf(dock, first, 0);
  assert.match(first.stderr, /^receptor \S+\n {2}file .*\n {2}chains +A \(99 residues\), B/);
  assert.match(first.stderr, /histidines A:69 HIP \(chosen\), B:69 HIE \(default\)\n.*made site 1hpv/s);
  assert.doesNotMatch((await home.here(dock)).stderr, /^receptor|histidines/m);
  const create = ["site", "create", "--receptor", PDB, "--keep-water", "201", "--around", "478"];
  const made = await home.here(create);
  assert.match(made.stderr, /^receptor \S+\n.*waters +kept 201, 79 left out/s);
  assert.match(made.stdout, /^site \S+\n/);
  assert.match(made.stdout, /receptor +\S+, with water 201\n/);
  assert.equal((await home.here(create)).stderr, "");
});

test("a list tells sites of one name apart by visibility, receptor and waters", async () => {
  await home.here(["site", "create", "--receptor", PDB, "--around", "478", "--private"]);
  const lines = (await home.here(["site", "list"])).stdout.split("\n");
  assert.match(lines[0] ?? "", /^site +name +visibility +receptor +waters +center/);
  const rows = lines.slice(1).filter((line) => line.includes("1hpv 478"));
  assert.equal(rows.length, 3);
  assert.equal(rows.filter((line) => / private +[0-9a-f-]{36} /.test(line)).length, 1);
  assert.equal(rows.filter((line) => / organization +[0-9a-f-]{36} +201 /.test(line)).length, 1);
});
