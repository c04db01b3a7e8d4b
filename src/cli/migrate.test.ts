import assert from "node:assert/strict";
import { after, test } from "node:test";
import { bareEnv, documentOf, type Failure, type Ran, runHere, start } from "../../test/cli/home.ts";
import { makeOrg, openTestContext } from "../../test/support/context.ts";
import { databaseUrl, testServer } from "../../test/support/server.ts";
import { until } from "../../test/support/worker.ts";
import { withClient } from "../db/connect.ts";

const context = await openTestContext({ after });
const { admin, superuser, secret } = await testServer();
const env = {
  DATABASE_URL: databaseUrl(admin, context.database),
  ALIQUOT_SECRET_KEY: secret,
  ALIQUOT_HOME: context.home,
};
const orgs = [
  await makeOrg(context, "First lab"),
  await makeOrg(context, "Second lab"),
  await makeOrg(context),
];
const [first, second] = orgs as [(typeof orgs)[0], (typeof orgs)[0]];
const latest = context.migrations.results.length;

const run = (...words: string[]): Promise<Ran> => runHere(["migrate", ...words], env, context.home);

type Row = Record<string, unknown>;
type Report = { items: Row[]; counts: Row; stopped: string | null };

async function json<T>(words: string[], code = 0): Promise<T> {
  return documentOf<T>(words, await run("--json", ...words), code);
}

async function refused(words: string[], message: RegExp, code = 2): Promise<void> {
  const { error } = await json<{ error: Failure }>(words, code);
  assert.match(error.message, message, words.join(" "));
}

