/**
 * SQL that is true where partitions of the coming months are missing in a results database. Asked before
 * `ensure_partitions()` is called where that would cost: cold in a new session, or in every command.
 */
export const MONTHS_DUE = `to_regclass('public.job_events_' ||
  to_char((now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYY_MM')) IS NULL`;
