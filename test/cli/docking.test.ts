import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../house/sources.ts";
import { assertKeys, assertRefused, documentOf, openCliHome, type Refusal, type Runner } from "./home.ts";

/** Shapes of the docking commands and what bad input gets, on one home without a worker. */
const home = openCliHome({ after });
const here: Runner = (words, env) => home.here(words, env);
const json = async <T>(words: string[]): Promise<T> =>
  documentOf<T>(words, await here(["--json", ...words]), 0);
type Row = Record<string, unknown>;
type List = { items: Row[]; next_cursor: string | null };
type Submitted = { batch_id: null; site_id: string; jobs: Row[]; rejected: Row[] };

const PDB = join(ROOT, "examples", "1hpv.pdb");
const PREPARE = ["receptor", "prepare", PDB, "--keep-water", "201"];
const MISSING = "01a1fe29-0000-7183-9923-8edaf77b1628";
let receptor: Row;
let id = "";

before(async () => {
  await json(["org", "create", "Lab One"]);
  await home.open();
  receptor = await json<Row>(PREPARE);
  id = String(receptor["structure_id"]);
});

test("receptor prepare, list, show; site create, list, show; dock without a worker; query docking", async () => {
  assertKeys(receptor, "structure_id", "kind", "format", "checksum", "preparation", "created");
  assert.equal((await json<Row>(PREPARE))["created"], false);
  assert.ok((await json<List>(["receptor", "list"])).items.some((row) => row["structure_id"] === id));
  assert.match((await here(["receptor", "show", id, "--pdbqt"])).stdout, /^REMARK|^ATOM/);
  assert.match((await here(["receptor", "show", id])).stdout, /waters +kept 201, 79 left out/);
  const create = ["site", "create", "--receptor", id, "--around", "478", "--name", "active site"];
  const site = await json<Row>(create);
  assertKeys(site, "site_id", "receptor_structure_id", "reference_structure_id", "center_x_angstrom");
  assertKeys(site, "size_z_angstrom", "name", "version", "report", "validation", "created");
  assert.equal((await json<Row>(["site", "show", "active site@1"]))["site_id"], site["site_id"]);
  assert.equal((await json<List>(["site", "list"])).items[0]?.["site_id"], site["site_id"]);
  const list = home.file("ligands.smi", "CCO ethanol\nC( broken\nCC(O)F probe\n");
  const docked = await json<Submitted>(["dock", "--receptor", id, "--around", "478", "--ligands", list]);
  assert.deepEqual([docked.batch_id, docked.jobs.length], [null, 3]);
  assert.deepEqual(
    docked.rejected.map((row) => [row["line"], row["code"]]),
    [[2, "unparsable_input"]],
  );
  const keys = ["job_id", "status", "cached", "molecule_id", "smiles", "name", "line", "isomer"];
  assert.deepEqual(
    keys,
    keys.filter((key) => key in (docked.jobs[0] ?? {})),
  );
  assert.match((await here(["dock", "CCO", "--site", "active site"])).stdout, /^job \S+ is queued/);
  await assertRefused(here, {
    words: ["query", "docking"],
    exit: 3,
    code: "not_found",
    message: /nothing was docked/,
  });
  assert.deepEqual((await json<List>(["query", "docking", "--site", "active site"])).items, []);
});

test("a file's records that can't be docked are answered, also where a later part has nothing else; all bad are refused", async () => {
  const many = home.file("many.smi", `${"CCO\n".repeat(1000)}C( broken\n`);
  const some = await json<Omit<Submitted, "batch_id"> & { batch_id: string }>([
    "dock",
    "--site",
    "active site",
    "--ligands",
    many,
  ]);
  assert.deepEqual(
    [some.jobs, some.rejected.map((row) => [row["line"], row["code"]])],
    [[], [[1001, "unparsable_input"]]],
  );
  const batch = await json<{ total_items: number; counts: object }>(["batch", "show", some.batch_id]);
  assert.deepEqual(
    [batch.total_items, batch.counts],
    [1001, { pending: 0, queued: 1, processing: 0, completed: 0, failed: 0, skipped: 1000 }],
  );
  const bad = home.file("bad.smi", "C(\nOB(O)C\n");
  const words = ["dock", "--site", "active site", "--ligands", bad];
  for (const more of [[], ["--wait"]]) {
    const refusal = {
      words: [...words, ...more],
      exit: 1,
      code: "unparsable_input",
      message: /^2 of 2 refused/,
    };
    const { fields } = await assertRefused(here, refusal);
    assert.deepEqual(
      fields.map(({ line }) => line),
      [1, 2],
    );
  }
});

const bad = (words: string[], message: RegExp, code = "bad_input"): Refusal => ({
  words,
  exit: 1,
  code,
  message,
});
const none = (words: string[], message: RegExp): Refusal => ({ words, exit: 3, code: "not_found", message });

