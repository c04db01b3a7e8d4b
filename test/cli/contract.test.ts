import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import {
  assertKeys,
  assertRefused,
  documentOf,
  few,
  openCliHome,
  type Refusal,
  type Runner,
  UUID,
} from "./home.ts";

/** Shapes of design §8.1 and what bad input gets, on one home without a worker. */
const home = openCliHome({ after });
const sparing: Runner = (words, env) => home.sparing(words, env);
const json = async <T>(words: string[], code = 0): Promise<T> =>
  documentOf<T>(words, await sparing(["--json", ...words]), code);
type Row = Record<string, unknown>;
type List = { items: Row[]; next_cursor: string | null };
type Submitted = {
  batch_id: null;
  jobs: { job_id: string; status: string; cached: boolean; smiles: string | null; line: number | null }[];
  rejected: Row[];
};
let lab: { org_id: string; database_name: string };

before(async () => {
  lab = await json(["org", "create", "Lab One"]);
  await home.open();
});

suite("shapes", { concurrency: 3 }, () => {
  test("org create, list, use, show", async () => {
    assert.deepEqual(Object.keys(lab), [
      "org_id",
      "name",
      "slug",
      "status",
      "database_name",
      "schema_version",
    ]);
    assert.match(lab.org_id, UUID);
    const list = await json<List>(["org", "list"]);
    assert.deepEqual([list.items[0], list.next_cursor], [lab, null]);
    assert.deepEqual(await json(["org", "show", lab.org_id]), lab);
    assert.deepEqual(await json(["org", "use", "LAB ONE"]), lab);
    await assertRefused(sparing, {
      words: ["org", "create", "lab one"],
      exit: 4,
      code: "conflict",
      message: /called "lab one" exists already/,
    });
  });

  test("molecule add, import, list, show", async () => {
    type Added = { items: Row[]; rejected: Row[] };
    const added = await json<Added>(["molecule", "add", "CC(=O)Oc1ccccc1C(=O)O", "--name", "aspirin"]);
    const [aspirin = {}] = added.items;
    assertKeys(aspirin, "molecule_id", "identity_key", "inchikey", "smiles", "formula", "charge", "created");
    assert.deepEqual(
      [aspirin["inchikey"], aspirin["formula"], aspirin["charge"], aspirin["created"], added.rejected],
      ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "C9H8O4", 0, true, []],
    );
    const file = home.file(
      "list.smi",
      "# a comment\nCCN ethylamine\nC( broken\nOC(=O)c1ccccc1OC(C)=O again\n",
    );
    const { items, rejected } = await json<Added>(["molecule", "import", file]);
    assert.deepEqual(
      items.map((row) => [row["molecule_id"] === aspirin["molecule_id"], row["created"]]),
      [
        [false, true],
        [true, false],
      ],
    );
    const [{ message, ...rest } = {}] = rejected;
    assert.deepEqual(rest, { line: 3, name: "broken", input: "C(", code: "unparsable_input" });
    assert.match(String(message), /"C\(" is not a molecule/);
    const page = await json<List>(["molecule", "list", "--limit", "1"]);
    assert.ok(page.next_cursor);
    const next = await json<List>(["molecule", "list", "--limit", "1", "--cursor", page.next_cursor]);
    assert.notEqual(next.items[0]?.["molecule_id"], page.items[0]?.["molecule_id"]);
    const shown = await json<Row>(["molecule", "show", String(aspirin["molecule_id"])]);
    assertKeys(shown, "molecule_id", "registrations", "relations");
    assert.equal(shown["molecule_id"], aspirin["molecule_id"]);
  });

  test("structure add, list, show", async () => {
    const xyz = "3\nwater\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n";
    const row = await json<Row>(["structure", "add", home.file("water.xyz", xyz)]);
    assertKeys(row, "structure_id", "kind", "format", "uri", "size_bytes", "checksum", "geometry_hash");
    const id = String(row["structure_id"]);
    const { items } = await json<List>(["structure", "list"]);
    assert.ok(items.some((item) => item["structure_id"] === id));
    assert.equal((await json<Row>(["structure", "show", id]))["content"], xyz);
    assert.equal((await sparing(["structure", "show", id])).stdout, xyz);
  });

  test("xtb without a worker, job list, show, submit, cancel, retry", async () => {
    const submitted = await json<Submitted>(["xtb", "CO", "CS"]);
    assert.deepEqual([submitted.batch_id, submitted.rejected], [null, []]);
    for (const job of submitted.jobs)
      assert.deepEqual(Object.keys(job).slice(0, 3), ["job_id", "status", "cached"]);
    assert.deepEqual(
      submitted.jobs.map(({ smiles, line }) => [smiles, line]),
      [
        ["CO", 1],
        ["CS", 2],
      ],
    );
    const [first, second] = submitted.jobs;
    assert.ok(first !== undefined && second !== undefined && first.job_id !== second.job_id);
    assert.deepEqual([first.status, first.cached], ["queued", false]);
    const none = await json<List>(["query", "calculations", "--min-gap", "1.5", "--max-gap", "9"]);
    assert.deepEqual(none, { items: [], next_cursor: null });
    const shown = await json<Row>(["job", "show", first.job_id]);
    assert.equal(shown["owner"], "admin");
    assertKeys(shown, "job_id", "status", "tasks", "inputs", "outputs", "events", "waiting_for");
    assert.match(String(shown["waiting_for"]), /a worker with xtb: none is running/);
    const plain = await sparing(["job", "show", first.job_id]);
    assert.match(plain.stdout, /waits for a worker with xtb: none is running \(`aliquot worker` starts one/);
    const again = await json<Submitted>(["job", "submit", "--from", first.job_id]);
    assert.equal(again.batch_id, null);
    assert.notEqual(again.jobs[0]?.job_id, first.job_id);
    const cancelled = await json<Row>(["job", "cancel", second.job_id]);
    assert.deepEqual(cancelled, { job_id: second.job_id, status: "cancelled" });
    const { items } = await json<List>(["job", "list", "--status", "cancelled"]);
    assert.deepEqual(
      items.map((row) => row["job_id"]),
      [second.job_id],
    );
    const watched = await sparing(["job", "watch", second.job_id, "--json"]);
    assert.equal(watched.code, 1, "a watched job that did not complete");
    const events = watched.stdout.trimEnd().split("\n");
    assert.deepEqual(
      events.map((line) => (JSON.parse(line) as Row)["event"]),
      ["submitted", "cancelled"],
    );
    const followed = await sparing(["job", "logs", second.job_id, "--follow"]);
    assert.deepEqual([followed.code, followed.stdout], [1, ""], "a followed job that did not complete");
    assert.match(followed.stderr, /has no log: it is cancelled/);
    await assertRefused(sparing, {
      words: ["job", "retry", second.job_id],
      exit: 4,
      code: "conflict",
      message: /is cancelled: only a failed one is retried/,
    });
    await assertRefused(sparing, {
      words: ["job", "logs", first.job_id],
      exit: 3,
      code: "not_found",
      message: /has no log: it is queued/,
    });
  });

  test("migrate status, history, up", async () => {
    const { items } = await json<List>(["migrate", "status"]);
    for (const row of items) {
      assertKeys(row, "branch", "database", "org_id", "current", "latest", "pending", "status");
      assert.deepEqual([row["pending"], row["status"], row["current"]], [0, "current", row["latest"]]);
    }
    assert.deepEqual(
      items.map((row) => [row["branch"], row["org_id"]]),
      [
        ["metadata", null],
        ["results", lab.org_id],
      ],
    );
    const metadata = await json<List>(["migrate", "status", "--branch", "metadata"]);
    assert.deepEqual(metadata.items, items.slice(0, 1));
    const history = await json<List>(["migrate", "history", "--branch", "results"]);
    assert.equal(history.items.length, items[1]?.["latest"]);
    const up = await sparing(["migrate", "up"]);
    assert.deepEqual([up.code, up.stdout.match(/nothing to do/g)?.length], [0, 2], up.stdout + up.stderr);
  });

  test("health, status, seed, shell", async () => {
    const health = await json<{ status: string; checks: Row[] }>(["health"]);
    assert.ok(["ok", "degraded"].includes(health.status));
    for (const check of health.checks) assertKeys(check, "name", "status", "latency_ms", "detail");
    assert.ok(health.checks.some(({ name }) => name === "organization lab-one"));
    const status = await json<Row>(["status"]);
    assert.equal((status["database"] as Row)["state"], "running");
    assert.equal(status["organizations"], 1);
    await json(["seed"]);
    const rows = await home.rows<Row>(
      "select 1 as one, null as nothing, 'ü' as text, '{\"a\":1}'::jsonb as j",
    );
    assert.deepEqual(rows, [{ one: 1, nothing: null, text: "ü", j: { a: 1 } }]);
    const users = await home.rows<Row>("select username from users", "--metadata");
    assert.ok(users.some((row) => row["username"] === "admin"));
    await assertRefused(sparing, {
      words: ["shell", "-c", "selec"],
      exit: 1,
      code: "bad_input",
      message: /^SQL: syntax error at or near "selec"$/,
    });
  });
});

