import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { cancelBatchOperation } from "../../src/batches/operations.ts";
import { createKeyOperation } from "../../src/identity/key-operations.ts";
import { cancelJobOperation, listJobs } from "../../src/jobs/operations.ts";
import { perform } from "../../src/perform.ts";
import { ROOT } from "../house/sources.ts";
import { PASSWORD } from "../support/identity.ts";
import { until } from "../support/worker.ts";
import { openWays, type Person } from "./both-ways.ts";

/** Who a command is at an API, and what it does where that API goes away. */
const { context, ways, one, two, ann, vic } = await openWays({ after });

const credentialsOf = (who: Person) => join(ways.homeOf(who), "credentials.json");
const asked = (path: string) => ways.asked.get(`/v1${path}`) ?? 0;

/** Changes what is kept of the one session there is. */
function edit(who: Person, change: (kept: { tokens: object; refresh_token: string }) => object): void {
  const all = JSON.parse(readFileSync(credentialsOf(who), "utf8"));
  writeFileSync(
    credentialsOf(who),
    JSON.stringify({ [ways.url]: { ...all[ways.url], ...change(all[ways.url]) } }),
  );
}

test("what signing in left is the owner's alone; another organization is switched to once, and not chosen by it", async () => {
  assert.equal(statSync(credentialsOf(ann)).mode & 0o777, 0o600);
  const before = [asked("/auth/refresh"), asked("/auth/switch")];
  edit(ann, () => ({ tokens: {} }));
  for (const org of [one.slug, two.slug, two.org_id, two.name.toUpperCase(), one.name])
    assert.equal((await ways.there(ann, ["--org", org, "job", "list"])).code, 0);
  const since = [asked("/auth/refresh"), asked("/auth/switch")].map((count, at) => count - (before[at] ?? 0));
  // The session was in one of them when it was refreshed.
  assert.deepEqual(since, [1, 1]);
  edit(ann, () => ({ tokens: {} }));
  const meant = await ways.there(ann, ["--json", "org", "show"]);
  assert.equal(JSON.parse(meant.stdout).org_id, one.org_id, "the session was in the other one last");
  const used = await ways.there(ann, ["org", "use", two.slug]);
  assert.equal(used.code, 0, used.stderr);
  assert.equal(JSON.parse((await ways.there(ann, ["--json", "org", "show"])).stdout).org_id, two.org_id);
  await ways.there(ann, ["org", "use", one.slug]);
  const again = await ways.there(ann, ["--org", one.slug, "login", "--username", ann.username], {
    stdin: `${PASSWORD}\n`,
  });
  const [means, also] = again.stdout.split("\n");
  assert.equal(again.code, 0, again.stderr);
  assert.match(means ?? "", new RegExp(`commands mean .* \\(${one.slug}\\)$`));
  assert.match(also ?? "", new RegExp(`^you may also act in .*\\b${two.slug}\\b.*: \`aliquot org use ORG\``));
});

test("signing in again means the organization that it says, also where another was chosen before", async () => {
  for (const [org, says] of [
    [two, two.slug],
    [undefined, two.slug],
    [one, one.slug],
  ] as const) {
    const ran = await ways.signIn(ann, org?.slug);
    assert.match(ran.stdout, new RegExp(`: commands mean .* \\(${says}\\)$`, "m"));
    const shown = JSON.parse((await ways.there(ann, ["--json", "org", "show"])).stdout);
    assert.equal(shown.slug, says);
    const { org: acts } = JSON.parse((await ways.there(ann, ["--json", "whoami"])).stdout);
    assert.equal(acts.slug, says);
  }
});

