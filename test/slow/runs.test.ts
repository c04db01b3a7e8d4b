import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  assertKeys,
  assertNoStack,
  assertRefused,
  openCliHome,
  type Runner,
  type Started,
  WITHOUT_XTB,
} from "../cli/home.ts";
import { ROOT } from "../house/sources.ts";

/** Runs of engines, real ones and liars, from the command line; one home, in this order. */
const home = openCliHome({ after });
const run: Runner = (words, env) => home.run(words, env);
const skip = WITHOUT_XTB;

type Job = { job_id: string; status: string; cached: boolean };
type Row = { job_id: string; smiles: string; energy_eh: number; gap_ev: number; convergence_status: string };
type Answer = { batch_id: null; jobs: Job[]; rejected: unknown[]; results: Row[] };
type Detail = { status: string; waiting_for?: string; error: { code: string; message: string } | null };
type Item = { job_id: string; status: string; error: { code: string; message: string } | null };

/** Jobs of the tests above that wait for a worker, and one that failed. */
const left: { waiting: string[]; crashed?: string } = { waiting: [] };

before(async () => {
  await home.json(["org", "create", "lab"]);
});

test("xtb --wait runs a worker of its own and prints jobs and results", { skip }, async () => {
  const ran = await home.run(["xtb", "O", "--wait", "--json"]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /no worker is running: this command runs one until its jobs end/);
  const answer = JSON.parse(ran.stdout) as Answer;
  assert.deepEqual([answer.batch_id, answer.rejected], [null, []]);
  const [[job], [row]] = [answer.jobs, answer.results];
  assert.ok(job !== undefined && row !== undefined);
  assert.deepEqual([job.status, job.cached, row.job_id], ["completed", false, job.job_id]);
  assertKeys(
    row,
    "calculation_id",
    "molecule_id",
    "smiles",
    "method",
    "charge",
    "multiplicity",
    "dipole_debye",
  );
  assert.equal(row.smiles, "O");
  near(row.energy_eh, -5.070544, 1e-5);
  near(row.gap_ev, 14.386, 0.01);
});

test("the same question again is answered by the job that asked it, unless told otherwise", {
  skip,
}, async () => {
  const first = await home.json<Answer>(["xtb", "O"]);
  const second = await home.json<Answer>(["xtb", "[H]O[H]", "--wait"]);
  assert.deepEqual(first.jobs, [{ ...second.jobs[0], status: "completed", cached: true }]);
  near(second.results[0]?.energy_eh, -5.070544, 1e-5);
  assert.match((await home.run(["xtb", "O"])).stdout, /1 answered from completed jobs that asked the same/);
  assert.match((await home.run(["xtb", "O", "--wait"])).stdout, /^O .*-5\.07054\d .*reused$/m);
  const again = await home.json<Answer>(["xtb", "O", "--no-cache", "--wait"]);
  assert.notEqual(again.jobs[0]?.job_id, first.jobs[0]?.job_id);
  assert.equal(again.jobs[0]?.cached, false);
  near(again.results[0]?.energy_eh, second.results[0]?.energy_eh ?? Number.NaN, 1e-9);
});

test("a job that fails ends --wait with 1, and the others' results are printed", { skip }, async () => {
  const words = ["xtb", "O", "NCCCO", "--cycles", "4", "--wait"];
  const answer = await home.json<Answer>(words, 1);
  assert.deepEqual(
    answer.jobs.map(({ status }) => status),
    ["completed", "failed"],
  );
  assert.deepEqual(
    answer.results.map(({ smiles }) => smiles),
    ["O"],
  );
  const failed = answer.jobs[1]?.job_id ?? "";
  assert.equal((await home.json<Detail>(["job", "show", failed])).error?.code, "geometry_not_converged");
  const plain = await home.run(words);
  assert.equal(plain.code, 1);
  assert.match(plain.stdout, /^O .*reused$/m);
  assert.match(plain.stdout, /^line 2 {2}NCCCO {2}job \S+ failed: .+ \(geometry_not_converged\)$/m);
  assertNoStack(plain);
});

test("an engine that lies or crashes gives no result, and says why", async () => {
  // Water gets the files of a run that stopped at its cycle limit, with exit code 0; the rest dies.
  const liar = program(
    "liar",
    `grep -q '^[[:space:]]*N' *.xyz && kill -SEGV $$
     cp -r ${ROOT}/src/engines/xtb/fixtures/cycle_limit/. .; cat stdout; cat stderr >&2; exit 0`,
  );
  const words = ["xtb", "O", "N", "--no-cache", "--wait"];
  const answer = await home.json<Answer>(words, 1, { XTB_PATH: liar });
  assert.deepEqual(answer.results, []);
  const [water, ammonia] = answer.jobs.map(({ job_id }) => job_id);
  const { items } = await home.json<{ items: Item[] }>(["job", "list", "--status", "failed"]);
  const of = (id: string | undefined) => items.find(({ job_id }) => job_id === id)?.error;
  assert.equal(of(water)?.code, "geometry_not_converged");
  assert.deepEqual(
    [of(ammonia)?.code, /SIGSEGV|signal/i.test(of(ammonia)?.message ?? "")],
    ["crashed", true],
  );
  const attempts = await home.rows<{ attempt: number }>(
    `select attempt from task_executions where job_id = '${ammonia}' and status = 'failed' order by attempt`,
  );
  assert.deepEqual(attempts, [{ attempt: 1 }, { attempt: 2 }, { attempt: 3 }]);
  assert.ok(ammonia);
  left.crashed = ammonia;
});