test("numbers that make no sense and words that exclude each other are refused, and nothing is done", async () => {
  for (const way of ["up", "down"]) {
    await refused([way, "--branch", "results", "--steps", "0"], /from 1 to/);
    await refused([way, "--branch", "results", "--to", "-1"], /from 0 to/);
    await refused([way, "--branch", "results", "--to", "1.5"], /from 0 to/);
    await refused(
      [way, "--branch", "results", "--to", "9999", "--yes"],
      /past the last migration.*results branch/,
    );
    await refused([way, "--branch", "results", "--to", "1", "--steps", "1", "--yes"], /exclude each other/);
    await refused([way, "--branch", "results", "--org", "First lab", "--all", "--yes"], /exclude each other/);
    await refused([way, "--branch", "metadata", "--org", "First lab", "--yes"], /everyone's/);
    await refused([way, "--branch", "results", "--concurrency", "0"], /from 1 to/);
  }
  await refused(
    ["down", "--branch", "results", "--steps", String(latest + 1), "--yes"],
    /can't be taken back/,
  );
  await refused(["up", "--to", "3"], /one branch: say --branch/);
  await refused(["up", "--org", "nobody"], /no such organization/, 3);
  await refused(["new", "Bad-Name", "--branch", "results"], /lowercase letters/);
  await refused(["new", "jobs_create", "--branch", "results"], /called jobs_create already/, 4);
  const { items } = await json<{ items: Row[] }>(["status"]);
  assert.ok(items.every((row) => row["status"] === "current"));
});

test("down takes back, up brings again, of one organization or of all; status and history tell it", async () => {
  const one = await json<Report>(["down", "--org", "first-lab", "--yes"]);
  assert.deepEqual(
    one.items.map(({ branch, database, org_id, status, steps }) => [
      branch,
      database,
      org_id,
      status,
      (steps as Row[])[0]?.["version"],
    ]),
    [["results", first.database_name, first.org_id, "migrated", latest]],
  );
  const behind = await json<{ items: Row[] }>(["status", "--branch", "results"]);
  assert.deepEqual(
    behind.items.map((row) => [
      row["organization"],
      row["current"],
      row["latest"],
      row["pending"],
      row["status"],
      row["directory"],
    ]),
    orgs.map(({ name, org_id }) => {
      const current = org_id === first.org_id ? latest - 1 : latest;
      return [
        name,
        current,
        latest,
        latest - current,
        org_id === first.org_id ? "behind" : "current",
        current,
      ];
    }),
  );
  const history = await json<{ items: Row[] }>(["history", "--org", first.org_id]);
  assert.deepEqual(
    history.items.map((row) => row["version"]),
    context.migrations.results.slice(0, -1).map((step) => step.version),
  );
  const [row] = history.items;
  assert.deepEqual(
    [row?.["name"], row?.["checksum"], row?.["breaking"], typeof row?.["duration_ms"]],
    [context.migrations.results[0]?.name, context.migrations.results[0]?.checksum, false, "number"],
  );
  assert.match(String(row?.["applied_at"]), /^\d{4}-\d\d-\d\dT.*Z$/);
  const down = await json<Report>(["down", "--branch", "results", "--to", String(latest - 2), "--yes"]);
  assert.deepEqual(down.counts, { migrated: 3, current: 0, failed: 0, not_tried: 0 });
  const up = await json<Report>(["up", "--branch", "results", "--steps", "1"]);
  assert.deepEqual(up.counts, { migrated: 3, current: 0, failed: 0, not_tried: 0 });
  const rest = await run("up");
  assert.equal(rest.code, 0, rest.stderr);
  assert.match(rest.stdout, /^metadata .*: nothing to do\n/);
  assert.match(rest.stdout, new RegExp(`results First lab: ${latest} .* up\n`));
  assert.match(rest.stdout, /organizations: 3 migrated\n$/);
});

test("Ctrl-C begins nothing more, ends what is under way, and reports; a second one ends at once", async () => {
  await json(["down", "--branch", "results", "--yes"]);
  const words = ["--json", "migrate", "up", "--branch", "results"];
  const heard = "no other database is begun";
  const interrupted = async () => {
    const started = start(words, { ...bareEnv(context.home), ...env }, context.home);
    await until("it to wait", async () => /another migration is at/.test(started.said()));
    started.child.kill("SIGINT");
    await until("it to hear", async () => started.said().includes(heard));
    return started;
  };
  await withClient({ ...superuser, database: first.database_name }, "aliquot tests", async (holder) => {
    await holder.query("SELECT pg_advisory_lock(7242001)");
    const twice = await interrupted();
    twice.child.kill("SIGINT");
    const { code, stdout } = await twice.ended;
    assert.deepEqual([code, stdout], [130, ""]);
    const { ended } = await interrupted();
    await holder.query("SELECT pg_advisory_unlock(7242001)");
    const report = documentOf<Report>(words, await ended, 130);
    assert.deepEqual(
      [report.stopped, report.counts],
      ["aborted", { migrated: 1, current: 0, failed: 0, not_tried: 2 }],
    );
  });
  const rest = await json<Report>(["up", "--branch", "results"]);
  assert.equal(rest.counts["migrated"], 2);
});

test("a database that is down is told as unreachable, with exit 5, and does not hide the others", async (t) => {
  await context.superuser(`ALTER DATABASE ${second.database_name} ALLOW_CONNECTIONS false`);
  t.after(() => context.superuser(`ALTER DATABASE ${second.database_name} ALLOW_CONNECTIONS true`));
  const { items } = await json<{ items: Row[] }>(["status"], 5);
  assert.deepEqual(
    items.map((row) => [row["branch"], row["status"], row["current"] === null]),
    [
      ["metadata", "current", false],
      ["results", "current", false],
      ["results", "unreachable", true],
      ["results", "current", false],
    ],
  );
  assert.match(String(items[2]?.["error"]), /can't be reached/);
  const history = await json<{ items: Row[] }>(["history", "--branch", "results"], 5);
  assert.equal(history.items.filter((row) => row["status"] === "unreachable").length, 1);
  assert.equal(history.items.filter((row) => row["org_id"] === first.org_id).length, latest);
  const people = await run("history");
  assert.match(people.stdout, /unreachable: PostgreSQL can't be reached/);
  // All that failed could not be reached: 5, and not 1.
  const up = await json<Report>(["up", "--branch", "results", "--all"], 5);
  assert.deepEqual(up.counts, { migrated: 0, current: 2, failed: 1, not_tried: 0 });
});

test("a key that is not the installation's is told before anything is done, with exit 5", async () => {
  const other = { ...env, ALIQUOT_SECRET_KEY: "another-key-of-at-least-32-characters" };
  for (const words of [["up"], ["up", "--branch", "results"], ["down", "--branch", "metadata", "--yes"]]) {
    const ran = await runHere(["--json", "migrate", ...words], other, context.home);
    const { error } = documentOf<{ error: Failure }>(words, ran, 5);
    assert.match(error.message, /ALIQUOT_SECRET_KEY is not the one this installation was made with/);
  }
  assert.equal((await run("status")).code, 0, "nobody is locked out");
  const status = await runHere(["migrate", "status"], other, context.home);
  assert.match(status.stdout + status.stderr, /ALIQUOT_SECRET_KEY is not the one/);
});

test("a server that is not there is one line of status and exit 5", async () => {
  const away = { ...env, DATABASE_URL: "postgresql://u:p@localhost/nothing?host=/nowhere&port=1" };
  const ran = await runHere(["migrate", "--json", "status"], away, context.home);
  const { items } = documentOf<{ items: Row[] }>(["status"], ran, 5);
  assert.deepEqual(
    items.map((row) => [row["branch"], row["status"]]),
    [["metadata", "unreachable"]],
  );
});

test("an edited migration and a directory that is wrong are told", async () => {
  await context.superuser(
    "UPDATE schema_migrations SET checksum = 'x' WHERE version = 2",
    [],
    first.database_name,
  );
  await context.superuser("UPDATE org_databases SET schema_version = $2 WHERE org_id = $1", [
    second.org_id,
    latest - 1,
  ]);
  const status = await run("status");
  assert.equal(status.code, 1, status.stdout);
  assert.match(status.stdout, /First lab: migration 2 .* was edited after it was applied/);
  assert.match(
    status.stdout,
    new RegExp(`Second lab: the directory says ${latest - 1} and the database ${latest}; .*migrate up --all`),
  );
  const up = await json<Report>(["up", "--branch", "results", "--all"], 1);
  assert.equal(up.counts["failed"], 1);
  await context.superuser(
    "UPDATE schema_migrations SET checksum = $1 WHERE version = 2",
    [context.migrations.results[1]?.checksum],
    first.database_name,
  );
  await json<Report>(["up", "--branch", "results", "--all"]);
  assert.equal((await run("status")).code, 0);
});