test("of commands that find their tokens ended at once one refreshes, and all go on with what it got", async () => {
  const [before, switched] = [asked("/auth/refresh"), asked("/auth/switch")];
  edit(ann, () => ({ tokens: {} }));
  // What a command that was killed left behind.
  writeFileSync(`${credentialsOf(ann)}.lock`, "999999999");
  const ran = await Promise.all(Array.from({ length: 6 }, () => ways.there(ann, ["job", "list"])));
  assert.deepEqual(
    ran.map(({ code, stderr }) => [code, stderr]),
    ran.map(() => [0, ""]),
  );
  assert.equal(asked("/auth/refresh") - before, 1);
  assert.ok(asked("/auth/switch") - switched <= 1, "and one switches to what is meant");
  // A token that the API refuses is renewed too, though it looks good here.
  edit(ann, ({ tokens }) => ({
    tokens: Object.fromEntries(
      Object.entries(tokens).map(([org, kept]) => [org, { ...kept, access_token: `${kept.access_token}x` }]),
    ),
  }));
  assert.equal((await ways.there(ann, ["job", "list"])).code, 0);
  assert.equal(asked("/auth/refresh") - before, 2);
});

test("a session that has ended says so; signing out leaves nothing; nobody is told how to sign in", async () => {
  await ways.signIn(vic);
  const out = await ways.there(vic, ["logout", "--everywhere"]);
  assert.deepEqual([out.code, /sessions? at|signed out/.test(out.stdout)], [0, true], out.stderr);
  assert.deepEqual(JSON.parse(readFileSync(credentialsOf(vic), "utf8")), {});
  const nobody = await ways.there(vic, ["job", "list"]);
  assert.deepEqual(
    [nobody.code, /nobody is signed in.*`aliquot login`/.test(nobody.stderr)],
    [4, true],
    nobody.stderr,
  );
  await ways.signIn(vic);
  const elsewhere = { ALIQUOT_URL: ways.url.replace("127.0.0.1", "localhost") };
  const lost = await ways.there(vic, ["job", "list"], { env: elsewhere });
  assert.deepEqual([lost.code, lost.stderr.includes(`you are signed in to ${ways.url}, if`)], [4, true]);
  edit(vic, () => ({ tokens: {}, refresh_token: "alr_nothing" }));
  const ended = await ways.there(vic, ["job", "list"]);
  assert.deepEqual([ended.code, /your session has ended/.test(ended.stderr)], [4, true], ended.stderr);
  const wrong = await ways.there(vic, ["login", "--username", vic.username], {
    stdin: "not this one at all\n",
  });
  assert.deepEqual([wrong.code, wrong.stderr], [4, "aliquot: the name or the password is wrong\n"]);
  const empty = await ways.there(vic, ["login", "--username", vic.username]);
  assert.deepEqual([empty.code, /there is no password/.test(empty.stderr)], [2, true]);
  for (const [words, broken] of [
    [["job", "list"], '{"half'],
    [["logout"], JSON.stringify({ [ways.url]: { access_token: "of an older version" } })],
  ] as const) {
    writeFileSync(credentialsOf(vic), broken);
    const unknown = await ways.there(vic, [...words]);
    assert.deepEqual([unknown.code, /sign in again with `aliquot login`$/m.test(unknown.stderr)], [4, true]);
    await ways.signIn(vic);
    assert.equal((await ways.there(vic, ["whoami"])).code, 0);
  }
});

test("an API key says who asks, in its organization alone", async () => {
  const { key } = await perform(context, createKeyOperation, ann, {
    name: "of a test",
    scopes: ["jobs:read", "orgs:read"],
  });
  const nobody = { username: "nobody", user_id: "" };
  const run = (...words: string[]) => ways.there(nobody, words, { env: { ALIQUOT_API_KEY: key ?? "" } });
  assert.equal((await run("job", "list")).code, 0);
  assert.equal((await run("--org", one.slug, "job", "list")).code, 0);
  const alone = new RegExp(
    `: this API key is of ${one.name} alone: for another organization .*\`aliquot login\``,
  );
  for (const [words, exit, says] of [
    [["--org", two.slug, "job", "list"], 2, alone],
    [["org", "use", two.slug], 2, alone],
    [["org", "use", one.slug], 2, alone],
    [["login", "--username", "ann"], 2, /ALIQUOT_API_KEY says who asks/],
    [["molecule", "list"], 4, /molecules:read/],
  ] as const) {
    const { code, stderr } = await run(...words);
    assert.deepEqual([code, says.test(stderr)], [exit, true], stderr);
  }
  const bad = await ways.there(nobody, ["job", "list"], { env: { ALIQUOT_API_KEY: "alq_not_a_key" } });
  assert.equal(bad.code, 4);
});