/** Every command must end with its refusal, and together they must have written nothing. */
async function assertNothingWritten(refusals: Refusal[]): Promise<void> {
  const before = await everything();
  for (const refusal of refusals) await assertRefused(here, refusal);
  assert.deepEqual(await everything(), before);
}

/** Rows of the tables that these commands write to, and objects. */
async function everything(): Promise<unknown> {
  const tables = [
    "molecules",
    "registrations",
    "structures",
    "binding_sites",
    "docking_results",
    "jobs",
    "tasks",
  ];
  const counts = tables.map((name) => `(select count(*) from ${name})::int as ${name}`);
  return { rows: await home.rows(`select ${counts.join(", ")}`), objects: home.objects() };
}

test("docking that makes no sense is refused with a reason and leaves nothing behind", async () => {
  const box = (center: string, size: string) => ["--center", center, "--size", size];
  const usual = box("9.4,16.1,9.2", "20,18,26");
  const at = (...more: string[]) => ["dock", "CCO", "--receptor", id, ...more];
  await json(["site", "create", "--receptor", id, "--name", "nonsense", ...usual]);
  const site = (...more: string[]) => ["dock", "--site", "nonsense", ...more];
  await assertNothingWritten([
    bad(at(...box("200,0,0", "20,20,20")), /no atom of the receptor lies in the box/, "box_misses_receptor"),
    bad(at(...box("9.4,16.1,9.2", "20,20,31")), /31 Å wide along z: above 30 Å say --large-box/),
    bad(at(...box("9.4,16.1,9.2", "20,-1,20")), /must be above 0/),
    bad(at("--around", "999"), /there is no het "999": the file has 478/),
    bad(
      [...at(...usual), "--reference", "478", "--reference-smiles", "CCO"],
      /not "CCO" \(C2O\): atoms or bonds differ/,
    ),
    bad(site("OB(O)C"), /no parameters for B/, "unsupported_element"),
    bad(site("CC(O)F", "--stereo", "refuse"), /draw each one/, "undefined_stereo"),
    none(["dock", "CCO", "--site", "nowhere"], /no binding site "nowhere"/),
    none(["dock", "CCO", "--receptor", MISSING, ...usual], /^no such receptor$/),
    none(["site", "show", "nonsense@2"], /^no such binding site$/),
    none(["receptor", "show", MISSING], /^no such receptor$/),
    none(["query", "docking", "--site", "nowhere"], /no binding site "nowhere"/),
    none(["query", "docking", "--job", MISSING], /^no such job: 01a1fe29/),
    none(["query", "docking", "--site", "nonsense", "--sdf", "none.sdf"], /no such pose to write/),
    bad(["query", "docking", "--job", MISSING, "--limit", "3"], /leave --limit out/),
    bad(["site", "validate", "nonsense"], /has no reference ligand/),
  ]);
});

/** Where nothing was prepared yet. */
const TWO = ["--org", "lab-two"];

test("dock and site create print the report of a receptor that they prepared, once", async () => {
  await json(["org", "create", "Lab Two"]);
  const dock = [
    ...TWO,
    "--json",
    "dock",
    "CCO",
    "--receptor",
    PDB,
    "--around",
    "478",
    "--histidine",
    "A:69=HIP",
  ];
  const first = await here(dock);
  documentOf(dock, first, 0);
  assert.match(first.stderr, /^receptor \S+\n {2}file .*\n {2}chains +A \(99 residues\), B/);
  assert.match(first.stderr, /histidines A:69 HIP \(chosen\), B:69 HIE \(default\)\n.*made site 1hpv/s);
  assert.doesNotMatch((await here(dock)).stderr, /^receptor|histidines/m);
  const create = [...TWO, "site", "create", "--receptor", PDB, "--keep-water", "201", "--around", "478"];
  const made = await here(create);
  assert.match(made.stderr, /^receptor \S+\n.*waters +kept 201, 79 left out/s);
  assert.match(made.stdout, /^site \S+\n/);
  assert.match(made.stdout, /receptor +\S+, with water 201\n/);
  assert.equal((await here(create)).stderr, "");
});

test("a list tells sites of one name apart by visibility, receptor and waters", async () => {
  await here([...TWO, "site", "create", "--receptor", PDB, "--around", "478", "--private"]);
  const lines = (await here([...TWO, "site", "list"])).stdout.split("\n");
  assert.match(lines[0] ?? "", /^site +name +visibility +receptor +waters +center/);
  const rows = lines.slice(1).filter((line) => line.includes("1hpv 478"));
  assert.equal(rows.length, 3);
  assert.equal(rows.filter((line) => / private +[0-9a-f-]{36} /.test(line)).length, 1);
  assert.equal(rows.filter((line) => / organization +[0-9a-f-]{36} +201 /.test(line)).length, 1);
});
