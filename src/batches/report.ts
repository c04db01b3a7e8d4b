import type { BatchCounts, BatchRow } from "./schema.ts";
import type { BatchHead } from "./store.ts";

/** A batch as people see it: with the rate of its jobs since the first one, and the time left at that rate. */
export function batchRow(head: BatchHead, lastSourceRow: number | null, now = Date.now()): BatchRow {
  const { options, counts, ...row } = head;
  const ended = counts.completed + counts.failed;
  const rate_per_s = rateOf(head, ended, now);
  const open = openItems(counts);
  const runs = row.status === "pending" || row.status === "in_progress";
  return {
    ...row,
    counts,
    rate_per_s,
    eta_s: runs && rate_per_s !== null && rate_per_s > 0 ? Math.round(open / rate_per_s) : null,
    last_source_row: lastSourceRow,
    source_file: options.source_file ?? null,
  };
}

export function openItems({ pending, processing }: BatchCounts): number {
  return pending + processing;
}

function rateOf({ started_at, ended_at }: BatchHead, ended: number, now: number): number | null {
  if (started_at === null || ended === 0) return null;
  const seconds = ((ended_at === null ? now : Date.parse(ended_at)) - Date.parse(started_at)) / 1000;
  return seconds > 0 ? Number((ended / seconds).toPrecision(4)) : null;
}
