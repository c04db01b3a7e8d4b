// The long form of the storm: `node test/faults/long.ts [--seed=N] [--kills=200] [--jobs=500]`. Prints how far it is,
// then what was killed in which state, and ends with 1 where anything was lost, doubled or otherwise not as it must be.

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startTestServer } from "../support/server.ts";
import { type StormPlan, storm } from "./support/storm.ts";
import { table } from "./support/storm-report.ts";
import { tidy } from "./support/tidy.ts";

const LIMIT_MS = 15 * 60_000;
const CLEANING_MS = 60_000;

const number = { type: "string" } as const;
const { values } = parseArgs({ options: { seed: number, kills: number, jobs: number } });
/** An empty one is none: that is how make hands on what nobody gave. */
const given = (text: string | undefined, otherwise: number) => Number(text || otherwise);
const seed = given(values.seed, Date.now() % 1_000_000);
const kills = given(values.kills, 200);
const jobs = given(values.jobs, 500);
if (![seed, kills, jobs].every(Number.isSafeInteger)) {
  console.error("seed, kills and jobs are whole numbers");
  process.exit(2);
}
const items = Math.ceil(jobs / 5);
const plan: StormPlan = {
  ...{ seed, kills, jobs, items },
  troubled: Math.ceil(kills / 25),
  server_kills: Math.min(5, Math.floor(kills / 8)),
  limit_ms: LIMIT_MS,
  report: console.log,
};
const all_items = 2.5 * items + plan.troubled * Math.floor(items / 2);
console.log(`seed ${seed}: ${kills} kills, ${jobs} jobs and ${all_items} items; again with SEED=${seed}`);

// What is waited for does not always hold this process by itself: the guard of the server's folder does not. The
// limits below are of time, so it ends whatever hangs.
const awake = setInterval(() => {}, 1000);
const ends: (() => Promise<void>)[] = [];
const cleaner = tidy({ after: (clean) => ends.push(clean) });

/** What it comes to within a limit; rejects after that. */
async function within<T>(what: string, limit_ms: number, work: Promise<T>): Promise<T> {
  const late = sleep(limit_ms, undefined, { ref: false }).then(() => {
    throw new Error(`${what} was not over after ${limit_ms / 1000} s`);
  });
  return Promise.race([work, late]);
}

async function run(): Promise<boolean> {
  const server = await startTestServer({ fast: false });
  cleaner.after(server.stop);
  const report = await storm(cleaner, server, plan);
  for (const line of [...table(plan, report), ...report.violations, ...report.surprises]) console.log(line);
  return report.violations.length + report.surprises.length === 0;
}

let code = 1;
try {
  // The storm has its own limit for what was asked; this one is for what hangs before and after that.
  if (await within("the storm", LIMIT_MS + 120_000, run())) code = 0;
} catch (error) {
  console.error(error);
}
try {
  await within("cleaning up", CLEANING_MS, Promise.all(ends.map((end) => end())));
} catch (error) {
  // The guard of the server's folder does it after us; what the storm found stands.
  console.error(error);
}
clearInterval(awake);
// What a killed process left open holds no exit code up.
process.exit(code);
