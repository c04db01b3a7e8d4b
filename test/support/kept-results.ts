import type { ResultsTx } from "../../src/db/results.ts";
import { newId, sha256 } from "../../src/ids.ts";

/** What a worker keeps of completed jobs for others: without it nothing answers. */
export async function keepResults(tx: ResultsTx, ids: string[]): Promise<void> {
  for (const job_id of ids) {
    const signature = sha256(job_id);
    const exec_id = newId();
    const task = { job_id, task_name: "singlepoint" };
    await tx.updateTable("tasks").set({ signature }).where("job_id", "=", job_id).execute();
    const run = { attempt: 1, status: "completed", fence: 1, ended_at: new Date().toISOString() };
    await tx
      .insertInto("task_executions")
      .values({ exec_id, ...task, ...run, signature })
      .execute();
    await tx.updateTable("tasks").set({ current_exec_id: exec_id }).where("job_id", "=", job_id).execute();
    const result = {
      service_name: "xtb 6",
      schema_version: "1",
      confidence_score: 1,
      checks: "[]",
      result_data: "{}",
    };
    await tx
      .insertInto("task_results")
      .values({ exec_id, ...task, ...result })
      .execute();
    const entry = { cache_key: signature, signature, pipeline_version: "1", task_name: "singlepoint" };
    await tx
      .insertInto("result_cache")
      .values({ ...entry, canonical_job_id: job_id, canonical_exec_id: exec_id, confidence_score: 1 })
      .execute();
  }
}
