import { type Canonical, canonical, signatureOf } from "../canonical.ts";
import type { ResultsScope } from "../db/results.ts";
import { preparationOf } from "../engines/preparation.ts";
import { newId } from "../ids.ts";
import { type Fact, insertOutbox } from "../outbox.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { type StructureRow, structureIdentity } from "../structures/store.ts";
import type { SubmittedJob } from "./schema.ts";
import {
  insertEvents,
  insertInputs,
  insertJobs,
  insertSpec,
  insertTasks,
  selectCompletedBySignature,
} from "./store.ts";

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

export type Submission = {
  pipeline: PublishedPipeline;
  owner_id: string;
  visibility: "private" | "organization";
  priority: number;
  /** Answer from completed jobs that asked the same. */
  reuse: boolean;
};

/**
 * Births jobs in the caller's transaction: recipe, jobs, inputs, tasks, first events, and the facts that
 * the relay takes to the queue. Returns one answer a request, in order; the same question asked twice
 * in one call is one job. Validation is the caller's, before.
 */
export async function submitJobs(
  scope: ResultsScope,
  submission: Submission,
  requests: JobRequest[],
): Promise<SubmittedJob[]> {
  const { pipeline } = submission;
  const spec_hash = signatureOf(canonical(pipeline.spec));
  const signatures = requests.map((request) =>
    signatureOf({
      spec: spec_hash,
      basis: basisOf(pipeline.spec),
      input: identityOf(request.inputs),
      params: canonical(request.params),
    }),
  );
  const known = submission.reuse
    ? await selectCompletedBySignature(scope.tx, [...new Set(signatures)], submission)
    : [];
  const answers = new Map<string, SubmittedJob>();
  for (const row of known)
    answers.set(row.input_signature, { job_id: row.job_id, status: "completed", cached: true });
  const fresh: { job_id: string; input_signature: string; request: JobRequest }[] = [];
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
  if (fresh.length > 0) await writeJobs(scope, submission, spec_hash, fresh);
  return answered;
}

/** What this program itself adds to the question: how it prepares inputs and reads answers, engine by engine. */
function basisOf(spec: PublishedPipeline["spec"]): Canonical {
  const engines = [...new Set(Object.values(spec.tasks).map((task) => task.engine))];
  return Object.fromEntries(engines.map((engine) => [engine, preparationOf(engine)]));
}

/** One input is what it is; several are told apart by their names. */
function identityOf(inputs: JobInput[]): Canonical {
  if (inputs.length === 1) return inputs[0]?.identity ?? null;
  return Object.fromEntries(inputs.map(({ key, identity }) => [key, identity]));
}

async function writeJobs(
  scope: ResultsScope,
  submission: Submission,
  spec_hash: string,
  fresh: { job_id: string; input_signature: string; request: JobRequest }[],
): Promise<void> {
  const { pipeline, owner_id, visibility, priority } = submission;
  const { tx } = scope;
  const { pipeline_id, pipeline_version_id, name, version, spec } = pipeline;
  const tasks = Object.entries(spec.tasks);
  const now = new Date().toISOString();
  // Rank orders equals by time; the job engine will advance it per submitter, so that none is starved.
  const rank = Date.now();
  await insertSpec(tx, { spec_hash, pipeline_id, pipeline_version_id, name, version, spec });
  await insertJobs(
    tx,
    fresh.map(({ job_id, input_signature, request }) => ({
      job_id,
      spec_hash,
      pipeline_id,
      pipeline_version_id,
      pipeline_version: version,
      status: "queued",
      input_signature,
      params: request.params,
      priority,
      rank,
      seq: 1,
      owner_id,
      visibility,
      created_at: now,
    })),
  );
  await insertInputs(
    tx,
    fresh.flatMap(({ job_id, request }) =>
      request.inputs.map(({ identity: _asked, ...input }) => ({ job_id, site_id: null, ...input })),
    ),
  );
  await insertTasks(
    tx,
    fresh.flatMap(({ job_id }) =>
      tasks.map(([task_name, task]) => ({
        job_id,
        task_name,
        engine: task.engine,
        status: task.after.length === 0 ? "ready" : "waiting",
        depends_left: task.after.length,
        max_attempts: task.max_attempts,
      })),
    ),
  );
  await insertEvents(
    tx,
    fresh.map(({ job_id }) => ({ job_id, seq_no: 1, event: "submitted" })),
  );
  await insertOutbox(
    tx,
    factsOf(
      submission,
      { now, rank },
      fresh.map((job) => job.job_id),
    ),
  );
}

/** What the metadata database is told: each job, and each task that is ready at once. */
function factsOf(
  submission: Submission,
  { now, rank }: { now: string; rank: number },
  jobIds: string[],
): Fact[] {
  const { pipeline, owner_id, visibility, priority } = submission;
  const ready = Object.entries(pipeline.spec.tasks).filter(([, task]) => task.after.length === 0);
  return jobIds.flatMap((job_id): Fact[] => [
    {
      topic: "job",
      payload: {
        job_id,
        pipeline_id: pipeline.pipeline_id,
        pipeline_version_id: pipeline.pipeline_version_id,
        submitted_by: owner_id,
        status: "queued",
        priority,
        seq: 1,
        private_to: visibility === "private" ? owner_id : null,
        created_at: now,
        updated_at: now,
      },
    },
    ...ready.map(
      ([task_name, task]): Fact => ({
        topic: "task_ready",
        payload: { job_id, task_name, engine: task.engine, priority, rank, available_at: now, fence: 0 },
      }),
    ),
  ]);
}
