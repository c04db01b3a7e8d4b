import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { outboxInsert } from "../outbox.ts";
import { dependsOn } from "../pipelines/graph.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import type { AnsweringJob } from "../result-cache/answered-store.ts";
import { type StructureRow, structureIdentity } from "../structures/store.ts";
import { countOpenTasks, insertBirths, type NewTask } from "./births-store.ts";
import { specHash } from "./question.ts";
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

/** The same with the signature of what it asks (`questionSigner`). */
export type SignedRequest = JobRequest & { input_signature: string };

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
  batch_id?: string;
};

type Fresh = SignedRequest & { job_id: string };

/**
 * Births jobs in the caller's transaction: recipe, jobs, inputs, tasks, first events, and the facts that
 * the relay takes to the queue. Returns one answer a request, in order; a question that `answers` has is no new job,
 * and the same question asked twice in one call is one. Validation is the caller's, before. Throws AppError quota (the
 * organization has as many open tasks as it may).
 */
export async function submitJobs(
  scope: ResultsScope,
  submission: Submission,
  requests: SignedRequest[],
  answers: AnsweringJob[] = [],
): Promise<SubmittedJob[]> {
  const known = new Map<string, SubmittedJob>();
  for (const { input_signature, job_id } of answers)
    known.set(input_signature, { job_id, status: "completed", cached: true });
  const fresh: Fresh[] = [];
  const answered = requests.map((request) => {
    const there = known.get(request.input_signature);
    if (there !== undefined) return there;
    const job_id = newId();
    const answer: SubmittedJob = { job_id, status: "queued", cached: false };
    known.set(request.input_signature, answer);
    fresh.push({ job_id, ...request });
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
  const shared = { priority, created_at: new Date().toISOString() };
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
      turn: { source: batch_id ?? owner_id, engine: ready[0]?.engine ?? "" },
      recipe: { spec_hash: specHash(spec), pipeline_id, pipeline_version_id, name, version, spec },
      reuse,
      batch_id,
      owner_id,
      visibility,
      tasks,
      jobs: fresh,
    },
    (first_rank) => outboxInsert(tx, [{ topic: "births", payload: { ...births, first_rank } }]),
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
