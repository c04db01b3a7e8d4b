import type { BatchRow, ItemCounts } from "./schema.ts";
import type { BatchHead } from "./store.ts";

/** The rate is that of so long before the last item ended. */
const RATE_MS = 300_000;

/**
 * A batch as people see it: with the rate of the last minutes in which items ended (`endings`: when, in ms), and the
 * time left at that rate while it is under way.
 */
export function batchRow(
  head: BatchHead,
  lastSourceRow: number | null,
  endings: readonly number[] = [],
): BatchRow {
  const { options, counts, ...row } = head;
  const rate_per_s = rateOf(head, endings);
  const runs = row.status === "pending" || row.status === "in_progress";
  return {
    ...row,
    counts,
    rate_per_s,
    eta_s: runs && rate_per_s !== null && rate_per_s > 0 ? Math.round(openItems(counts) / rate_per_s) : null,
    last_source_row: lastSourceRow,
    source_file: options.source_file ?? null,
  };
}

export function openItems({ pending, queued, processing }: ItemCounts): number {
  return pending + queued + processing;
}

/** What ended after the first of them, by the time from that to the last; all at once: by the time since the start. */
function rateOf({ started_at }: BatchHead, endings: readonly number[]): number | null {
  const last = Math.max(...endings);
  const late = endings.filter((at) => at >= last - RATE_MS);
  // Where jobs take longer than that, older ones have to tell.
  const first = Math.min(...(late.some((at) => at < last) ? late : endings));
  const start = first < last ? first : started_at === null ? last : Date.parse(started_at);
  if (endings.length === 0 || start >= last) return null;
  const ended = endings.filter((at) => at > start).length;
  return Number(((ended * 1000) / (last - start)).toPrecision(4));
}
