import { verifyChain } from "../../src/audit/chain.ts";
import { toAppError } from "../../src/errors.ts";
import type { TestContext } from "./context.ts";
import { METADATA_CHECKS, NAMED_BYTES, RESULTS_CHECKS } from "./invariants-sql.ts";

/** What only the asker knows: what was promised to whom. */
export type Promised = {
  /** Jobs whose submission was answered. */
  jobs?: string[];
  /** Jobs whose cancelling was answered. */
  cancelled?: string[];
  /** Requests that were answered: each stands in the audit log once; several may have got the same job. */
  audited?: { action: string; job_id: string }[];
};

type Place = { org_id: string; database_name: string; generation: number };

/**
 * Asks both databases by SQL, past every policy, whether what must hold holds, after everything has settled (no
 * job open, nothing running). Returns a line for each violation, beginning with the name of what is violated.
 */
export async function checkInvariants(context: TestContext, promised: Promised = {}): Promise<string[]> {
  const places = await context.superuser<Place>(
    "SELECT org_id, database_name, generation FROM org_databases WHERE state = 'active' ORDER BY org_id",
  );
  const found: string[] = [];
  const jobs = new Map<string, string>();
  for (const place of places) {
    found.push(...(await ask(context, RESULTS_CHECKS, [], place.database_name)));
    found.push(...(await ask(context, METADATA_CHECKS, [place.org_id])));
    found.push(...(await missingBytes(context, place)));
    found.push(...(await projectionDiffers(context, place, jobs)));
    found.push(...(await queueDiffers(context, place)));
  }
  found.push(...brokenPromises(promised, jobs));
  found.push(...(await brokenChains(context, promised)));
  return found;
}

/** All checks in one statement: one round trip. */
async function ask(
  context: TestContext,
  checks: Record<string, string>,
  values: unknown[],
  database?: string,
): Promise<string[]> {
  const text = Object.entries(checks)
    .map(([name, check]) => `SELECT '${name}' AS name, detail FROM (${check}) AS violations`)
    .join("\nUNION ALL\n");
  const rows = await context.superuser<{ name: string; detail: string }>(text, values, database);
  return rows.map(({ name, detail }) => `${name}: ${detail}`);
}

async function missingBytes(context: TestContext, place: Place): Promise<string[]> {
  const rows = await context.superuser<{ uri: string; checksum: string | null; holder: string }>(
    NAMED_BYTES,
    [],
    place.database_name,
  );
  const wrong = new Map<string, string>();
  for (const uri of new Set(rows.map((row) => row.uri))) {
    // Read and held against its hash, not only looked for.
    await context.objects.get(place.org_id, uri).catch((error: unknown) => {
      wrong.set(uri, toAppError(error).message);
    });
  }
  return rows.flatMap(({ uri, checksum, holder }) => {
    const why =
      wrong.get(uri) ?? (checksum === null || uri.endsWith(checksum.slice(7)) ? "" : "another checksum");
    return why === "" ? [] : [`bytes missing: ${holder} names ${uri}: ${why}`];
  });
}

type JobState = { job_id: string; status: string; seq: number; generation: number; priority: number };

async function projectionDiffers(
  context: TestContext,
  place: Place,
  all: Map<string, string>,
): Promise<string[]> {
  const truth = await context.superuser<JobState>(
    "SELECT job_id, status, seq, (SELECT generation FROM database_identity) AS generation, priority FROM jobs",
    [],
    place.database_name,
  );
  const told = await context.superuser<JobState>(
    "SELECT job_id, status, last_seq AS seq, generation, priority FROM jobs_meta WHERE org_id = $1",
    [place.org_id],
  );
  for (const { job_id, status } of truth) all.set(job_id, status);
  const line = (row: JobState) => [row.job_id, row.status, row.seq, row.generation, row.priority].join(" ");
  return differences("projection differs", truth.map(line), told.map(line));
}

/** The queue has exactly what is ready or runs. */
async function queueDiffers(context: TestContext, place: Place): Promise<string[]> {
  const open = await context.superuser<{ line: string }>(
    "SELECT concat_ws(' ', job_id, task_name, engine) AS line FROM tasks WHERE status IN ('ready', 'running')",
    [],
    place.database_name,
  );
  const queued = await context.superuser<{ line: string }>(
    "SELECT concat_ws(' ', job_id, task_name, engine) AS line FROM task_queue WHERE org_id = $1",
    [place.org_id],
  );
  const lines = (rows: { line: string }[]) => rows.map((row) => row.line);
  return differences("queue differs", lines(open), lines(queued));
}

function differences(name: string, truth: string[], told: string[]): string[] {
  const [is, said] = [new Set(truth), new Set(told)];
  return [
    ...[...is].filter((line) => !said.has(line)).map((line) => `${name}: not told of ${line}`),
    ...[...said].filter((line) => !is.has(line)).map((line) => `${name}: told of ${line}, which is not so`),
  ];
}

function brokenPromises(promised: Promised, jobs: Map<string, string>): string[] {
  const lost = (promised.jobs ?? []).filter((job) => !jobs.has(job));
  const undone = (promised.cancelled ?? []).filter((job) => jobs.get(job) !== "cancelled");
  return [
    ...lost.map((job) => `acknowledged job lost: ${job}`),
    ...undone.map((job) => `cancelled job went on: ${job} is ${jobs.get(job) ?? "lost"}`),
  ];
}

async function brokenChains(context: TestContext, promised: Promised): Promise<string[]> {
  const chains = await context.superuser<{ chain_id: string }>("SELECT DISTINCT chain_id FROM audit_logs");
  const reports = await context.metadata.system((tx) =>
    chains.reduce(
      async (done, { chain_id }) => [...(await done), await verifyChain(tx, chain_id)],
      Promise.resolve([] as Awaited<ReturnType<typeof verifyChain>>[]),
    ),
  );
  const rows = await context.superuser<{ key: string; count: number }>(
    "SELECT action || ' ' || job_id AS key, count(*) AS count FROM audit_logs WHERE job_id IS NOT NULL GROUP BY 1",
  );
  const told = new Map(rows.map(({ key, count }) => [key, count]));
  return [
    ...reports
      .filter((report) => report.first_bad_seq !== null)
      .map((report) => `audit chain broken: ${report.chain_id} at ${report.first_bad_seq}`),
    ...[...promisedRows(promised)]
      .filter(([key, count]) => told.get(key) !== count)
      .map(([key, count]) => `request not in the audit log once: ${key}: ${told.get(key) ?? 0} for ${count}`),
  ];
}

function promisedRows({ audited = [] }: Promised): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { action, job_id } of audited) {
    const key = `${action} ${job_id}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
