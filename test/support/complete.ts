import type { Org } from "../../src/orgs/schema.ts";
import type { TestContext } from "./context.ts";

/** Ends a job as if each of its tasks had run, found something and may answer others, without running it. */
export async function completeJob(
  context: TestContext,
  org: Pick<Org, "database_name">,
  jobId: string,
): Promise<void> {
  const run = (text: string) => context.superuser(text, [jobId], org.database_name);
  await run(`INSERT INTO task_executions (job_id, task_name, attempt, status, fence, ended_at, signature, private_to)
    SELECT t.job_id, t.task_name, 1, 'completed', 1, now(), encode(sha256((t.job_id || t.task_name)::bytea), 'hex'),
      CASE WHEN j.visibility = 'private' THEN j.owner_id END
    FROM tasks t JOIN jobs j USING (job_id) WHERE t.job_id = $1`);
  await run(`UPDATE tasks t SET status = 'completed', signature = e.signature, current_exec_id = e.exec_id
    FROM task_executions e WHERE e.job_id = t.job_id AND e.task_name = t.task_name AND t.job_id = $1`);
  await run(`INSERT INTO task_results (exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data)
    SELECT exec_id, job_id, task_name, 'test 1', '1', 1, '[]', '{}' FROM task_executions WHERE job_id = $1`);
  await run(`INSERT INTO result_cache (cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id,
      confidence_score, private_to)
    SELECT signature || coalesce(':' || private_to, ''), signature, '1', task_name, job_id, exec_id, 1, private_to
    FROM task_executions WHERE job_id = $1`);
  await run("UPDATE jobs SET status = 'completed' WHERE job_id = $1");
}