const XYZ_HEAD = "3\nwater\nO 0 0 0\nH 0.96 0 0\n";
const MOLBLOCK = "x\n\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n    0.0 0.0 0.0 C   0  0\n";
const MISSING = "01a1fe29-0000-7183-9923-8edaf77b1628";

const TWO_ACTIVES = "CC(=O)Oc1ccccc1C(=O)O.Cn1cnc2c1c(=O)n(C)c(=O)n2C";

/** SMILES that are refused, with code and message. */
const BAD_SMILES: [string, string, RegExp][] = [
  ["C(", "unparsable_input", /"C\(" is not a molecule/],
  ["", "bad_input", /empty/],
  ["*", "unsupported_element", /dummy atom or R-group/],
  ["[R1]C", "unparsable_input", /is not a molecule/],
  ["C* |$;R1$|", "unsupported_element", /has R-groups/],
  ["C".repeat(1000), "too_large", /1000 heavy atoms; at most 400/],
  ["C".repeat(2001), "too_large", /2001 characters; at most 2,000/],
  [TWO_ACTIVES, "ambiguous_parent", /^2 different parts could be the parent/],
  ["CCO water", "bad_input", /blank inside/],
  ["“O”", "bad_input", /no SMILES has/],
];

const BAD_FILES: [string, string | Uint8Array, RegExp, string?][] = [
  ["cut.xyz", XYZ_HEAD, /line 4: the file ends here, but 1 more of 3/],
  ["same.xyz", "2\n\nO 0 0 0\nH 0 0 0\n", /line 4: atoms 1 \(O\) and 2 \(H\) are 0.000 Å apart/],
  ["unknown.xyz", "1\n\nXx 0 0 0\n", /line 3: atom 1: "Xx" is not an element/, "unsupported_element"],
  ["zero.xyz", "", /empty \(0 bytes\)/],
  ["nul.xyz", "1\n\nO 0 0 0\0\n", /line 3: there is a NUL byte/],
  ["latin1.xyz", Buffer.from("1\ncaf\xe9\nO 0 0 0\n", "latin1"), /line 2: these bytes are not UTF-8/],
  ["cut.sdf", MOLBLOCK, /the file ends here|M {2}END|bond/],
  ["zero.sdf", "", /empty \(0 bytes\)/],
];

