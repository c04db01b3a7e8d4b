import type pg from "pg";
import type { Context } from "../src/context.ts";
import { withClient } from "../src/db/connect.ts";
import { newId } from "../src/ids.ts";
import { type Claim, claimTasks, dropClaims } from "../src/queue/claims-store.ts";
import { makeHome } from "./lab.ts";
import { type Benchmark, type Item, item, median } from "./measure.ts";

const ENGINE = "noop";
const CLAIM = 200;

export const benchmark: Benchmark = {
  name: "claim",
  about:
    "claims of 200 from a long queue of 1,000 organizations, and how soon a single job is claimed beside a million",
  async run({ quick, say }) {
    await using home = makeHome();
    await using context = await home.open();
    return await withClient(context.admin, "bench", async (client) => {
      await client.query(`SET ROLE ${context.roles.owner}`);
      const rows = quick ? 200_000 : 5_000_000;
      const rounds = quick ? 20 : 60;
      await fill(client, { orgs: 1000, each: rows / 1000, name: "crowd" });
      say(`${rows} tasks of 1,000 organizations are queued`);
      const goal = { of: "value", most: 50, text: "< 50" } as const;
      const plain = await timeClaims(context, rounds);
      await client.query(
        "INSERT INTO organizations (org_id, name, slug, status) SELECT md5('rest' || n)::uuid, 'Resting ' || n, 'resting-' || n, 'active' FROM generate_series(1, 10000) n",
      );
      await client.query(
        "INSERT INTO queue_lanes (org_id, engine, is_active) SELECT md5('rest' || n)::uuid, $1, false FROM generate_series(1, 10000) n",
        [ENGINE],
      );
      const resting = await timeClaims(context, rounds);
      await fill(client, { orgs: 1000, each: 200, name: "later", later: true });
      const later = await timeClaims(context, rounds);
      const bare = await timeBare(client, rounds);
      say(
        `p95: ${[plain, resting, later, bare].map((times) => percentile(times, 0.95).toFixed(1)).join(", ")} ms`,
      );
      const speed: Item[] = [
        item(
          `claim 200 of ${rows / 1e6} M tasks, 1,000 organizations`,
          "ms",
          median(plain),
          median(bare),
          goal,
        ),
        item("the same, p95", "ms", percentile(plain, 0.95), percentile(bare, 0.95), goal),
        item("the same beside 10,000 resting lanes", "ms", median(resting), null, goal),
        item("the same beside 1,000 lanes whose tasks all wait out a pause", "ms", median(later), null, goal),
      ];
      return [...speed, ...(await measureFairness(context, client, quick ? 50_000 : 1_000_000))];
    });
  },
};

type Crowd = { orgs: number; each: number; name: string; later?: boolean };

/** Rows as submissions leave them, the organizations' mixed; keys to other tables are not asked one by one. */
async function fill(client: pg.Client, { orgs, each, name, later = false }: Crowd): Promise<void> {
  const { rows } = await client.query<{ indexname: string; indexdef: string }>(
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'task_queue' AND indexname <> 'task_queue_pkey'",
  );
  const isLarge = orgs * each > 1_000_000;
  if (isLarge) for (const { indexname } of rows) await client.query(`DROP INDEX ${indexname}`);
  // Asked row by row the key to the organizations would take longer than all the rest.
  await client.query("ALTER TABLE task_queue DROP CONSTRAINT task_queue_org_id_fkey");
  await client.query(
    `INSERT INTO organizations (org_id, name, slug, status)
      SELECT md5($1 || n)::uuid, $1 || ' ' || n, $1 || '-' || n, 'active' FROM generate_series(1, $2::int) n`,
    [name, orgs],
  );
  await client.query(
    `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
      SELECT md5($1 || (1 + n % $2::int))::uuid, lpad(to_hex(n), 32, '0')::uuid, 'run', 1, $3, 5, n,
        now() + $5::int * interval '1 hour', 0
      FROM generate_series(0, $2::int * $4::int - 1) n`,
    [name, orgs, ENGINE, each, later ? 1 : 0],
  );
  await client.query(
    "ALTER TABLE task_queue ADD CONSTRAINT task_queue_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations ON DELETE CASCADE NOT VALID",
  );
  if (isLarge) for (const { indexdef } of rows) await client.query(indexdef);
  await client.query(
    "INSERT INTO queue_lanes (org_id, engine) SELECT md5($1 || n)::uuid, $2 FROM generate_series(1, $3::int) n",
    [name, ENGINE, orgs],
  );
  await client.query("VACUUM ANALYZE task_queue");
  await client.query("ANALYZE queue_lanes");
  await client.query("ANALYZE organizations");
}

