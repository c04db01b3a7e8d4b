import type pg from "pg";
import { withClient } from "../src/db/connect.ts";
import { ensureServer } from "../src/db/embedded/server.ts";
import { newId } from "../src/ids.ts";
import type { Lab } from "./lab.ts";
import { NOTHING } from "./nothing.ts";

/** How many tasks share a transaction: as the worker was seen to do it. */
export type Grouping = { claim: number; record: number };

type Task = { job_id: string; fence: number };
type Clients = { metadata: pg.Client; results: pg.Client; org_id: string; worker_id: string };

/**
 * The whole protocol of a task as bare SQL: what claim, start, reserve, record and relay leave in the tables of
 * both databases, a statement a table and group, by a superuser (no row security) on open connections, with no
 * decision, no check and no row that is read to be believed. `drivers` groups are under way at once.
 * Returns the seconds until the last of `count` queued tasks is out of the queue.
 */
export async function runBareProtocol(
  lab: Lab,
  count: number,
  grouping: Grouping,
  drivers: number,
): Promise<number> {
  const { superuser } = await ensureServer({ home: lab.home.path });
  const place = await lab.context.metadata.system((tx) =>
    tx.selectFrom("org_databases").select(["database_name", "org_id"]).executeTakeFirstOrThrow(),
  );
  const left = { count };
  const ready = Promise.withResolvers<void>();
  let open = 0;
  const drive = () =>
    withClient({ ...superuser, database: lab.context.admin.database }, "bench", (metadata) =>
      withClient({ ...superuser, database: place.database_name }, "bench", async (results) => {
        if (++open === drivers) ready.resolve();
        await ready.promise;
        const began = performance.now();
        await driveAll({ metadata, results, org_id: place.org_id, worker_id: newId() }, left, grouping);
        return { began, ended: performance.now() };
      }),
    );
  const runs = await Promise.all(Array.from({ length: drivers }, drive));
  const [began, ended] = [
    Math.min(...runs.map((run) => run.began)),
    Math.max(...runs.map((run) => run.ended)),
  ];
  return (ended - began) / 1000;
}

async function driveAll(clients: Clients, left: { count: number }, grouping: Grouping): Promise<void> {
  while (left.count > 0) {
    const wanted = Math.min(grouping.claim, left.count);
    left.count -= wanted;
    const tasks = await claim(clients, wanted);
    if (tasks.length !== wanted) throw new Error(`${tasks.length} tasks in the queue, not ${wanted}`);
    let told = await start(clients, tasks);
    for (let at = 0; at < tasks.length; at += grouping.record) {
      const some = tasks.slice(at, at + grouping.record);
      await reserve(clients, some);
      told = [...told, ...(await record(clients, some))];
      await relay(clients, some, told);
      told = [];
    }
  }
}

async function inOne(client: pg.Client, statements: [string, unknown[]][]): Promise<pg.QueryResult[]> {
  const answers: pg.QueryResult[] = [];
  await client.query("BEGIN");
  for (const [text, values] of statements)
    answers.push(await client.query({ name: text.slice(0, 60), text, values }));
  await client.query("COMMIT");
  return answers;
}

async function claim({ metadata, worker_id, org_id }: Clients, count: number): Promise<Task[]> {
  const [answer] = await inOne(metadata, [
    [
      `/* claim */ UPDATE task_queue q SET lease_owner = $1, fence = q.fence + 1, lease_expires_at = now() + interval '30 s'
       FROM (SELECT org_id, job_id, task_name FROM task_queue
         WHERE engine = '${NOTHING}' AND org_id = $2 AND lease_owner IS NULL ORDER BY priority DESC, rank LIMIT $3
         FOR UPDATE SKIP LOCKED) p
       WHERE q.org_id = p.org_id AND q.job_id = p.job_id AND q.task_name = p.task_name RETURNING q.job_id, q.fence`,
      [worker_id, org_id, count],
    ],
    [
      `/* lane */ UPDATE queue_lanes SET vtime = vtime + $1 / weight WHERE org_id = $2 AND engine = '${NOTHING}'`,
      [count, org_id],
    ],
  ]);
  return answer?.rows as Task[];
}

/** Attempts, executions, events, jobs and their facts. */
async function start({ results, worker_id }: Clients, tasks: Task[]): Promise<number[]> {
  const ids = idsOf(tasks);
  const answers = await inOne(results, [
    [
      `/* executions */ INSERT INTO task_executions (job_id, task_name, attempt, status, fence, worker_id)
       SELECT job_id, 'run', 1, 'running', 1, $2 FROM unnest($1::uuid[]) AS job_id`,
      [ids, worker_id],
    ],
    [
      `/* tasks */ UPDATE tasks t SET status = 'running', fence = 1, attempt = 1, current_exec_id = e.exec_id
       FROM task_executions e WHERE t.job_id = ANY ($1::uuid[]) AND e.job_id = t.job_id AND e.task_name = t.task_name`,
      [ids],
    ],
    [
      `/* jobs running */ UPDATE jobs SET status = 'running', seq = seq + 1, timings = timings || jsonb_build_object('started_at', now())
       WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* started */ INSERT INTO job_events (job_id, seq_no, event, metadata)
       SELECT job_id, seq, 'started', jsonb_build_object('task', 'run', 'attempt', 1, 'worker', $2::text)
       FROM jobs WHERE job_id = ANY ($1::uuid[])`,
      [ids, worker_id],
    ],
    [
      `/* log started */ INSERT INTO event_logs (event_type, entity_type, entity_id, context)
       SELECT 'calculation_started', 'job', job_id::text, '{"task": "run", "engine": "noop", "attempt": 1}'
       FROM unnest($1::uuid[]) AS job_id`,
      [ids],
    ],
    facts("running", ids),
  ]);
  return outboxIds(answers);
}