const BAD_LISTS: [string, string | Uint8Array, RegExp][] = [
  ["zero.smi", "", /zero.smi is empty \(0 bytes\)/],
  ["latin1.smi", Buffer.from("O caf\xe9\n", "latin1"), /latin1.smi is not UTF-8 text/],
  ["comments.smi", "# none\n\n", /comments.smi holds no record/],
];

const bad = (words: string[], message: RegExp, code = "bad_input"): Refusal => ({
  words,
  exit: 1,
  code,
  message,
});
const none = (words: string[], message: RegExp): Refusal => ({ words, exit: 3, code: "not_found", message });
const typo = (words: string[], message: RegExp): Refusal => ({ words, exit: 2, code: "usage", message });
const electrons = (words: string[], message: RegExp) =>
  bad(["xtb", "O", ...words], message, "electron_parity");

/** Every command must end with its refusal, and together they must have written nothing. */
async function assertNothingWritten(refusals: Refusal[]): Promise<void> {
  const before = await everything();
  for (const refusal of refusals) await assertRefused(sparing, refusal);
  assert.deepEqual(await everything(), before);
}

test("bad molecules are refused with a reason and leave nothing behind", async () => {
  await assertNothingWritten([
    bad(["xtb", "C("], /^"C\(" is not a molecule RDKit can read/, "unparsable_input"),
    bad(["xtb", ""], /^the record is empty/),
    bad(["xtb", "*"], /^"\*" has a dummy atom or R-group/, "unsupported_element"),
    bad(["xtb", TWO_ACTIVES], /^2 different parts could be the parent/, "ambiguous_parent"),
    bad(
      ["xtb", "FC(Cl)(Br)C(F)(Cl)C=CC"],
      /^3 stereocentres .* are not defined: draw each/,
      "undefined_stereo",
    ),
    bad(["xtb", "C".repeat(100)], /^302 atoms are more than 200: say --large/, "too_large"),
    electrons(["--charge", "1"], /^charge 1 is not the drawn charge 0: draw the ion, or say --vertical/),
    electrons(["--charge", "1", "--vertical", "--multiplicity", "1"], /9 electrons.*multiplicity 1/),
    electrons(["--multiplicity", "2"], /electrons.*multiplicity 2/),
    electrons(["--charge", "9", "--vertical"], /charge 9/),
  ]);
});

