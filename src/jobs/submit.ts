import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { SETTING_KEYS } from "../orgs/setting-keys.ts";
import { outboxInsert } from "../outbox.ts";
import { dependsOn } from "../pipelines/graph.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { answeredBefore } from "../result-cache/answered.ts";
import type { CachePolicy } from "../result-cache/schema.ts";
import { type StructureRow, structureIdentity } from "../structures/store.ts";
import { countOpenTasks, insertBirths, type NewTask, selectNextRank } from "./births-store.ts";
import { questionSigner, specHash } from "./question.ts";
import { privateTo, type SubmittedJob } from "./schema.ts";

/** What a job is given under a name; `identity` tells it from others: a molecule's key, a structure's content. */
export type JobInput = {
  key: string;
  molecule_id: string | null;
  structure_id: string | null;
  /** The binding site whose part it is. */
  site_id?: string;
  identity: string;
};

/** A structure as a job's input. */
export function structureInput(key: string, row: StructureRow): JobInput {
  const { molecule_id, structure_id } = row;
  return { key, molecule_id, structure_id, identity: structureIdentity(row) };
}

/** One thing to run: its inputs and its parameters. */
export type JobRequest = { inputs: JobInput[]; params: { [key: string]: unknown } };

/** What a job needs to know of the pipeline it runs; the ids are null where its recipe came from nowhere. */
export type Recipe = Pick<PublishedPipeline, "name" | "version" | "spec"> & {
  pipeline_id: string | null;
  pipeline_version_id: string | null;
};

export type Submission = {
  pipeline: Recipe;
  owner_id: string;
  visibility: "private" | "organization";
  priority: number;
  /** Its tasks may be answered from the cache when they are about to run. */
  reuse: boolean;
  /** What of completed jobs may answer the same question at once; null: always a new job. */
  policy?: CachePolicy | null;
  batch_id?: string;
};

/** What answers where the caller did not ask for the organization's own wish. */
const DEFAULT_POLICY: CachePolicy = {
  threshold: SETTING_KEYS.cache_threshold.default,
  ttl_days: null,
  programs: {},
};

type Fresh = { job_id: string; input_signature: string; request: JobRequest };

/**
 * Births jobs in the caller's transaction: recipe, jobs, inputs, tasks, first events, and the facts that
 * the relay takes to the queue. Returns one answer a request, in order; the same question asked twice
 * in one call is one job. Validation is the caller's, before. Throws AppError quota (the organization has as many
 * open tasks as it may).
 */
export async function submitJobs(
  scope: ResultsScope,
  submission: Submission,
  requests: JobRequest[],
): Promise<SubmittedJob[]> {
  const sign = questionSigner(submission.pipeline.spec);
  const signatures = requests.map(sign);
  const { reuse, policy = DEFAULT_POLICY } = submission;
  const known =
    reuse && policy !== null
      ? await answeredBefore(scope.tx, [...new Set(signatures)], submission, policy)
      : [];
  const answers = new Map<string, SubmittedJob>();
  for (const row of known)
    answers.set(row.input_signature, { job_id: row.job_id, status: "completed", cached: true });
  const fresh: Fresh[] = [];
  const answered = requests.map((request, index) => {
    const input_signature = signatures[index] ?? "";
    const there = answers.get(input_signature);
    if (there !== undefined) return there;
    const job_id = newId();
    const answer: SubmittedJob = { job_id, status: "queued", cached: false };
    answers.set(input_signature, answer);
    fresh.push({ job_id, input_signature, request });
    return answer;
  });
  if (fresh.length > 0) await writeJobs(scope, submission, fresh);
  return answered;
}

async function writeJobs(scope: ResultsScope, submission: Submission, fresh: Fresh[]): Promise<void> {
  const { pipeline, owner_id, visibility, priority, reuse, batch_id = null } = submission;
  const { pipeline_id, pipeline_version_id, name, version, spec } = pipeline;
  const { tx } = scope;
  const tasks = newTasks(spec);
  await keepWithinQuota(scope, fresh.length * tasks.length);
  const ready = tasks.filter((task) => task.status === "ready");
  const first_rank = await selectNextRank(tx, batch_id ?? owner_id, ready[0]?.engine ?? "", priority);
  const created_at = new Date().toISOString();
  const shared = { priority, created_at, first_rank };
  const births = {
    ...shared,
    pipeline_id,
    pipeline_version_id,
    submitted_by: owner_id,
    status: "queued" as const,
    private_to: privateTo({ visibility, owner_id }),
    tasks: ready.map(({ task_name, engine }) => ({ task_name, engine })),
    job_ids: fresh.map(({ job_id }) => job_id),
  };
  await insertBirths(
    tx,
    {
      ...shared,
      recipe: { spec_hash: specHash(spec), pipeline_id, pipeline_version_id, name, version, spec },
      reuse,
      batch_id,
      owner_id,
      visibility,
      tasks,
      jobs: fresh.map(({ job_id, input_signature, request }) => ({ job_id, input_signature, ...request })),
    },
    outboxInsert(tx, [{ topic: "births", payload: births }]),
  );
}

/** The tasks of every job of a recipe, as they are born: those that wait for nothing are ready. */
export function newTasks(spec: Recipe["spec"]): NewTask[] {
  const graph = dependsOn(spec);
  return Object.entries(spec.tasks).map(([task_name, { engine, max_attempts }]) => {
    const depends_left = graph.get(task_name)?.length ?? 0;
    return {
      task_name,
      engine,
      status: depends_left === 0 ? "ready" : "waiting",
      depends_left,
      max_attempts,
    };
  });
}

/**
 * Refuses tasks that an organization's quota has no room for. Two submissions at once may both be let in, and
 * together be more: the quota keeps a queue in bounds, it is no budget. Throws AppError quota.
 */
export async function keepWithinQuota(scope: ResultsScope, tasks: number): Promise<void> {
  const most = scope.queued_tasks;
  if (most === null) return;
  const open = await countOpenTasks(scope.tx, most + 1);
  if (open + tasks <= most) return;
  throw new AppError(
    "quota",
    `${tasks} more tasks are too many: ${open > most ? `more than ${most}` : open} wait or run, and this organization's quota is ${most} (queued_tasks): wait until some are done, or ask the operator for more`,
  );
}
