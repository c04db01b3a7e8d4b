import type { TaskContext } from "../engines/adapter.ts";
import type { AppError } from "../errors.ts";
import type { LockedJob } from "../jobs/store.ts";
import type { Fact, TaskReadyFact } from "../outbox.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import type { Claim } from "../queue/claims-store.ts";
import type { ReadyTask, TaskKey } from "./tasks-store.ts";

/** A started attempt. */
export type Started = {
  kind: "started";
  task: TaskContext;
  attempt: number;
  max_attempts: number;
  spec: PipelineSpec;
  pipeline_version: string;
  /** False: computed whatever the cache knows, and not put off by an identical task. */
  reuse: boolean;
  /** Of the recipe, in place of the engine's own. */
  time_limit_seconds: number | null;
  /** Why it can't run, where its recipe refers to what is not there. */
  refused: AppError | null;
  /** What its engine read of its inputs as it was started; left out where that failed, or nobody read. */
  loaded?: { value: unknown };
};

/** Why a claim starts nothing: somebody newer has it, nothing is to be run, it waits, or there is no such job. */
export type NotStarted =
  | { kind: "newer"; fence: number }
  | { kind: "gone" }
  | { kind: "waits"; holder: (TaskKey & { exec_id: string }) | null }
  | { kind: "absent" };

export function goneFact(claim: Pick<Claim, "job_id" | "task_name" | "fence">): Fact {
  return {
    topic: "task_gone",
    payload: { job_id: claim.job_id, task_name: claim.task_name, fence: claim.fence },
  };
}

/** Tells the queue of a task of a job that is at hand. */
export function readyFact(job: LockedJob, task: ReadyTask): Fact {
  const { job_id, task_name, engine, fence, available_at } = task;
  const { priority, rank } = job;
  return readyAgain({ job_id, task_name, engine, priority, rank, available_at, fence });
}

export function readyAgain(payload: TaskReadyFact): Fact {
  return { topic: "task_ready", payload };
}
