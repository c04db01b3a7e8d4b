import { type Canonical, signatureOf } from "../canonical.ts";
import type { ResultsTx } from "../db/results.ts";
import { newId, sha256 } from "../ids.ts";
import { privateTo } from "../jobs/schema.ts";
import { type KeepItem, keepResults } from "./keep.ts";
import type { Ask, Asker, CachePolicy, Irreproducible } from "./schema.ts";

export const POLICY: CachePolicy = { threshold: 0.8, ttl_days: null, programs: {} };

/** A task that runs, of a job of its own: as the worker leaves them when it asks the cache. */
export async function startedTask(
  tx: ResultsTx,
  asker: Asker,
  job: { pipeline?: string; reuse?: boolean; input_signature?: string; molecule_id?: string } = {},
): Promise<Ask> {
  const [job_id, exec_id] = [newId(), newId()];
  const { owner_id, visibility } = asker;
  const name = job.pipeline ?? "xtb";
  const spec_hash = sha256(name);
  await tx
    .insertInto("pipeline_specs")
    .values({ spec_hash, name, version: "1", spec: JSON.stringify({ version: "1", tasks: {} }) })
    .onConflict((oc) => oc.doNothing())
    .execute();
  await tx
    .insertInto("jobs")
    .values({
      ...{ job_id, spec_hash, owner_id, visibility, pipeline_version: "1", status: "running", params: "{}" },
      ...{ rank: 1, reuse: job.reuse ?? true, input_signature: job.input_signature ?? sha256(job_id) },
    })
    .execute();
  if (job.molecule_id !== undefined)
    await tx
      .insertInto("job_inputs")
      .values({ job_id, key: "molecule", molecule_id: job.molecule_id })
      .execute();
  await tx
    .insertInto("tasks")
    .values({
      ...{ job_id, task_name: "run", engine: "xtb", status: "running" },
      ...{ attempt: 1, fence: 1, current_exec_id: exec_id },
    })
    .execute();
  await tx
    .insertInto("task_executions")
    .values({
      ...{ exec_id, job_id, task_name: "run", attempt: 1, status: "running", fence: 1 },
      private_to: privateTo(asker),
    })
    .execute();
  return { exec_id, owner_id, visibility, signature: "" };
}

export type Found = {
  document?: { [key: string]: Canonical };
  /** What it found, told apart by its hash. */
  found?: string;
  confidence_score?: number;
  checks_passed?: number;
  service_name?: string;
  uri?: string;
};

/** Records a started task as the worker does; what is returned may answer others. */
export async function finished(
  tx: ResultsTx,
  task: Ask,
  {
    document = {},
    found = "it",
    confidence_score = 1,
    checks_passed = 1,
    service_name = "xtb 6.5.1",
    uri,
  }: Found = {},
): Promise<KeepItem> {
  const signature = signatureOf(document);
  const { exec_id } = task;
  const { job_id, task_name } = await tx
    .selectFrom("task_executions")
    .select(["job_id", "task_name"])
    .where("exec_id", "=", exec_id)
    .executeTakeFirstOrThrow();
  const checks = Array.from({ length: checks_passed }, (_, at) => ({
    name: `${at}`,
    weight: 1,
    passed: true,
  }));
  const outputs = uri === undefined ? [] : [{ key: `${task_name}/out`, uri }];
  await end(tx, exec_id, { signature });
  await tx
    .insertInto("task_results")
    .values({
      ...{ exec_id, job_id, task_name, service_name, schema_version: "1", confidence_score },
      ...{ checks: JSON.stringify(checks), result_data: JSON.stringify({ found }) },
    })
    .execute();
  return {
    ...{ job_id, task_name, exec_id, owner_id: task.owner_id, visibility: task.visibility },
    ...{ pipeline_version: "1", signature, document, outputs },
    recorded: { checks, confidence_score, result_hash: sha256(found), wall_seconds: 4, cpu_seconds: 3 },
  };
}

/** The same, and lets it answer. */
export async function recorded(
  tx: ResultsTx,
  task: Ask,
  found: Found = {},
): Promise<{ job_id: string; signature: string; irreproducible: Irreproducible[] }> {
  const item = await finished(tx, task, found);
  return { job_id: item.job_id, signature: item.signature, ...(await keepResults(tx, [item], POLICY)) };
}

/** Ends an execution, its task and its job; `cached_from` says that another's result answered it. */
export async function end(
  tx: ResultsTx,
  exec_id: string,
  { signature, cached_from = null }: { signature: string; cached_from?: string | null },
): Promise<void> {
  const { job_id } = await tx
    .updateTable("task_executions")
    .set({ status: "completed", ended_at: new Date().toISOString(), signature, cached_from })
    .where("exec_id", "=", exec_id)
    .returning("job_id")
    .executeTakeFirstOrThrow();
  await tx
    .updateTable("tasks")
    .set({ status: "completed", signature })
    .where("job_id", "=", job_id)
    .execute();
  await tx.updateTable("jobs").set({ status: "completed" }).where("job_id", "=", job_id).execute();
}
