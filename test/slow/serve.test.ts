import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import { withClient } from "../../src/db/connect.ts";
import { bareEnv, WITHOUT_XTB } from "../cli/home.ts";
import { ROOT } from "../house/sources.ts";
import { makeOrg, openTestContext } from "../support/context.ts";
import { PASSWORD, setPassword, withPassword } from "../support/identity.ts";
import { checkInvariants } from "../support/invariants.ts";
import { testServer } from "../support/server.ts";
import { until, within } from "../support/worker.ts";

/** Two processes of the API and three that compute, on one database and one home; in this order. */
const started: Process[] = [];
// Before the database goes.
after(async () => {
  for (const { child } of started)
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await Promise.all(started.map(({ ended }) => ended));
});
const context = await openTestContext({ after });
const server = await testServer();
const org = await makeOrg(context);
const skip = WITHOUT_XTB;

type Process = { child: ChildProcess; said: () => string; ended: Promise<unknown[]> };
type Api = Process & { url: string };

/** `aliquot WORDS` on the context's database; it ends with the tests at the latest. */
function start(words: string[]): Process {
  const env = {
    ...bareEnv(context.home),
    DATABASE_URL: context.config.database_url ?? "",
    ALIQUOT_HOME: context.home,
    ALIQUOT_SECRET_KEY: server.secret,
    // Where a fact's own message is not heard, the test waits no longer than this.
    RECONCILE_SECONDS: "1",
  };
  const entry = join(ROOT, "bin", "aliquot.js");
  const child = spawn(process.execPath, [entry, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const one = { child, said: () => said, ended: once(child, "exit") };
  started.push(one);
  return one;
}

/** What a process says once it is ready; fails where it ends before. */
async function saying(process: Process, what: RegExp): Promise<string> {
  const match = await until(`${what} of a process`, async () => {
    assert.equal(process.child.exitCode, null, process.said());
    return what.exec(process.said()) ?? undefined;
  });
  return match[1] ?? "";
}

async function startApi(): Promise<Api> {
  const process = start(["serve", "--port", "0", "--json"]);
  return { ...process, url: await saying(process, /"url":"([^"]+)"/) };
}

let [a, b]: Api[] = [];
let owner = { user_id: "", token: "" };
const apis = (): [Api, Api] => {
  assert.ok(a !== undefined && b !== undefined, "the servers did not start");
  return [a, b];
};

before(async () => {
  [a, b] = await Promise.all([startApi(), startApi()]);
  const { user_id, username } = await withPassword(context, org, "owner");
  owner = { user_id, token: await signIn(apis()[0], username) };
});

type Asked = { method?: string; body?: object; key?: string; after?: string };

function ask({ url }: Api, token: string, path: string, { method, body, key, after }: Asked = {}) {
  return fetch(`${url}/v1${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(after === undefined ? {} : { "last-event-id": after }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function signIn(api: Api, username: string): Promise<string> {
  const answer = await ask(api, "", "/auth/login", { body: { username, password: PASSWORD } });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return (JSON.parse(text) as { access_token: string }).access_token;
}

/** A stream that is read as it comes. */
async function follow(api: Api, token: string, path: string, after?: string) {
  const answer = await ask(api, token, path, after === undefined ? {} : { after });
  assert.equal(answer.status, 200);
  let text = "";
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const part of answer.body ?? []) text += decoder.decode(part, { stream: true });
  })();
  ended.catch(() => {});
  return { text: () => text, ended };
}

/** What one process believes of somebody, it believes for 10 s; as long again for a machine that is busy. */
const BELIEVED_MS = 20_000;

test("a token of one process holds at the other; what one takes away the other refuses", async () => {
  const [here, there] = apis();
  const admin = context.admin_principal.username;
  await setPassword(context, context.admin_principal.user_id, PASSWORD);
  const operator = await signIn(here, admin);
  type Case = { what: string; status: number; take(who: OrgPrincipal, own: string): Promise<Response> };
  const cases: Case[] = [
    {
      what: "removed",
      status: 401,
      take: ({ user_id }) => ask(here, owner.token, `/members/${user_id}`, { method: "DELETE" }),
    },
    {
      what: "disabled",
      status: 401,
      take: ({ user_id }) => ask(here, operator, `/users/${user_id}/disable`, { body: {} }),
    },
    {
      what: "another role",
      status: 403,
      take: ({ user_id }) =>
        ask(here, owner.token, `/members/${user_id}`, { method: "PATCH", body: { roles: ["viewer"] } }),
    },
    {
      what: "signed out everywhere",
      status: 401,
      take: (_who, own) => ask(here, own, "/auth/logout", { body: { everywhere: true } }),
    },
  ];
  await Promise.all(
    cases.map(async ({ what, status, take }) => {
      const who = await withPassword(context, org, "scientist");
      const token = await signIn(here, who.username);
      // Nothing is in it: whoever may submit is told so, and nothing is done.
      const submit = () => ask(there, token, "/calculations", { body: {} });
      assert.equal((await submit()).status, 422, what);
      assert.equal((await submit()).status, 422, what);
      const taken = await take(who, token);
      assert.ok(taken.ok, `${what}: ${taken.status} ${await taken.text()}`);
      const refused = async () => {
        const answer = await submit();
        if (answer.status !== 422) return answer.status;
        // Not so often that it is told to ask less.
        await sleep(200);
        return undefined;
      };
      assert.equal(await until(`${what}, at the other`, refused, BELIEVED_MS), status, what);
    }),
  );
});

/** What a stream of a job told so far. */
function told(text: string): string[] {
  return [...text.matchAll(/^event: event\ndata: (.+)$/gm)].map(
    ([, data = ""]) => (JSON.parse(data) as { event: string }).event,
  );
}

/** Small molecules, no two alike. */
const SMILES = Array.from({ length: 60 }, (_, n) => {
  const end = ["", "O", "N", "F", "Cl", "S", "C=O", "C#N"][Math.floor(n / 8)] ?? "";
  return `${"C".repeat(1 + (n % 8))}${end}`;
});

test("60 jobs asked for at both processes under one key each are done once, by whichever worker", {
  skip,
}, async () => {
  const both = apis();
  const submit = async (api: Api, smiles: string[], key: string) => {
    const molecules = smiles.map((text) => ({ text, format: "smiles" }));
    const answer = await ask(api, owner.token, "/calculations", {
      body: { molecules, task: "single_point" },
      key,
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${answer.status} ${text}`);
    const { jobs } = JSON.parse(text) as { jobs: { job_id: string }[] };
    return { ids: jobs.map(({ job_id }) => job_id), replayed: answer.headers.has("idempotency-replayed") };
  };
  const chunks = Array.from({ length: 12 }, (_, n) => SMILES.slice(n * 5, n * 5 + 5));
  const asked = await Promise.all(
    chunks.map((smiles, n) => Promise.all(both.map((api) => submit(api, smiles, `key-${n}`)))),
  );
  for (const [first, second] of asked) {
    assert.deepEqual(first?.ids, second?.ids);
    assert.equal(Number(first?.replayed) + Number(second?.replayed), 1, "one was told that it came again");
  }
  const jobs = asked.flatMap(([first]) => first?.ids ?? []);
  assert.equal(new Set(jobs).size, 60);

  const [job = ""] = jobs;
  const stream = await follow(both[1], owner.token, `/jobs/${job}/stream`);
  await until("the first event, at the other", async () => told(stream.text()).includes("submitted"));
  const workers = startWorkers();
  const count = "SELECT FROM jobs WHERE status = 'completed'";
  const all = async () => (await context.superuser(count, [], org.database_name)).length === 60;
  await until("the end of all jobs", all, 120_000);
  await stream.ended;
  assert.deepEqual(told(stream.text()), ["submitted", "started", "task_completed", "completed"]);
  assert.match(stream.text(), /event: end\n/);
  await assertDoneOnce(jobs);
  for (const { child } of workers) child.kill("SIGTERM");
  for (const { ended, said } of workers) assert.deepEqual(await ended, [0, null], said());
});

