/**
 * What must hold in an organization's database once nothing runs any more: a name, and a statement that gives one
 * row `detail` for each place where it does not (design §5).
 */
export const RESULTS_CHECKS: Record<string, string> = {
  "job not ended": `SELECT job_id || ' is ' || status AS detail FROM jobs
    WHERE status NOT IN ('completed', 'failed', 'cancelled')`,

  "job and tasks disagree": `SELECT j.job_id || ' is ' || j.status || ' with tasks ' || string_agg(t.status, ', ') AS detail
    FROM jobs j JOIN tasks t USING (job_id) GROUP BY j.job_id
    HAVING CASE j.status
      WHEN 'completed' THEN NOT bool_and(t.status = 'completed')
      WHEN 'failed' THEN NOT bool_or(t.status = 'failed') OR bool_or(t.status IN ('ready', 'running'))
      WHEN 'cancelled' THEN bool_or(t.status IN ('waiting', 'ready', 'running'))
      ELSE NOT bool_or(t.status IN ('waiting', 'ready', 'running')) END`,

  "cancelled job went on": `SELECT j.job_id || ' is ' || j.status AS detail FROM jobs j
    JOIN job_events e ON e.job_id = j.job_id AND e.event = 'cancelled' WHERE j.status <> 'cancelled' OR e.seq_no <> j.seq`,

  "events not dense": `SELECT j.job_id || ' at ' || j.seq || ' has ' || count(e.seq_no) || ' events' AS detail
    FROM jobs j LEFT JOIN job_events e USING (job_id) GROUP BY j.job_id
    HAVING count(e.seq_no) <> j.seq OR count(DISTINCT e.seq_no) <> j.seq OR min(e.seq_no) <> 1 OR max(e.seq_no) <> j.seq`,

  "last event tells another end": `SELECT j.job_id || ' is ' || j.status || ', last event ' || e.event AS detail
    FROM jobs j JOIN job_events e ON e.job_id = j.job_id AND e.seq_no = j.seq
    WHERE j.status IN ('completed', 'failed', 'cancelled') AND e.event <> j.status`,

  "completed twice": `SELECT job_id || ' ' || task_name || ': ' || count(*) AS detail FROM task_executions
    WHERE status = 'completed' GROUP BY job_id, task_name HAVING count(*) > 1`,

  "completed task without its execution": `SELECT t.job_id || ' ' || t.task_name AS detail FROM tasks t
    WHERE (t.status = 'completed') <> EXISTS (SELECT FROM task_executions e
      WHERE e.exec_id = t.current_exec_id AND e.status = 'completed' AND (e.job_id, e.task_name) = (t.job_id, t.task_name))`,

  "result not there once": `SELECT e.job_id || ' ' || e.task_name || ': ' || count(r.result_id) AS detail
    FROM task_executions e LEFT JOIN task_results r USING (exec_id)
    WHERE e.status = 'completed' AND e.cached_from IS NULL GROUP BY e.exec_id HAVING count(r.result_id) <> 1`,

  "result of an attempt that did not complete": `SELECT r.job_id || ' ' || r.task_name || ' is ' || e.status AS detail
    FROM task_results r JOIN task_executions e USING (exec_id)
    WHERE e.status <> 'completed' OR e.cached_from IS NOT NULL OR (r.job_id, r.task_name) <> (e.job_id, e.task_name)`,

  "answer from nothing": `SELECT e.job_id || ' ' || e.task_name AS detail FROM task_executions e
    LEFT JOIN task_executions c ON c.exec_id = e.cached_from
    WHERE e.cached_from IS NOT NULL AND (c.status IS DISTINCT FROM 'completed' OR c.cached_from IS NOT NULL)`,

  "calculations not there once": `SELECT coalesce(made.job_id, told.job_id) || ': ' || coalesce(made.rows, 0) || ' rows for '
      || coalesce(told.rows, 0) || ' results' AS detail
    FROM (SELECT job_id, count(*) AS rows FROM calculations WHERE job_id IS NOT NULL GROUP BY job_id) AS made
    FULL JOIN (SELECT job_id, count(*) AS rows FROM task_results WHERE result_data ? 'calculation_id' GROUP BY job_id) AS told
      USING (job_id)
    WHERE made.rows IS DISTINCT FROM told.rows`,

  "calculation that its result does not name": `SELECT r.job_id || ' ' || r.task_name AS detail FROM task_results r
    WHERE r.result_data ? 'calculation_id' AND NOT EXISTS (SELECT FROM calculations c
      WHERE c.calculation_id::text = r.result_data ->> 'calculation_id' AND c.job_id = r.job_id)`,

  "pose recorded twice": `SELECT job_id || ' ' || task_name || ' pose ' || pose_rank || ': ' || count(*) AS detail FROM docking_results
    GROUP BY job_id, task_name, pose_rank HAVING count(*) > 1`,

  "poses of a task that did not complete": `SELECT DISTINCT d.job_id || ' ' || d.task_name AS detail FROM docking_results d
    WHERE NOT EXISTS (SELECT FROM tasks t
      WHERE (t.job_id, t.task_name) = (d.job_id, d.task_name) AND t.status = 'completed')`,

  "output of a task that did not complete": `SELECT o.job_id || ' ' || o.key AS detail FROM job_outputs o
    WHERE NOT EXISTS (SELECT FROM tasks t
      WHERE t.job_id = o.job_id AND t.task_name = split_part(o.key, '/', 1) AND t.status = 'completed')`,

  "attempt runs in a task that does not": `SELECT e.job_id || ' ' || e.task_name || ' is ' || t.status AS detail
    FROM task_executions e JOIN tasks t USING (job_id, task_name) WHERE e.status = 'running'`,

  "same question runs twice": `SELECT signature || ': ' || count(*) AS detail FROM task_executions
    WHERE status = 'running' AND signature IS NOT NULL GROUP BY signature, private_to HAVING count(*) > 1`,

  "fence went down": `SELECT e.job_id || ' ' || e.task_name || ' attempt ' || e.attempt AS detail FROM (
      SELECT *, lag(fence) OVER (PARTITION BY job_id, task_name ORDER BY attempt) AS before FROM task_executions) AS e
    JOIN tasks t USING (job_id, task_name) WHERE e.before >= e.fence OR e.fence > t.fence`,

  "attempts miscounted": `SELECT t.job_id || ' ' || t.task_name || ' counts ' || t.attempt || ' and has ' || count(e.exec_id) AS detail
    FROM tasks t LEFT JOIN task_executions e USING (job_id, task_name) GROUP BY t.job_id, t.task_name
    HAVING count(e.exec_id) <> t.attempt OR coalesce(max(e.attempt), 0) <> t.attempt`,

  "fact not relayed": `SELECT outbox_id || ' ' || topic AS detail FROM outbox WHERE relayed_at IS NULL`,

  "batch counters wrong": `SELECT b.batch_id || ' counts ' || coalesce(p.counts, 'nothing') || ' and has ' || i.counts AS detail
    FROM batch_jobs b
    CROSS JOIN LATERAL (SELECT concat_ws(' ', count(*) FILTER (WHERE status = 'pending'),
      count(*) FILTER (WHERE status = 'processing'), count(*) FILTER (WHERE status = 'completed'),
      count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'skipped')) AS counts
      FROM batch_items i WHERE i.batch_id = b.batch_id) AS i
    CROSS JOIN LATERAL (SELECT concat_ws(' ', coalesce(sum(pending), 0), coalesce(sum(processing), 0),
      coalesce(sum(completed), 0), coalesce(sum(failed), 0), coalesce(sum(skipped), 0)) AS counts
      FROM batch_progress p WHERE p.batch_id = b.batch_id) AS p
    WHERE p.counts <> i.counts`,

  "batch lacks items": `SELECT b.batch_id || ' says ' || b.total_items || ' and has ' || count(i.item_no) AS detail
    FROM batch_jobs b LEFT JOIN batch_items i USING (batch_id) GROUP BY b.batch_id HAVING count(i.item_no) <> b.total_items`,

  "item and job disagree": `SELECT i.batch_id || ' item ' || i.item_no || ' is ' || i.status || ', its job ' || j.status AS detail
    FROM batch_items i JOIN jobs j USING (job_id)
    WHERE j.batch_id IS NOT DISTINCT FROM i.batch_id AND i.status <> CASE j.status
      WHEN 'completed' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'skipped' ELSE 'processing' END`,

  "two jobs for an item": `SELECT j.batch_id || ': job ' || j.job_id AS detail FROM jobs j WHERE j.batch_id IS NOT NULL
    AND (SELECT count(*) FROM batch_items i WHERE i.batch_id = j.batch_id AND i.job_id = j.job_id) <> 1`,

  "batch not ended": `SELECT b.batch_id || ' is ' || b.status AS detail FROM batch_jobs b
    WHERE b.status IN ('pending', 'in_progress')
    OR b.status = 'completed' AND EXISTS (SELECT FROM batch_items i
      WHERE i.batch_id = b.batch_id AND i.status IN ('pending', 'processing'))`,

  "cache entry of nothing": `SELECT c.cache_key || ' is of an execution that is ' || e.status AS detail
    FROM result_cache c JOIN task_executions e ON e.exec_id = c.canonical_exec_id
    WHERE e.status <> 'completed' OR e.cached_from IS NOT NULL OR e.job_id <> c.canonical_job_id`,
};

