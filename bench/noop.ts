import { sql } from "kysely";
import { withClient } from "../src/db/connect.ts";
import { ensureServer } from "../src/db/embedded/server.ts";
import { newId } from "../src/ids.ts";
import { claimTasks, dropClaims } from "../src/queue/claims-store.ts";
import { type Grouping, runBareProtocol } from "./bare-protocol.ts";
import { openGraphile } from "./graphile.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, clocked, item, median } from "./measure.ts";
import { NOTHING, submitNothing, workOff } from "./nothing.ts";

/** Tasks a claim, there as here. */
const CLAIM = 100;
const SLOTS = 100;
/** Groups of the bare model under way at once: a worker has several connections, too. */
const DRIVERS = 2;
/** The largest group that a recording may have (design §5.6). */
const IDEAL: Grouping = { claim: 100, record: 100 };

export const benchmark: Benchmark = {
  name: "noop",
  about:
    "tasks that do nothing: the queue alone beside graphile-worker, the whole protocol beside its bare SQL",
  async run({ quick, say }) {
    const rounds = quick ? 2 : 5;
    await using lab = await openLab();
    const queue = await measureQueue(lab, rounds, quick ? 5000 : 20_000, say);
    const whole = await measureProtocol(lab, rounds, quick ? 500 : 2000, say);
    return [...queue, ...whole];
  },
};

async function measureQueue(lab: Lab, rounds: number, count: number, say: (line: string) => void) {
  await using graphile = await openGraphile(lab);
  say(`${graphile.about(CLAIM)}; ours: ${CLAIM} a claim, completed while the next is fetched`);
  await workOffQueue(lab, CLAIM * 10);
  await graphile.workOff(CLAIM * 10, CLAIM);
  const { a, b } = await alternate(
    rounds,
    () => workOffQueue(lab, count),
    () => graphile.workOff(count, CLAIM),
  );
  const [ours, theirs] = [count / median(a), count / median(b)];
  return [
    item("no-op tasks, queue alone; graphile-worker", "tasks/s", ours, theirs, { of: "ratio", least: 0.5 }),
  ];
}

/** Seconds from the first claim until the last of `count` queue rows is gone, none of which has a job. */
async function workOffQueue({ context, principal, home }: Lab, count: number): Promise<number> {
  const { superuser } = await ensureServer({ home: home.path });
  await withClient({ ...superuser, database: context.admin.database }, "bench", async (client) => {
    await client.query(
      `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
       SELECT $1, new_id(), 'run', 1, $2, 5, n, now(), 0 FROM generate_series(1, $3::int) AS n`,
      [principal.org_id, NOTHING, count],
    );
    await client.query(
      `INSERT INTO queue_lanes (org_id, engine) VALUES ($1, $2) ON CONFLICT (org_id, engine) DO UPDATE SET is_active = true`,
      [principal.org_id, NOTHING],
    );
    await client.query("VACUUM ANALYZE task_queue");
  });
  const worker = { worker_id: newId(), engines: [NOTHING], lease_seconds: 30 };
  const began = performance.now();
  let left = count;
  let completed: Promise<void> = Promise.resolve();
  while (left > 0) {
    const claims = await claimTasks(context.metadata, worker, CLAIM);
    await completed;
    if (claims.length === 0) break;
    left -= claims.length;
    completed = dropClaims(context.metadata, claims);
  }
  await completed;
  const seconds = (performance.now() - began) / 1000;
  if (left !== 0) throw new Error(`${left} of ${count} tasks were not claimed`);
  return seconds;
}

async function measureProtocol(lab: Lab, rounds: number, count: number, say: (line: string) => void) {
  await ours(lab, count); // connections, plans
  const seen: Grouping[] = [];
  const { a, b } = await alternate(
    rounds,
    async () => {
      const run = await ours(lab, count);
      seen.push(run.grouping);
      return run;
    },
    () => bare(lab, count, seen.at(-1) as Grouping),
  );
  const grouping = {
    claim: median(seen.map(({ claim }) => claim)),
    record: median(seen.map(({ record }) => record)),
  };
  say(
    `whole protocol, ${SLOTS} slots: ${grouping.claim} tasks a start, ${grouping.record} a recording, on both sides`,
  );
  const effects = [a.at(-1)?.effects, b.at(-1)?.effects].map((side) => JSON.stringify(side));
  say(`rows made by ours: ${effects[0]}`);
  if (effects[0] !== effects[1]) say(`rows made by the model: ${effects[1]}`);
  const each = (runs: { seconds: number }[]) => count / median(runs.map(({ seconds }) => seconds));
  const ideal = await alternate(
    2,
    () => bare(lab, count, IDEAL),
    async () => {},
  );
  const cpu = (1000 * median(a.map((run) => run.cpu))) / count;
  return [
    item("no-op tasks, whole protocol; bare SQL in the same groups", "tasks/s", each(a), each(b), {
      of: "ratio",
      least: 0.6,
    }),
    item(`the same; bare SQL in groups of ${IDEAL.record}`, "tasks/s", each(a), each(ideal.a)),
    item("no-op task, CPU with PostgreSQL", "ms", cpu),
  ];
}

async function ours(lab: Lab, count: number) {
  await submitNothing(lab, count);
  const before = await countRows(lab);
  const clock = await clocked(() => workOff(lab.context, count, SLOTS), lab.postmaster);
  const grouping = await seenGrouping(lab, count);
  return { seconds: clock.wall, cpu: clock.cpu, grouping, effects: await effectsSince(lab, before) };
}

async function bare(lab: Lab, count: number, grouping: Grouping) {
  await submitNothing(lab, count);
  const before = await countRows(lab);
  const seconds = await runBareProtocol(lab, count, grouping, DRIVERS);
  return { seconds, effects: await effectsSince(lab, before) };
}

/** How many tasks shared a transaction: rows of one have one time. */
async function seenGrouping({ context, principal }: Lab, count: number): Promise<Grouping> {
  return context.results.forMachinery(principal.org_id, async ({ tx }) => {
    const { rows } = await sql<{ starts: number; records: number }>`
      SELECT (SELECT count(DISTINCT started_at) FROM (SELECT started_at FROM task_executions ORDER BY started_at DESC LIMIT ${count}) s) AS starts,
        (SELECT count(DISTINCT created_at) FROM (SELECT created_at FROM task_results ORDER BY created_at DESC LIMIT ${count}) r) AS records`.execute(
      tx,
    );
    const { starts = 1, records = 1 } = rows[0] ?? {};
    return { claim: Math.round(count / starts), record: Math.max(1, Math.round(count / records)) };
  });
}

const TABLES = ["task_executions", "task_results", "result_cache", "job_events", "event_logs"];

async function countRows({ context, principal }: Lab): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  await context.results.forMachinery(principal.org_id, async ({ tx }) => {
    for (const table of TABLES) {
      const { rows } = await sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(table)}`.execute(tx);
      counts.set(table, rows[0]?.n ?? 0);
    }
  });
  return counts;
}

async function effectsSince(lab: Lab, before: Map<string, number>): Promise<Record<string, number>> {
  const after = await countRows(lab);
  return Object.fromEntries(
    TABLES.map((table) => [table, (after.get(table) ?? 0) - (before.get(table) ?? 0)]),
  );
}
