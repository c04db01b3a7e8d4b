import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { after, test } from "node:test";
import { assertRefused, documentOf, type Ran } from "../../test/cli/home.ts";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { addMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { runCli } from "./run.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context, "Shell Lab");
const alice = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");
const add = (text: string, who: typeof alice, visibility: "private" | "organization") =>
  perform(context, addMolecules, who, { records: [{ text, format: "smiles" }], visibility });
await add("CCO", alice, "organization");
await add("CCN", bob, "private");

class Text extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function shell(words: string[], stdin: string | Buffer = ""): Promise<Ran> {
  const [stdout, stderr] = [new Text(), new Text()];
  const env = {
    DATABASE_URL: context.config.database_url ?? "",
    ALIQUOT_SECRET_KEY: context.secret.reveal(),
    ALIQUOT_HOME: context.home,
  };
  const code = await runCli(words, {
    env,
    cwd: context.home,
    stdout,
    stderr,
    stdin: Readable.from([Buffer.from(stdin)]),
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
type Answer = { items: Record<string, unknown>[]; command: string; row_count: number };
const json = async (sql: string, ...words: string[]) =>
  documentOf<Answer>(["shell"], await shell(["--json", "shell", ...words, "-c", sql]), 0);

test("values come typed, NULL is null, and no column is lost to another of its name", async () => {
  const { items, command, row_count } = await json(
    `select 1 as one, null as nothing, '' as empty, 1.50 as amount, 2::bigint as big, 9223372036854775807 as most,
       true as yes, '{"a":[1]}'::jsonb as j, array['a','b'] as list, '\\x00ff'::bytea as bytes, 'NaN'::float8 as nan,
       '2026-01-02'::date as day, '2026-01-02 03:04:05+02'::timestamptz as at, 'ü' as text, 1 as twice, 2 as twice`,
  );
  assert.deepEqual(items, [
    {
      one: 1,
      nothing: null,
      empty: "",
      amount: 1.5,
      big: 2,
      most: "9223372036854775807",
      yes: true,
      j: { a: [1] },
      list: ["a", "b"],
      bytes: "\\x00ff",
      nan: "NaN",
      day: "2026-01-02",
      at: "2026-01-02T01:04:05Z",
      text: "ü",
      twice: 1,
      twice_2: 2,
    },
  ]);
  assert.deepEqual([command, row_count], ["SELECT", 1]);
});

test("for a person a result is a table that tells NULL from nothing, and a change says how many rows", async () => {
  const ran = await shell([
    "shell",
    "-c",
    "select * from (values (1, 'a', null), (22, E'b\\nc\\x1b[31m', '')) v(n, text, gap)",
  ]);
  assert.equal(ran.stdout, " n  text      gap\n 1  a         NULL\n22  b↵c�[31m\n(2 rows)\n");
  assert.equal((await shell(["shell", "-c", "select 1 where false"])).stdout, "no rows\n");
  const changed = await shell(["shell", "-c", "update registrations set supplier = supplier"]);
  assert.equal(changed.stdout, "UPDATE 2\n");
  assert.equal((await shell(["shell", "-c", "set local work_mem = '8MB'"])).stdout, "SET\n");
  assert.deepEqual(await json("update registrations set supplier = supplier"), {
    items: [],
    next_cursor: null,
    command: "UPDATE",
    row_count: 2,
  });
});

test("several statements are one transaction: each is shown, --json answers the last, a failing one undoes all", async () => {
  const two =
    "create temp table t (a int) on commit drop; insert into t values (1), (2); select sum(a) from t";
  assert.equal((await shell(["shell", "-c", two])).stdout, "CREATE\n\nINSERT 2\n\nsum\n  3\n(1 row)\n");
  assert.deepEqual((await json(two)).items, [{ sum: 3 }]);
  const before = (await json("select name from registrations order by 1")).items;
  await assertRefused((words) => shell(words), {
    words: ["shell", "-c", "update registrations set name = 'gone'; select 1/0; select 2"],
    exit: 1,
    code: "bad_input",
    message: /^SQL, statement 2: division by zero$/,
  });
  assert.deepEqual((await json("select name from registrations order by 1")).items, before);
});

test("without -c and without a terminal the statements come from standard input", async () => {
  assert.equal(
    (await shell(["shell"], "select 1 as a;\n-- and\nselect 2 as b\n")).stdout,
    "a\n1\n(1 row)\n\nb\n2\n(1 row)\n",
  );
  const ran = await shell(["--json", "shell"], "select 'from stdin' as x");
  assert.deepEqual(documentOf<Answer>(["shell"], ran, 0).items, [{ x: "from stdin" }]);
});

test("what can't be run is refused in words, before anything is asked of a server", async () => {
  const usage = (words: string[], message: RegExp) => ({ words, exit: 2, code: "usage", message });
  for (const refusal of [
    usage(["shell"], /no SQL to run: say it with -c, or on standard input/),
    usage(["shell", "-c", ""], /no SQL to run/),
    usage(["shell", "-c", " ; -- nothing"], /no SQL to run/),
    usage(["shell", "-c", "begin; select 1; commit"], /BEGIN is not taken here/),
    usage(["shell", "-c", "select 1; COMMIT; select 2"], /COMMIT is not taken here/),
    usage(["shell", "-c", "copy molecules to stdout"], /needs psql/),
    usage(["shell", "-c", "\\d"], /\\d is no SQL/),
    usage(["shell", "-c", "select 'a\0b'"], /holds a NUL character/),
  ])
    await assertRefused((words) => shell(words), refusal);
  const latin = await shell(["shell"], Buffer.from("select 'caf\xe9'", "latin1"));
  assert.deepEqual([latin.code, latin.stderr], [1, "aliquot: standard input is not UTF-8\n"]);
});

test("it is the system's eyes; with --as a person's, in both databases; another's organization is not there", async () => {
  const seen = async (...words: string[]) =>
    (await json("select smiles from molecules order by 1", ...words)).items.length;
  assert.equal(await seen(), 2);
  assert.equal(await seen("--as", alice.username), 1);
  assert.equal(await seen("--as", bob.username), 2);
  const [who] = (
    await json("select current_user as who, app_org() as org, app_user() as person", "--as", alice.username)
  ).items;
  assert.deepEqual(who, { who: "aliquot_member", org: org.org_id, person: alice.user_id });
  await assertRefused((words) => shell(words), {
    words: ["shell", "--as", alice.username, "-c", "delete from jobs"],
    exit: 1,
    code: "bad_input",
    message: /^SQL: permission denied for table jobs$/,
  });
  const other = await makeOrg(context, "Other Lab");
  assert.deepEqual(
    (await json("select name from organizations order by 1", "--metadata", "--org", org.slug)).items.length,
    2,
  );
  const mine = await json(
    "select name from organizations",
    "--metadata",
    "--org",
    org.slug,
    "--as",
    alice.username,
  );
  assert.deepEqual(mine.items, [{ name: "Shell Lab" }]);
  await assertRefused((words) => shell(words), {
    words: ["shell", "--org", other.slug, "--as", alice.username, "-c", "select 1"],
    exit: 3,
    code: "not_found",
    message: /no such organization/,
  });
  await context.superuser("DELETE FROM organizations WHERE org_id = $1", [other.org_id]);
});