test("worker --once says what it ran, and that a later try is left", async () => {
  const env = { XTB_PATH: program("crashes", "kill -SEGV $$") };
  const { jobs } = await home.json<Answer>(["xtb", "NC", "--no-cache"]);
  const ran = await home.run(["worker", "--once"], env);
  assert.deepEqual([ran.code, ran.stdout], [0, ""], ran.stderr);
  assert.match(ran.stderr, /^ran: 1 failed$/m);
  assert.match(
    ran.stderr,
    /^1 left whose time is still to come, the first at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/m,
  );
  await home.json(["job", "cancel", jobs[0]?.job_id ?? ""]);
  const none = { recorded: 0, cached: 0, failed: 0, waits: 0, lost: 0, given_back: 0 };
  const { engines, ...told } = await home.json<{ engines: string[] }>(["worker", "--once"], 0, env);
  assert.ok(engines.includes("xtb"));
  const nothing = { tasks: 0, first_at: null, resting_lanes: 0, resting_until: null };
  assert.deepEqual(told, { ...none, later: nothing });
});

test("without the engine a job waits and says what for; --wait ends with 5", async () => {
  const env = { XTB_PATH: "/nonexistent/xtb" };
  const { jobs } = await home.json<Answer>(["xtb", "CO"], 0, env);
  const [job] = jobs;
  assert.equal(job?.status, "queued");
  const { waiting_for } = await home.json<Detail>(["job", "show", job.job_id], 0, env);
  assert.match(waiting_for ?? "", /a worker with xtb: none is running .*aliquot doctor/);
  await assertRefused(run, {
    words: ["xtb", "CS", "--wait"],
    exit: 5,
    code: "unavailable",
    message:
      /wait in the queue, because xtb is missing here: \/nonexistent\/xtb can't be run; apt-get install xtb/,
    env,
  });
  const { items } = await home.json<{ items: Item[] }>(["job", "list", "--status", "queued"]);
  assert.equal(items.length, 2);
  left.waiting.push(...items.map(({ job_id }) => job_id));
});

test("Ctrl-C on --wait ends with 130, ends the engine, and the job goes on waiting", async () => {
  const note = join(home.folder, "hangs.pid");
  // It hangs with a child of its own, as a program behind a wrapper script does.
  const hanging = program("hangs", `sleep 300 & echo $$ $! > ${note}.tmp; mv ${note}.tmp ${note}; wait`);
  const started = home.start(["xtb", "CCl", "--wait", "--json"], { XTB_PATH: hanging, WORKER_SLOTS: "1" });
  await until("the engine runs", started, () => existsSync(note));
  const pids = readFileSync(note, "utf8").trim().split(" ");
  assert.deepEqual(pids.map(isAlive), [true, true]);
  started.child.kill("SIGINT");
  const ran = await started.ended;
  assert.equal(ran.code, 130, ran.stderr);
  assert.match(ran.stderr, /interrupted: the jobs go on wherever a worker runs/);
  assertNoStack(ran);
  await until("no engine is left", started, () => !pids.some(isAlive));
  const [job] = (JSON.parse(ran.stdout) as Answer).jobs;
  assert.ok(job);
  left.waiting.push(job.job_id);
  const { status } = await home.json<Detail>(["job", "show", job.job_id]);
  assert.ok(["queued", "running"].includes(status), status);
});

test("Ctrl-C ends what watches and what follows with 130, before a worker has anything to tell", async () => {
  const [job = ""] = left.waiting;
  const watching = home.start(["job", "watch", job, "--json"]);
  await until("events come", watching, () => watching.said().includes("submitted"));
  watching.child.kill("SIGINT");
  assert.equal((await watching.ended).code, 130);
  const following = home.start(["job", "logs", job, "--follow", "--json"]);
  await until("it waits", following, () => following.said().includes("no attempt has ended yet"));
  following.child.kill("SIGINT");
  const ended = await following.ended;
  assert.deepEqual([ended.code, ended.stdout], [130, ""], ended.stderr);
  assert.match(ended.stderr, /^ending; Ctrl-C again ends it at once$/m);
});

