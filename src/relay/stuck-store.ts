import { type RawBuilder, sql } from "kysely";

/**
 * Whether a row `q` of the queue waits for longer than its task does and than any pause that the queue makes itself:
 * a clock was wrong, or a fact lied.
 */
export function isLate(available_at: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`q.available_at > greatest(${available_at}, now() + interval '10 minutes')`;
}

/**
 * Whether the fence of a row `q` is beyond what claims that were given back make of its task's. People write their
 * organization's outbox, and a fact may say any fence of any job's task: to ask each fact's jobs for their owner
 * would cost every submission a look a job, to set such a fence back costs nothing while nobody lies.
 */
export function isFar(fence: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`q.fence > ${fence} + 100000`;
}