async function reserve({ results }: Clients, tasks: Task[]): Promise<void> {
  await inOne(results, [
    [
      `/* reserve */ UPDATE task_executions SET signature = encode(sha256(job_id::text::bytea), 'hex')
       WHERE job_id = ANY ($1::uuid[])`,
      [idsOf(tasks)],
    ],
  ]);
}

/** Results, cache entries, ends of executions, tasks and jobs, with events and facts. */
async function record({ results }: Clients, tasks: Task[]): Promise<number[]> {
  const ids = idsOf(tasks);
  const answers = await inOne(results, [
    [
      `/* executed */ UPDATE task_executions SET status = 'completed', ended_at = now(), wall_seconds = 0, cpu_seconds = 0
       WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* tasked */ UPDATE tasks SET status = 'completed', signature = encode(sha256(job_id::text::bytea), 'hex')
       WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* results */ INSERT INTO task_results (exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data)
       SELECT exec_id, job_id, 'run', 'xtb 0', '1', 1, '[]', '{"outputs": {}}' FROM task_executions WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* cache */ INSERT INTO result_cache (cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id,
         confidence_score, signed_document, result_hash, metrics_summary)
       SELECT signature, signature, '1', 'run', job_id, exec_id, 1, jsonb_build_object('task', 'noop', 'input', job_id), signature,
         '{"wall_seconds": 0, "cpu_seconds": 0}' FROM task_executions WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* jobs done */ UPDATE jobs SET status = 'completed', seq = seq + 2, timings = timings || jsonb_build_object('ended_at', now()),
         metrics = metrics || '{"run": {"wall_seconds": 0, "cpu_seconds": 0}}' WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* completed */ INSERT INTO job_events (job_id, seq_no, event, metadata)
       SELECT job_id, seq - 2 + n, CASE n WHEN 1 THEN 'task_completed' ELSE 'completed' END, '{"task": "run", "attempt": 1}'
       FROM jobs, generate_series(1, 2) AS n WHERE job_id = ANY ($1::uuid[])`,
      [ids],
    ],
    [
      `/* log completed */ INSERT INTO event_logs (event_type, entity_type, entity_id, context, duration_ms)
       SELECT 'calculation_completed', 'job', job_id::text, '{"task": "run", "engine": "noop", "attempt": 1}', 0
       FROM unnest($1::uuid[]) AS job_id`,
      [ids],
    ],
    facts("completed", ids),
  ]);
  return outboxIds(answers);
}

/** One row of facts a transaction. */
function facts(status: string, ids: string[]): [string, unknown[]] {
  return [
    `/* facts ${status} */ INSERT INTO outbox (topic, payload)
     SELECT 'facts', jsonb_build_object('facts', jsonb_agg(jsonb_build_object('topic', 'job', 'payload', jsonb_build_object(
       'job_id', job_id, 'pipeline_id', pipeline_id, 'pipeline_version_id', pipeline_version_id, 'submitted_by', owner_id,
       'status', status, 'priority', priority, 'seq', seq, 'private_to', NULL, 'created_at', created_at, 'updated_at', updated_at))))
     FROM jobs WHERE job_id = ANY ($1::uuid[]) RETURNING outbox_id`,
    [ids],
  ];
}

function outboxIds(answers: pg.QueryResult[]): number[] {
  const rows: { outbox_id: number }[] = answers.at(-1)?.rows ?? [];
  return rows.map(({ outbox_id }) => outbox_id);
}

/** Facts of the starts and of the ends taken together, which is as few transactions as may be. */
async function relay({ metadata, results, org_id }: Clients, tasks: Task[], told: number[]): Promise<void> {
  const ids = idsOf(tasks);
  await inOne(metadata, [
    [
      `/* jobs_meta */ UPDATE jobs_meta SET status = 'completed', last_seq = last_seq + 3, updated_at = now()
       WHERE org_id = $2 AND job_id = ANY ($1::uuid[])`,
      [ids, org_id],
    ],
    [`/* gone */ DELETE FROM task_queue WHERE org_id = $2 AND job_id = ANY ($1::uuid[])`, [ids, org_id]],
  ]);
  await inOne(results, [
    [`/* relayed */ UPDATE outbox SET relayed_at = now() WHERE outbox_id = ANY ($1::bigint[])`, [told]],
  ]);
}

function idsOf(tasks: Task[]): string[] {
  return tasks.map(({ job_id }) => job_id);
}
