import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toAppError } from "../../../src/errors.ts";
import type { Cleaner } from "../../support/context.ts";
import { checkInvariants } from "../../support/invariants.ts";
import { ask, type OwnServer } from "../../support/server.ts";
import { openLab } from "../../support/worker.ts";
import { openProgress } from "./persist.ts";
import { working } from "./scripts.ts";
import { skipPauses } from "./settle.ts";
import { type AskedBatches, submitBatches } from "./storm-batches.ts";
import { gather } from "./storm-crew.ts";
import { type Killed, killAll } from "./storm-kills.ts";
import { countUp, type StormReport } from "./storm-report.ts";
import { type Asked, submitAll } from "./storm-work.ts";

export type StormPlan = {
  seed: number;
  jobs: number;
  /** Items of each of two batches, of which the second asks half the same; a third one is cancelled. */
  items: number;
  /** Batches of half as many items that people pause, resume, retry and cancel as the seed says. */
  troubled: number;
  /** Processes killed at random moments or at a point, beside the servers. */
  kills: number;
  server_kills: number;
  workers?: number;
  /** All that was asked has ended by then, or it is a violation. */
  limit_ms: number;
  /** Is told how far it is. */
  report?: (line: string) => void;
};

/** Kills between two lines about how far it is. */
const LINE_EVERY = 10;
/** Between two lines about what is not settled. */
const QUIET_MS = 5000;

/**
 * Workers of their own processes compute jobs that are submitted meanwhile, while processes are killed outright at
 * random and at the points between the relay's steps, and PostgreSQL too. Afterwards every invariant is asked.
 */
export async function storm(t: Cleaner, server: OwnServer, plan: StormPlan): Promise<StormReport> {
  const began = performance.now();
  const since = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const say = (line: string) => plan.report?.(`${since()}: ${line}`);
  const times: string[] = [];
  const over = (what: string) => {
    times.push(`${what} ${since()}`);
    say(what);
  };
  // A test server answers before its log is written; here a commit that was answered must outlive it.
  await ask(server.superuser, "postgres", "ALTER ROLE ALL SET synchronous_commit = on");
  const lab = await openLab(t, { server });
  const crew = await gather(t, lab, server, plan);
  over("ready");
  const asked: Asked[] = [];
  const batches: AskedBatches = { all: [], deeds: new Map() };
  const progress = openProgress();
  const submitting = Promise.all([
    submitAll(lab, plan, progress, asked),
    submitBatches(lab, plan, progress, batches),
  ]).then(() => over("submitted"));
  const far = (share: number, { programs }: Killed) => {
    progress.at(share);
    const done = Math.round(share * plan.kills);
    if (done % LINE_EVERY === 0)
      say(`${done} killed, ${programs} with a program running; ${asked.length} jobs acknowledged`);
  };
  const killing = killAll(crew, server, plan, far).finally(() => {
    progress.at(1);
    over("killed");
  });
  const [killed] = await Promise.all([killing, submitting]);
  await crew.calm();
  const promised = {
    jobs: asked.map((job) => job.job_id),
    cancelled: asked.flatMap((job) => (job.cancelled ? [job.job_id] : [])),
    audited: asked.map(({ job_id }) => ({ action: "jobs.submit", job_id })),
  };
  let violations: string[];
  let said = performance.now();
  do {
    await sleep(200);
    await skipPauses(lab.context).catch(() => {});
    violations = await checkInvariants(lab.context, promised).catch((error: unknown) => [
      toAppError(error).message,
    ]);
    if (violations.length === 0 || performance.now() < said + QUIET_MS) continue;
    said = performance.now();
    say(`${violations.length} not settled, as ${violations[0]}`);
  } while (violations.length > 0 && performance.now() < began + plan.limit_ms);
  over("settled");
  await crew.end();
  over("ended");
  const counted = await countUp(lab, asked, batches, violations);
  for (const pid of await working(join(lab.context.home, "scratch")))
    counted.surprises.push(`program ${pid} outlived its worker`);
  return { killed, violations, times, ...counted };
}
