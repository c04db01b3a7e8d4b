// The long form of the storm: `node test/faults/long.ts [SEED] [KILLS] [JOBS]`. Prints what was killed in which state,
// and ends with 1 where anything was lost, doubled or otherwise not as it must be.

import { startTestServer } from "../support/server.ts";
import { storm, table } from "./support/storm.ts";
import { tidy } from "./support/tidy.ts";

const [seed = Date.now() % 1_000_000, kills = 200, jobs = 500] = process.argv.slice(2).map(Number);
const plan = {
  seed,
  kills,
  jobs,
  items: Math.ceil(jobs / 5),
  server_kills: 5,
  limit_ms: 1_800_000,
  report: console.log,
};
console.log(
  `seed ${seed}: ${kills} kills, ${jobs} jobs and ${2.5 * plan.items} items; again with SEED=${seed}`,
);

// What the guard of the server's folder waits for does not hold this process by itself.
const awake = setInterval(() => {}, 1000);
const ends: (() => Promise<void>)[] = [];
const all = tidy({ after: (clean) => ends.push(clean) });
try {
  const server = await startTestServer({ fast: false });
  all.after(server.stop);
  const report = await storm(all, server, plan);
  for (const line of table(plan, report)) console.log(line);
  for (const line of [...report.violations, ...report.surprises]) console.log(line);
  process.exitCode = report.violations.length + report.surprises.length === 0 ? 0 : 1;
} finally {
  for (const end of ends) await end();
  clearInterval(awake);
}
