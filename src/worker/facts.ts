import type { TaskContext } from "../engines/adapter.ts";
import type { NewEvent } from "../jobs/store.ts";
import type { Fact } from "../outbox.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import type { Claim } from "../queue/claims-store.ts";

/** A started attempt. */
export type Started = {
  kind: "started";
  task: TaskContext;
  attempt: number;
  max_attempts: number;
  spec: PipelineSpec;
};

/** Events of one transaction with dense numbers after `seq`. */
export function numbered(
  events: Omit<NewEvent, "job_id" | "seq_no">[],
  job_id: string,
  seq: number,
): NewEvent[] {
  return events.map((event, index) => ({ job_id, seq_no: seq + 1 + index, ...event }));
}

export function goneFact(claim: Claim): Fact {
  return {
    topic: "task_gone",
    payload: { job_id: claim.job_id, task_name: claim.task_name, fence: claim.fence },
  };
}
