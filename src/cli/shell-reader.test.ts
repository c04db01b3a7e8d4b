import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { after, test } from "node:test";
import { makeOrg, openTestContext } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import { inOrganization } from "../access/policy.ts";
import { addMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { type ShellTarget, withSession } from "../shell/session.ts";
import { readLoop } from "./shell-reader.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context, "Reader Lab");
await perform(context, addMolecules, inOrganization({ ...context.admin_principal, org_id: org.org_id }), {
  records: [{ text: "CCO", format: "smiles" }],
});

class Text extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Of the organization, as the command makes it. */
const target: ShellTarget = {
  address: await context.results.loginAddress(org.org_id),
  role: context.roles.system,
  viewer: { user_id: "", org_id: org.org_id, is_org_admin: false },
};

/** Lines as a person would type them into the reader; answers what it wrote. */
async function read(lines: string[], terminal = false): Promise<string> {
  const output = new Text();
  const input = Readable.from(lines.map((line) => `${line}\n`));
  await withSession(
    target,
    () => {},
    (session) => readLoop(session, { input, output, terminal, name: "lab" }),
  );
  return output.text;
}

test("the reader runs what ends with a semicolon, over lines, and an error ends nothing", async () => {
  const said = await read([
    "select 1 as a,",
    "  'x;y' as b;  select 2 as c;",
    "selec;",
    "select 1/0;",
    "begin;",
    "select 3 as d;",
  ]);
  assert.equal(
    said,
    [
      "a  b\n1  x;y\n(1 row)",
      "c\n2\n(1 row)",
      'SQL: syntax error at or near "selec"',
      "SQL: division by zero",
      "BEGIN is not taken here: statements that are given together are one transaction",
      "d\n3\n(1 row)\n",
    ].join("\n"),
  );
});

test("the reader's own commands: tables, columns, timing, help, leave", async () => {
  const tables = await read(["\\d"]);
  assert.match(tables, /^molecules +table +\S/m);
  assert.doesNotMatch(tables, /job_events_/, "partitions are listed");
  assert.match(await read(["\\d molecules"]), /^smiles +text +.*$/m);
  assert.match(await read(["\\d no_such"]), /SQL: relation "no_such" does not exist/);
  assert.match(await read(["\\d a'; drop table jobs; --"]), /^SQL: /);
  assert.match(await read(["\\timing", "select 1;"]), /timing is on\n.*\n +1\n\(1 row\)\n[\d.]+ ms\n$/s);
  assert.match(await read(["\\?"]), /\\d TABLE/);
  assert.match(await read(["\\x"]), /no command \\x here/);
  assert.equal(await read(["\\q", "select 1;"]), "");
  assert.equal(await read(["select 1"]), "the last statement has no ; at its end and did not run\n");
});

test("each statement of the reader is a transaction of its own, and none leaks its role", async () => {
  const said = await read([
    "set local role none;",
    "select current_user as who;",
    "update registrations set tags = '{x}';",
    "select 1/0;",
  ]);
  assert.match(said, /aliquot_system/);
  assert.deepEqual(
    await context.superuser("SELECT DISTINCT tags::text FROM registrations", [], org.database_name),
    [{ tags: "{x}" }],
  );
});

test("Ctrl-C clears the line that is begun, and stops a statement that runs; the reader goes on", async () => {
  const [input, output] = [new PassThrough(), new Text()];
  const ended = withSession(
    target,
    () => {},
    (session) => readLoop(session, { input, output, terminal: true, name: "lab" }),
  );
  const type = (text: string) => void input.write(text);
  const shows = (text: RegExp) =>
    until(`${text} in what the reader wrote`, async () => text.test(output.text));
  await shows(/lab=> /);
  type("select 'never\r");
  await shows(/lab-> /);
  type("more\x03");
  await until(
    "a fresh prompt",
    async () => output.text.lastIndexOf("lab=>") > output.text.lastIndexOf("lab->"),
  );
  type("select pg_sleep(60);\r");
  await until(
    "the statement to run",
    async () =>
      (
        await context.superuser(
          "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = 'select pg_sleep(60)'",
        )
      ).length === 1,
  );
  type("\x03");
  await shows(/SQL: stopped on request/);
  type("select 40 + 2 as answer;\r");
  await shows(/answer\s+42\s+\(1 row\)/);
  type("\x04");
  await ended;
  assert.doesNotMatch(output.text, /unterminated/);
});

test("a server that goes away is told as such", async () => {
  const input = new PassThrough();
  const output = new Text();
  const ended = withSession(
    target,
    () => {},
    (session) => readLoop(session, { input, output, terminal: false, name: "lab" }),
  );
  input.write("select 'here' as a;\n");
  await until("an answer", async () => /here/.test(output.text));
  await context.superuser(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aliquot shell'",
  );
  input.end("select 1;\n");
  await ended;
  assert.match(
    output.text,
    /PostgreSQL (can't be reached|is shutting down)|connection to PostgreSQL was lost/,
  );
});