/** Everything in an organization's database that names bytes, with their checksum where the row says one. */
export const NAMED_BYTES = `
  SELECT uri, checksum, 'structure ' || structure_id AS holder FROM structures
  UNION ALL SELECT uri, checksum, 'output ' || job_id || ' ' || key FROM job_outputs
  UNION ALL SELECT uri, checksum, 'input ' || job_id || ' ' || key FROM job_inputs WHERE uri IS NOT NULL
  UNION ALL SELECT logs_uri, NULL, 'log of execution ' || exec_id FROM task_executions WHERE logs_uri IS NOT NULL
  UNION ALL SELECT output_uri, NULL, 'calculation ' || calculation_id FROM calculations WHERE output_uri IS NOT NULL
  UNION ALL SELECT trajectory_uri, NULL, 'calculation ' || calculation_id FROM calculations WHERE trajectory_uri IS NOT NULL`;

/** The same for the shared database; $1 is an organization. */
export const METADATA_CHECKS: Record<string, string> = {
  "lease without a worker": `SELECT q.job_id || ' ' || q.task_name || ' held by ' || q.lease_owner AS detail FROM task_queue q
    WHERE q.org_id = $1 AND q.lease_owner IS NOT NULL AND NOT EXISTS (
      SELECT FROM workers w WHERE w.worker_id::text = q.lease_owner::text AND w.last_seen_at > now() - interval '1 minute')`,

  "lease that ran out is still held": `SELECT job_id || ' ' || task_name AS detail FROM task_queue
    WHERE org_id = $1 AND lease_expires_at < now() - interval '30 seconds'`,
};