test("up --detach, once; its worker ends what waits; watch, retry, logs; down", { skip }, async () => {
  // Begun before there is anybody who runs it: it prints the log when there is one, and ends with the job.
  const early = home.start(["job", "logs", left.waiting[0] ?? "", "--follow", "--json"]);
  const up = await home.json<{ pid: number; log: string }>(["up", "--detach"]);
  assert.ok(isAlive(String(up.pid)));
  for (const words of [["up"], ["up", "--detach"]]) {
    const message = new RegExp(`is up already \\(process ${up.pid}\\).*aliquot down`);
    await assertRefused(run, { words, exit: 4, code: "conflict", message });
  }
  assert.ok(left.crashed);
  const retried = await home.json<Item>(["job", "retry", left.crashed]);
  assert.equal(retried.job_id, left.crashed);
  assert.notEqual(retried.status, "failed");
  for (const id of [...left.waiting, left.crashed]) {
    const watched = await home.run(["job", "watch", id, "--json"]);
    assert.equal(watched.code, 0, watched.stderr + watched.stdout);
    const events = watched.stdout.trimEnd().split("\n");
    assert.equal((JSON.parse(events.at(-1) ?? "") as { event: string }).event, "completed");
  }
  const log = await home.json<{ log: string; attempt: number }>(["job", "logs", left.crashed]);
  assert.match(log.log, /normal termination|S\. Grimme/);
  // Three attempts of a program that died, and the one after the retry.
  const first = await home.json<typeof log>(["job", "logs", left.crashed, "--attempt", "1"]);
  assert.deepEqual([first.attempt, log.attempt], [1, 4]);
  assert.doesNotMatch(first.log, /normal termination|S\. Grimme/);
  const message = /no such attempt: it has optimize 1, 2, 3, 4$/;
  const words = ["job", "logs", left.crashed, "--attempt", "5"];
  await assertRefused(run, { words, exit: 3, code: "not_found", message });
  const came = await early.ended;
  assert.equal(came.code, 0, came.stderr);
  assert.match((JSON.parse(came.stdout) as typeof log).log, /normal termination|S\. Grimme/);
  const followed = await home.run(["job", "logs", left.crashed, "--follow", "--json"]);
  assert.equal(followed.code, 0, followed.stderr);
  const lines = followed.stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as typeof log).attempt),
    [1, 2, 3, 4],
  );
  const following = home.start(["events", "--follow", "--since", "1d", "--json"]);
  await until("events come", following, () => following.said().includes("calculation_completed"));
  following.child.kill("SIGINT");
  assert.equal((await following.ended).code, 130);
  type Status = { processes: { pid: number; kind: string }[]; jobs: Record<string, number> };
  const status = await home.json<Status>(["status"]);
  assert.deepEqual(status.processes.map(({ kind }) => kind).sort(), ["up", "worker"]);
  assert.equal(status.jobs["queued"], undefined);
  const waited = await home.run(["xtb", "CC", "--wait"]);
  assert.deepEqual([waited.code, waited.stderr], [0, ""], "it ran a worker though one is up");
  const down = await home.json<{ ended: number; killed: number; database: string }>(["down"]);
  assert.deepEqual([down.ended, down.killed, down.database], [2, 0, "stopped"]);
  for (const { pid } of status.processes) assert.equal(isAlive(String(pid)), false);
  assert.deepEqual((await home.json<Status>(["status"])).processes, []);
});

test("down --purge needs an answer, deletes the cluster, and a second one finds nothing", async () => {
  const { database } = await home.json<{ database: { data_dir: string } }>(["status"]);
  await assertRefused(run, {
    words: ["down", "--purge"],
    exit: 2,
    code: "usage",
    message: /deletes the database of .*--yes/,
  });
  assert.ok(existsSync(database.data_dir));
  // Whose API is gone with its database, and another's.
  const sessions = join(home.path, "credentials.json");
  writeFileSync(sessions, JSON.stringify({ "http://127.0.0.1:8123": {}, "https://lab.example.org": {} }));
  const purged = await home.run(["down", "--purge", "--yes", "--json"], { API_PORT: "8123" });
  assert.equal(JSON.parse(purged.stdout).purged, true, purged.stderr);
  assert.equal(existsSync(database.data_dir), false);
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(sessions, "utf8"))), ["https://lab.example.org"]);
  assert.equal((await home.json<{ purged: boolean }>(["down", "--purge", "--yes"])).purged, false);
});

test("two commands at once on a fresh home end with one server and both answers", async () => {
  const [made, list] = await Promise.all([run(["org", "create", "lab"]), run(["org", "list"])]);
  assert.deepEqual([made.code, list.code], [0, 0], made.stderr + list.stderr);
  const { database } = await home.json<{ database: { state: string } }>(["status"]);
  assert.equal(database.state, "running");
});

/** A program that says it is xtb 6.5.1 and then does as the script says. */
function program(name: string, script: string): string {
  const version =
    'for word; do [ "$word" = --version ] && { echo "  * xtb version 6.5.1 (x) compiled by y"; exit 0; }; done';
  const path = home.file(name, `#!/bin/sh\nPATH=/usr/bin:/bin\n${version}\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function near(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(
    Math.abs((actual ?? Number.NaN) - expected) <= tolerance,
    `${actual} is not ${expected} ± ${tolerance}`,
  );
}

/** A zombie that nobody reaps yet counts as ended. */
function isAlive(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

async function until(what: string, started: Started, done: () => boolean): Promise<void> {
  for (let round = 0; round < 600; round++) {
    if (done()) return;
    await sleep(50);
  }
  started.child.kill("SIGKILL");
  throw new Error(`waited in vain: ${what}; the command said: ${started.said()}`);
}
