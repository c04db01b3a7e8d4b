import { JOB_STATUSES } from "../jobs/schema.ts";
import type { BirthsFact, JobFact, TaskGoneFact, TaskReadyFact } from "../outbox.ts";

// What the projection's tables take. Written by hand: a thousand facts are checked in about a millisecond.

/** Small letters only: of two spellings of one id, a statement would meet the same row twice. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/;
const MOST_JOBS = 1000;
export const MOST_COUNT = 2 ** 52;

export function isJob(value: object): boolean {
  const fact = value as JobFact;
  return (
    isId(fact.job_id) &&
    isOrigin(fact) &&
    (JOB_STATUSES as readonly string[]).includes(fact.status) &&
    isCount(fact.seq) &&
    isTime(fact.created_at) &&
    isTime(fact.updated_at)
  );
}

export function isTaskReady(value: object): boolean {
  const fact = value as TaskReadyFact;
  return (
    isTaskGone(fact) &&
    isWord(fact.engine) &&
    isPriority(fact.priority) &&
    isCount(fact.rank) &&
    isTime(fact.available_at)
  );
}

export function isTaskGone(value: object): boolean {
  const fact = value as TaskGoneFact;
  return isId(fact.job_id) && isWord(fact.task_name) && isCount(fact.fence);
}

export function isBirths(value: object): boolean {
  const fact = value as BirthsFact;
  const { job_ids, tasks } = fact;
  if (!Array.isArray(job_ids) || job_ids.length > MOST_JOBS || !Array.isArray(tasks)) return false;
  return (
    job_ids.every(isId) &&
    new Set(job_ids).size === job_ids.length &&
    tasks.every((task) => isWord(task?.task_name) && isWord(task?.engine)) &&
    new Set(tasks.map((task) => task.task_name)).size === tasks.length &&
    fact.status === "queued" &&
    isOrigin(fact) &&
    isTime(fact.created_at) &&
    isCount(fact.first_rank) &&
    isCount(fact.first_rank + job_ids.length)
  );
}

function isOrigin(fact: JobFact | BirthsFact): boolean {
  const { pipeline_id, pipeline_version_id, private_to } = fact;
  const others = [pipeline_id, pipeline_version_id, private_to];
  return isId(fact.submitted_by) && others.every((id) => id == null || isId(id)) && isPriority(fact.priority);
}

function isId(value: unknown): boolean {
  return typeof value === "string" && ID.test(value);
}

/** A day that the calendar has: PostgreSQL refuses the others, JavaScript turns some into the next month. */
function isTime(value: unknown): boolean {
  if (typeof value !== "string" || !TIME.test(value)) return false;
  const time = new Date(value);
  return !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 10) === value.slice(0, 10);
}

function isWord(value: unknown): boolean {
  return typeof value === "string" && value.length >= 1 && value.length <= 100;
}

/** Every claim raises a fence: past 2^53 nobody could read it any more, and no claim of anybody's would succeed. */
function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MOST_COUNT;
}

function isPriority(value: unknown): boolean {
  return isCount(value) && (value as number) <= 9;
}
