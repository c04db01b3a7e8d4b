import { randomUUID } from "node:crypto";
import { newId } from "../../src/ids.ts";
import { type Claim, claimTasks } from "../../src/queue/claims-store.ts";
import { projectQueue } from "../../src/queue/queue-store.ts";
import type { TestContext } from "./context.ts";

/** Engine of tasks that are only rows. */
export const QUEUED = "queued";

/** Organizations that have a queue and no database: made in one statement. Returns their ids. */
export async function bareOrgs(context: TestContext, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId());
  await context.superuser(
    `INSERT INTO organizations (org_id, name, slug, status)
      SELECT id, 'Bare ' || id, 'bare-' || id, 'active' FROM unnest($1::uuid[]) AS id`,
    [ids],
  );
  return ids;
}

/** Puts `count` tasks into an organization's queue, as its database tells of them. Returns the jobs. */
export async function enqueueTasks(
  context: TestContext,
  org_id: string,
  count: number,
  { engine = QUEUED, rank = 0, priority = 5 } = {},
): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => randomUUID());
  const births = {
    pipeline_id: null,
    pipeline_version_id: null,
    submitted_by: org_id,
    status: "queued" as const,
    priority,
    private_to: null,
    created_at: "2026-01-01T00:00:00Z",
    first_rank: rank,
    tasks: [{ task_name: "run", engine }],
    job_ids: jobs,
  };
  await context.metadata.system((tx) => projectQueue(tx, { org_id, generation: 1 }, { births: [births] }));
  return jobs;
}

export function claimRows(
  context: TestContext,
  count: number,
  engines: string[] = [QUEUED],
): Promise<Claim[]> {
  return claimTasks(context.metadata, { worker_id: newId(), engines, lease_seconds: 30 }, count);
}

/** How many of the claims each organization got, in the order of `orgs`. */
export function perOrg(orgs: string[], claims: Claim[]): number[] {
  return orgs.map((org_id) => claims.filter((claim) => claim.org_id === org_id).length);
}