test("one bad molecule refuses a command line and names every bad one", async () => {
  const before = await everything();
  const texts = BAD_SMILES.map(([smiles]) => smiles);
  const error = await assertRefused(sparing, {
    words: ["xtb", "--", "O", ...texts],
    exit: 1,
    code: "unparsable_input",
    message: /^10 of 11 refused, the first: "C\("/,
  });
  for (const [index, [, , message]] of BAD_SMILES.entries()) {
    assert.equal(error.fields[index]?.line, index + 2);
    assert.match(error.fields[index]?.rule ?? "", message);
  }
  const added = await json<{ items: Row[]; rejected: Row[] }>(["molecule", "add", "--", ...texts], 1);
  assert.deepEqual(
    [added.items, added.rejected.map((row) => row["code"])],
    [[], BAD_SMILES.map(([, code]) => code)],
  );
  assert.deepEqual(await everything(), before);
});

test("bad files are refused with a reason and leave nothing behind", async () => {
  await assertNothingWritten([
    ...BAD_FILES.map(([name, text, message, code]) =>
      bad(["structure", "add", home.file(name, text)], message, code),
    ),
    ...BAD_LISTS.map(([name, text, message]) => bad(["molecule", "import", home.file(name, text)], message)),
    bad(["xtb", "--molecules", home.file("cut2.xyz", XYZ_HEAD)], /line 4: the file ends here/),
    bad(["xtb", "--molecules", home.file("cut2.sdf", MOLBLOCK)], /M {2}END/, "unparsable_input"),
    bad(["molecule", "import", "absent.smi"], /can't read absent.smi: no such file/),
    bad(["molecule", "import", "."], /can't read \.: it is a folder/),
    bad(["structure", "add", "absent.xyz"], /can't read absent.xyz: no such file/),
    bad(["structure", "add", home.file("notes.txt", "x")], /can't tell the format of "notes.txt"/),
  ]);
});

test("ids, names and limits that are wrong are refused", async () => {
  await assertNothingWritten([
    bad(["org", "create", "ab"], /name must not have fewer than 3/),
    bad(["job", "list", "--cursor", "garbage"], /not one that a list gave/),
    none(["job", "show", MISSING], /^no such job$/),
    none(["molecule", "show", MISSING], /^no such molecule$/),
    none(["xtb", "--structure", MISSING], /^no such structure$/),
    none(["job", "list", "--org", "nowhere"], /^no such organization$/),
    none(["job", "list", "--as", "nobody"], /no user is called "nobody"/),
    none(["job", "list", "--pipeline", "nope"], /^no pipeline "nope"/),
    typo(["failures", "--retry", "--code", "timeuot"], /did you mean timeout\?$/),
    typo(["batch", "retry", MISSING, "--code", "nope"], /^nothing fails with the code nope/),
    typo(["events", "--entity", "foo"], /there are job, batch, molecule/),
  ]);
});

test("a file in which every record is bad ends with 1 and says why for each", async () => {
  const file = home.file("bad.smi", "* star\nC(\nO\0\n");
  const before = await everything();
  const { items, rejected } = await json<{ items: Row[]; rejected: Row[] }>(["molecule", "import", file], 1);
  assert.deepEqual(items, []);
  assert.deepEqual(
    rejected.map((row) => [row["line"], row["code"]]),
    [
      [1, "unsupported_element"],
      [2, "unparsable_input"],
      [3, "bad_input"],
    ],
  );
  assert.deepEqual(await everything(), before);
});

/** Rows of the tables that these commands write to, in both databases, and objects. What was tried is in the audit. */
async function everything(): Promise<unknown> {
  const count = (tables: string[]) =>
    `select ${tables.map((name) => `(select count(*) from ${name})::int as ${name}`).join(", ")}`;
  const tables = ["molecules", "registrations", "structures", "jobs", "tasks", "job_inputs", "job_events"];
  const shared = ["organizations", "org_databases", "jobs_meta", "task_queue"];
  const [results, metadata] = await Promise.all([
    home.rows(count([...tables, "calculations", "protocols"])),
    home.rows(count(shared), "--metadata"),
  ]);
  return { results, metadata, objects: home.objects() };
}

test("another organization and its rows look like nothing", async () => {
  // A choice that is gone is none: as after `down --purge`, whose home keeps the note.
  const note = home.file(join("home", "org"), "01a1fe29-0000-7183-9923-8edaf77b1628\n");
  const other = await json<{ org_id: string }>(["org", "create", "Other Lab"]);
  assert.equal(readFileSync(note, "utf8").trim(), other.org_id);
  assert.equal((await sparing(["org", "use", "lab-one"])).code, 0);
  const [job] = (await json<Submitted>(["--org", other.org_id, "xtb", "N"])).jobs;
  assert.ok(job);
  assert.equal(
    (await json<List>(["job", "list"])).items.some((row) => row["job_id"] === job.job_id),
    false,
  );
  await addScientist("bob");
  const nothing = { exit: 3, code: "not_found" };
  await few(
    [
      { ...nothing, words: ["job", "show", job.job_id], message: /^no such job$/ },
      {
        ...nothing,
        words: ["--as", "bob", "--org", other.org_id, "job", "list"],
        message: /^no such organization$/,
      },
      {
        ...nothing,
        words: ["--as", "bob", "--org", "other-lab", "xtb", "O"],
        message: /^no such organization$/,
      },
      {
        words: ["--as", "bob", "org", "create", "Bob's"],
        exit: 4,
        code: "forbidden",
        message: /bob|permission|may not/i,
      },
    ],
    (refusal) => assertRefused(sparing, refusal),
  );
});

test("a private job is its owner's, and their organization's admins'", async () => {
  await addScientist("carol");
  const [mine] = (await json<Submitted>(["xtb", "CCC", "--private"])).jobs;
  const [hers] = (await json<Submitted>(["--as", "carol", "xtb", "CCCC", "--private"])).jobs;
  assert.ok(mine !== undefined && hers !== undefined);
  await assertRefused(sparing, {
    words: ["--as", "carol", "job", "show", mine.job_id],
    exit: 3,
    code: "not_found",
    message: /^no such job$/,
  });
  const list = await json<List>(["--as", "carol", "job", "list"]);
  const ids = list.items.map((row) => row["job_id"]);
  assert.deepEqual([ids.includes(mine.job_id), ids.includes(hers.job_id)], [false, true]);
  assert.equal((await json<Row>(["job", "show", hers.job_id]))["visibility"], "private");
  const shown = await home.rows<{ n: number }>("select count(*)::int as n from jobs", "--as", "carol");
  assert.equal(shown[0]?.n, ids.length);
});

/** A person of the lab, until there are commands for it. */
async function addScientist(name: string): Promise<void> {
  await home.rows(
    `with u as (insert into users (username, email) values ('${name}', '${name}@example.org') returning user_id),
      m as (insert into memberships (user_id, org_id) select user_id, '${lab.org_id}' from u returning user_id)
     insert into membership_roles (user_id, org_id, role_id)
     select user_id, '${lab.org_id}', role_id from m, roles where name = 'scientist' and org_id is null`,
    "--metadata",
  );
}

test("the embedded database is made ready again where organizations alone are behind", async () => {
  await home.close();
  const down = await json<{ counts: Row }>([
    "migrate",
    "down",
    "--branch",
    "results",
    // Older than what this program works with.
    "--to",
    "23",
    "--yes",
  ]);
  assert.equal(down.counts["failed"], 0);
  const behind = await json<List>(["migrate", "status", "--branch", "results"]);
  assert.ok(behind.items.every((row) => row["status"] === "behind"));
  await json(["molecule", "list"]);
  const after = await json<List>(["migrate", "status", "--branch", "results"]);
  assert.ok(after.items.every((row) => row["status"] === "current"));
});