test("the guide's ten lines do what they say", async () => {
  const [, code = ""] =
    /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, "docs", "client.md"), "utf8")) ?? [];
  const program = join(ways.folder, "ask.mts");
  writeFileSync(program, code.replace("aliquot/client", join(ROOT, "src", "client", "index.ts")));
  const { key } = await perform(context, createKeyOperation, ann, { name: "of the guide" });
  const env = { ALIQUOT_URL: ways.url, ALIQUOT_API_KEY: key ?? "" };
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  const ended = once(child, "close");
  await until("the first event", async () => printed.includes("1 submitted"));
  const { items } = await perform(context, listJobs, ann, { limit: 1 });
  await perform(context, cancelJobOperation, ann, { job_id: items[0]?.job_id ?? "" });
  assert.deepEqual(await ended, [0, null]);
  assert.match(printed, /^1 submitted\n2 cancelled\n/);
});

test("a batch and the log of a job are followed as the API tells of them, and asked for no more than they must be", async () => {
  const made = await ways.there(ann, ["--json", "batch", "create", "xtb-singlepoint", "CCCCCCCCN"]);
  const { batch_id } = JSON.parse(made.stdout);
  const submitted = await ways.there(ann, ["--json", "xtb", "CCCCCCCCCN", "--no-cache"]);
  const [{ job_id }] = JSON.parse(submitted.stdout).jobs;
  const before = [asked(`/batches/${batch_id}`), asked("/jobs/events")];
  const watching = ways.started(ann, ["--json", "batch", "watch", batch_id]);
  const reading = ways.started(ann, ["job", "logs", job_id, "--follow"]);
  await until("somebody who follows the batch", async () => asked(`/batches/${batch_id}/stream`) > 0);
  await until("somebody who follows the job", async () => asked(`/jobs/${job_id}/stream`) > 0);
  await perform(context, cancelBatchOperation, ann, { batch_id });
  await perform(context, cancelJobOperation, ann, { job_id });
  const [watched, read] = await Promise.all([watching.ended, reading.ended]);
  assert.deepEqual(
    [watched.code, JSON.parse(watched.stdout.trim().split("\n").at(-1) ?? "").status],
    [1, "cancelled"],
    watched.stderr,
  );
  assert.deepEqual([read.code, /has no log: it is cancelled/.test(read.stderr)], [1, true], read.stderr);
  const since = [asked(`/batches/${batch_id}`), asked("/jobs/events")].map(
    (count, at) => count - (before[at] ?? 0),
  );
  assert.deepEqual(since, [1, 1]);
});

test("what waits says that no worker is there, and outlives an API that is started again", async () => {
  const smiles = "CCCCCCCCCO";
  const waiting = ways.started(ann, ["--json", "xtb", smiles, "--wait", "--no-cache"]);
  await until("a word of the worker that is missing", async () =>
    /no worker with xtb is running/.test(waiting.said()),
  );
  const { items } = await perform(context, listJobs, ann, { limit: 1 });
  const job_id = items[0]?.job_id ?? "";
  const watching = ways.started(ann, ["job", "watch", job_id]);
  await until("somebody who watches, by a stream", async () => asked(`/jobs/${job_id}/stream`) > 0);
  await ways.close();
  for (const { said } of [waiting, watching])
    await until("a word of the API that is away", async () =>
      /the API went away: waiting for it/.test(said()),
    );
  await ways.open();
  await perform(context, cancelJobOperation, ann, { job_id });
  const ended = await waiting.ended;
  assert.equal(ended.code, 1, ended.stderr);
  assert.deepEqual(
    JSON.parse(ended.stdout).jobs.map((job: { job_id: string; status: string }) => [job.job_id, job.status]),
    [[job_id, "cancelled"]],
  );
  const watched = await watching.ended;
  assert.deepEqual([watched.code, /submitted.*cancelled/s.test(watched.stdout)], [1, true], watched.stderr);
  await ways.close();
  const away = await ways.there(ann, ["job", "list"]);
  assert.deepEqual(
    [away.code, /can't reach .*nobody listens there/.test(away.stderr)],
    [5, true],
    away.stderr,
  );
});