function claim(context: Context, count: number): Promise<Claim[]> {
  return claimTasks(context.metadata, { worker_id: newId(), engines: [ENGINE], lease_seconds: 3600 }, count);
}

async function timeClaims(context: Context, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const claims = await claim(context, CLAIM);
    times.push(performance.now() - began);
    if (claims.length !== CLAIM) throw new Error(`claimed ${claims.length} of ${CLAIM}`);
  }
  return times;
}

/** One common order and nothing else: no lanes, no quotas, an index made for it. */
async function timeBare(client: pg.Client, rounds: number): Promise<number[]> {
  await client.query(
    "CREATE INDEX bare_order ON task_queue (engine, priority DESC, rank) WHERE lease_owner IS NULL",
  );
  await client.query("ANALYZE task_queue");
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await client.query("BEGIN");
    await client.query(
      `UPDATE task_queue SET lease_owner = $1, fence = fence + 1, lease_expires_at = now() + interval '1 hour'
        WHERE ctid = ANY (ARRAY(SELECT ctid FROM task_queue
          WHERE engine = $2 AND lease_owner IS NULL AND available_at <= now()
          ORDER BY priority DESC, rank LIMIT ${CLAIM} FOR UPDATE SKIP LOCKED)) RETURNING org_id, job_id, task_name, fence`,
      [newId(), ENGINE],
    );
    await client.query("COMMIT");
    times.push(performance.now() - began);
  }
  await client.query("DROP INDEX bare_order");
  return times;
}

function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const BIG = "crowd";

/**
 * One organization has `count` tasks queued. Each round is a task's length: what was claimed ends, and as many are
 * claimed again. Counted is in which round after its submission a single job is claimed.
 */
async function measureFairness(context: Context, client: pg.Client, count: number): Promise<Item[]> {
  const items: Item[] = [];
  for (const slots of [1, 4]) {
    for (const who of ["another organization's", "a colleague's"] as const) {
      await client.query("TRUNCATE task_queue, queue_lanes");
      await client.query("DELETE FROM organizations WHERE slug LIKE 'crowd-%' OR slug LIKE 'later-%'");
      await fill(client, { orgs: 1, each: count, name: BIG });
      const rounds = await roundsUntilClaimed(context, client, slots, who === "a colleague's");
      const goal = who === "a colleague's" ? 4 : 2;
      items.push(
        item(`${who} single job beside ${count / 1e6} M, ${slots} slots`, "task lengths", rounds, null, {
          of: "value",
          most: goal,
        }),
      );
    }
  }
  return items;
}

async function roundsUntilClaimed(
  context: Context,
  client: pg.Client,
  slots: number,
  isColleague: boolean,
): Promise<number> {
  const single = newId();
  let running: Claim[] = [];
  for (let round = -20; ; round++) {
    if (round === 0) await submitSingle(client, single, running, isColleague);
    await dropClaims(context.metadata, running);
    running = await claim(context, slots);
    if (running.some((one) => one.job_id === single)) return round + 1;
    if (round > 1000) return Number.POSITIVE_INFINITY;
  }
}

/** With the rank that `next_rank` gives: that of the last that runs of its organization. */
async function submitSingle(
  client: pg.Client,
  job_id: string,
  running: Claim[],
  isColleague: boolean,
): Promise<void> {
  const name = isColleague ? BIG : "other";
  if (!isColleague)
    await client.query(
      "INSERT INTO organizations (org_id, name, slug, status) VALUES (md5('other1')::uuid, 'Other', 'other', 'active') ON CONFLICT DO NOTHING",
    );
  await client.query(
    `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
      SELECT md5($1 || 1)::uuid, $2, 'run', 1, $3, 5, coalesce(max(rank), 0), now(), 0
      FROM task_queue WHERE org_id = md5($1 || 1)::uuid AND job_id = ANY ($4::uuid[])`,
    [name, job_id, ENGINE, running.map((one) => one.job_id)],
  );
  await client.query(
    "INSERT INTO queue_lanes (org_id, engine) VALUES (md5($1 || 1)::uuid, $2) ON CONFLICT (org_id, engine) DO UPDATE SET is_active = true",
    [name, ENGINE],
  );
}
