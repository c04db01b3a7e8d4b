import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext as NodeTest, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureServer } from "../../src/db/embedded/server.ts";
import { AppError } from "../../src/errors.ts";
import { runReconciler } from "../../src/relay/reconcile.ts";
import { working } from "../faults/support/scripts.ts";
import { submitSmiles, type TestContext } from "../support/context.ts";
import { submitScript } from "../support/engine.ts";
import { startTestServer, testServer } from "../support/server.ts";
import {
  ended,
  jobState,
  openLab,
  projected,
  queueOf,
  skipBackoff,
  startWorker,
  until,
} from "../support/worker.ts";

const AMPRENAVIR = "CC(C)CN(C[C@H]([C@H](CC1=CC=CC=C1)NC(=O)O[C@H]2CCOC2)O)S(=O)(=O)C3=CC=C(C=C3)N";

const linux = process.platform === "linux" ? false : "needs /proc";
const xtb = (await found("xtb")) ? false : "xtb not found";

async function found(program: string): Promise<boolean> {
  const folders = (process.env["PATH"] ?? "").split(":");
  const lists = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [] as string[])));
  return lists.some((names) => names.includes(program));
}

function ifUnavailable(error: unknown): undefined {
  if (!(error instanceof AppError && error.kind === "unavailable")) throw error;
}

/** `aliquot worker` as a process of its own, ended with the test. */
async function workerProcess(t: NodeTest, context: TestContext): Promise<ChildProcess> {
  const { secret } = await testServer();
  const env = {
    PATH: process.env["PATH"] ?? "",
    DATABASE_URL: context.config.database_url ?? "",
    ALIQUOT_HOME: context.home,
    ALIQUOT_SECRET_KEY: secret,
    LEASE_SECONDS: "3",
    RECONCILE_SECONDS: "1",
  };
  const bin = join(import.meta.dirname, "..", "..", "bin", "aliquot.js");
  const child = spawn(process.execPath, [bin, "worker", "--slots", "1"], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.once(
    "exit",
    (code) => code !== null && code > 0 && t.diagnostic(`the worker ended with ${code}: ${said}`),
  );
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  return child;
}

describe("faults", { concurrency: 2, skip: linux }, () => {
  test("a worker killed outright while xtb runs: no program outlives it, and another worker computes it once", {
    skip: xtb,
  }, async (t) => {
    const { context, org, scientist } = await openLab(t, { env: { LEASE_SECONDS: "3" } });
    const { jobs } = await submitSmiles(context, scientist, AMPRENAVIR, {
      task: "optimize",
      optimization_level: "crude",
    });
    const job = jobs[0]?.job_id ?? "";
    const first = await workerProcess(t, context);
    const scratch = join(context.home, "scratch");
    await until("xtb to run", async () => (await working(scratch)).length > 0, 60_000);
    assert.equal((await jobState(context, org.org_id, job)).status, "running");
    first.kill("SIGKILL");
    await once(first, "exit");
    await until("xtb to die with its worker", async () => (await working(scratch)).length === 0, 10_000);
    assert.equal((await jobState(context, org.org_id, job)).calculations, 0);
    const second = await workerProcess(t, context);
    const { status, executions, calculations, events } = await ended(context, org.org_id, job, 90_000);
    assert.deepEqual([status, calculations], ["completed", 1]);
    assert.deepEqual(
      executions.map((row) => [row.attempt, row.status]),
      [
        [1, "lost"],
        [2, "completed"],
      ],
    );
    assert.deepEqual(
      events.map((row) => row.seq_no),
      events.map((_, index) => index + 1),
    );
    await until("the projection", async () => (await projected(context, job))?.status === "completed");
    assert.deepEqual(await queueOf(context, org.org_id), []);
    second.kill("SIGTERM");
    assert.deepEqual(await once(second, "exit"), [0, null]);
    assert.deepEqual(await readdir(scratch), [], "the dead worker's folder was swept");
  });

  test("PostgreSQL killed outright while programs run, and back: each job is completed once", async (t) => {
    const server = await startTestServer({ fast: false });
    const { context, org, scientist } = await openLab(t, { server, env: { LEASE_SECONDS: "3" } });
    t.after(server.stop);
    const gate = (name: string) => join(context.home, name);
    const script = (name: string) =>
      `: > ${gate(`${name}-runs`)}; while [ ! -e ${gate(name)} ]; do sleep 0.05; done; echo 1`;
    const [during, later] = [
      await submitScript(context, scientist, { script: script("during") }),
      await submitScript(context, scientist, { script: script("later") }),
    ];
    startWorker(t, context, { slots: 2, lease_seconds: 3 });
    const stop = new AbortController();
    const reconciler = runReconciler(context, 1, stop.signal);
    t.after(async () => {
      stop.abort();
      await reconciler;
    });
    await until("both programs to run", async () => {
      const names = await readdir(context.home);
      return names.includes("during-runs") && names.includes("later-runs");
    });
    const lockFile = await readFile(join(server.base, "home", "postgres", "postmaster.pid"), "utf8").catch(
      () => "",
    );
    const pid = Number(lockFile.split("\n")[0]);
    assert.ok(pid > 1);
    process.kill(pid, "SIGKILL");
    // One program ends while there is no database to tell.
    await writeFile(gate("during"), "");
    await sleep(500);
    const back = await ensureServer(server.options);
    assert.equal(back.started, true);
    await writeFile(gate("later"), "");
    for (const job of [during, later]) {
      const { status, calculations, executions, events } = await until("the end", async () => {
        await skipBackoff(context, job); // a claim that came back while the database was away waits 15 s
        // For a few seconds after its return a database may still be left alone.
        const state = await jobState(context, org.org_id, job).catch(ifUnavailable);
        return state?.status === "completed" && state;
      });
      assert.deepEqual([status, calculations], ["completed", 1]);
      assert.equal(executions.filter((row) => row.status === "completed").length, 1);
      assert.ok(executions.every((row) => row.status !== "running"));
      assert.deepEqual(
        events.map((row) => row.seq_no),
        events.map((_, index) => index + 1),
      );
      await until("the projection", async () => (await projected(context, job))?.status === "completed");
    }
    await until("an empty queue", async () => (await queueOf(context, org.org_id)).length === 0);
  });
});