/** Three processes that compute. */
const startWorkers = () => [1, 2, 3].map(() => start(["worker", "--slots", "1", "--engines", "xtb"]));

/** Each of these ran once, at its first attempt, and left one row. */
async function assertDoneOnce(jobs: string[]): Promise<void> {
  const done = await context.superuser(
    `SELECT e.job_id, count(*)::int AS executions, array_agg(DISTINCT e.status || e.attempt) AS ends,
       (SELECT count(*)::int FROM calculations c WHERE c.job_id = e.job_id) AS calculations
     FROM task_executions e WHERE e.job_id = ANY ($1::uuid[]) GROUP BY e.job_id ORDER BY e.job_id`,
    [jobs],
    org.database_name,
  );
  const wanted = jobs.map((job_id) => ({ job_id, executions: 1, ends: ["completed1"], calculations: 1 }));
  assert.deepEqual(
    done,
    wanted.toSorted((x, y) => (x.job_id < y.job_id ? -1 : 1)),
  );
}

/** Answers that came from the process that is to be killed, before it is. */
const ANSWERS = 8;

test("a process killed outright loses nothing that it did, and who goes on at the other gets nothing twice", {
  skip,
}, async () => {
  const [, stays] = apis();
  const victim = await startApi();
  const workers = startWorkers();
  const count = async () =>
    Number((await context.superuser("SELECT FROM jobs", [], org.database_name)).length);
  const before = await count();
  let answered = 0;
  const submit = async (smiles: string) => {
    const wish = {
      body: { molecules: [{ text: smiles, format: "smiles" }], task: "single_point", reuse: false },
      key: `killed-${smiles}`,
    };
    const first = await ask(victim, owner.token, "/calculations", wish).catch(() => undefined);
    const text = first === undefined ? undefined : await first.text().catch(() => undefined);
    if (text !== undefined && ++answered === ANSWERS) victim.child.kill("SIGKILL");
    // The last answer counts as one that got lost on its way: what it says was done, and its asker can't know.
    const isLost = text === undefined || answered === ANSWERS;
    const answer = isLost ? await ask(stays, owner.token, "/calculations", wish) : first;
    const said = isLost ? await answer?.text() : text;
    assert.equal(answer?.status, 201, said);
    if (text !== undefined && isLost)
      assert.deepEqual(JSON.parse(said ?? ""), JSON.parse(text), "done once, told twice");
    return (JSON.parse(said ?? "") as { jobs: { job_id: string }[] }).jobs[0]?.job_id ?? "";
  };
  // The first is followed from its beginning, where it was asked for, and the rest comes from where it goes on.
  const [head = "", ...others] = SMILES.slice(0, 24);
  const followed = await submit(head);
  const path = `/jobs/${followed}/stream`;
  const begun = await follow(victim, owner.token, path);
  await until("its first event", async () => told(begun.text()).includes("submitted"));
  const lanes = [0, 1, 2, 3].map(async (lane) => {
    const mine: string[] = [];
    for (const smiles of others.filter((_, n) => n % 4 === lane)) mine.push(await submit(smiles));
    return mine;
  });
  const jobs = [followed, ...(await Promise.all(lanes)).flat()];
  assert.deepEqual(await victim.ended, [null, "SIGKILL"], victim.said());
  assert.ok(
    answered >= ANSWERS && answered < jobs.length,
    `${answered} of ${jobs.length} came from who was killed`,
  );
  assert.equal(new Set(jobs).size, jobs.length);
  assert.equal((await count()) - before, jobs.length, "what was asked for again was done once");
  await begun.ended.catch(() => {});
  const known = [...begun.text().matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? "";
  const rest = await follow(stays, owner.token, path, known);
  await rest.ended;
  const events = [...told(begun.text()), ...told(rest.text())];
  assert.deepEqual(events, ["submitted", "started", "task_completed", "completed"]);
  // All of it also where it is told: in lists of jobs, the queue, the audit log.
  await until(
    "that nothing is left to do or to tell",
    async () => {
      const found = await checkInvariants(context, { jobs });
      return found.length === 0;
    },
    60_000,
  );
  await assertDoneOnce(jobs);
  for (const { child } of workers) child.kill("SIGTERM");
  for (const { ended, said } of workers) assert.deepEqual(await ended, [0, null], said());
});

/** Adding a molecule at an API waits until `work` lets it on. */
async function whileOneWaits(
  api: Api,
  smiles: string,
  work: (running: Promise<Response>, letOn: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  await withClient({ ...server.superuser, database: org.database_name }, "aliquot tests", async (client) => {
    await client.query("BEGIN; LOCK TABLE molecules IN SHARE MODE");
    const body = { records: [{ text: smiles, format: "smiles" }] };
    const running = ask(api, owner.token, "/molecules", { body });
    running.catch(() => {});
    await until("a request that waits", async () => {
      const { rows } = await client.query(
        "SELECT FROM pg_locks WHERE relation = 'molecules'::regclass AND NOT granted",
      );
      return rows.length === 1;
    });
    await work(running, () => client.query("ROLLBACK"));
  });
}

/** Nobody listens there any more, so that a signal has been heard. */
function closed({ url }: Api): Promise<true> {
  const refuses = () =>
    fetch(`${url}/healthz`).then(
      () => false,
      () => true,
    );
  return until("a listener that is closed", refuses) as Promise<true>;
}

test("a process told to end answers what runs, ends its streams and leaves; the other goes on", async () => {
  const [here, there] = apis();
  const batch = await ask(here, owner.token, "/batches", {
    body: { pipeline: "xtb-singlepoint", molecules: [{ text: "O", format: "smiles" }], seal: false },
  });
  const { batch_id } = (await batch.json()) as { batch_id: string };
  const path = `/batches/${batch_id}/stream`;
  const [ends, stays] = [await follow(here, owner.token, path), await follow(there, owner.token, path)];
  for (const { text } of [ends, stays])
    await until("how the batch stands", async () => text().includes("event: batch"));
  await whileOneWaits(here, "CCOCCOCC", async (running, letOn) => {
    here.child.kill("SIGTERM");
    await ends.ended;
    await closed(here);
    assert.equal(here.child.exitCode, null, "it waits for what runs");
    await letOn();
    const answer = await running;
    assert.equal(answer.status, 201, await answer.text());
  });
  assert.deepEqual(await here.ended, [0, null], here.said());
  assert.doesNotMatch(ends.text(), /event: (end|error)/, "it goes on elsewhere");
  const cancelled = await ask(there, owner.token, `/batches/${batch_id}/cancel`, { body: {} });
  assert.equal(cancelled.status, 200, await cancelled.text());
  await stays.ended;
  assert.match(stays.text(), /"status":"cancelled".*event: end/s);
  const found = await ask(there, owner.token, "/molecules?limit=1000");
  assert.match(await found.text(), /CCOCCOCC/);
});

/** Less than the time that a process which leaves gives to what runs. */
const AT_ONCE_MS = 8_000;

test("told a second time it waits for nothing, and what it cut off was not done", async () => {
  const [, there] = apis();
  const molecules = () => context.superuser("SELECT count(*) FROM molecules", [], org.database_name);
  const before = await molecules();
  await whileOneWaits(there, "CCOCCOCCN", async (running, letOn) => {
    const cut = assert.rejects(running);
    there.child.kill("SIGTERM");
    await closed(there);
    assert.equal(there.child.exitCode, null, "it waits for what runs");
    there.child.kill("SIGTERM");
    await within(cut, AT_ONCE_MS);
    await within(there.ended, AT_ONCE_MS);
    await letOn();
  });
  assert.deepEqual(await molecules(), before);
});
