import type { Endings } from "./rate-store.ts";
import type { BatchRow, ItemCounts } from "./schema.ts";
import type { BatchHead } from "./store.ts";

/** The rate is that of so long until now, or of longer where so few items ended in it. */
const RATE_MS = 60_000;
const FEW = 10;

/** When the last items ended, by outcome, as far as they were read: up to `most` of each. */
export type Seen = { endings: Endings; most: number };

/**
 * A batch as people see it: under way with the rate of the last minute and the time left at that rate, ended with the
 * rate of its whole run. One that is paused or was cancelled has none.
 */
export function batchRow(
  head: BatchHead,
  lastSourceRow: number | null,
  seen: Seen = { endings: [], most: 1 },
  now = Date.now(),
): BatchRow {
  const { options, counts, ...row } = head;
  const rate_per_s = rateOf(head, seen, now);
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

function rateOf({ status, started_at, ended_at, counts }: BatchHead, seen: Seen, now: number): number | null {
  if (started_at === null) return null;
  const start = Date.parse(started_at);
  if (status === "completed" || status === "failed")
    return rounded(perSecond(counts.completed + counts.failed, Date.parse(ended_at ?? started_at) - start));
  if (status !== "in_progress") return null;
  const all = seen.endings.flat().toSorted((a, b) => b - a);
  const few = all[FEW - 1] ?? start;
  const since = Math.max(start, Math.min(now - RATE_MS, few));
  const rates = seen.endings.map((list) => {
    const late = list.filter((at) => at >= since);
    // Not all of that time was read: those that were tell, by the time since the first of them.
    const isCut = late.length >= seen.most;
    return perSecond(late.length, now - (isCut ? Math.min(...late) : since)) ?? 0;
  });
  return rounded(rates.reduce((sum, one) => sum + one, 0));
}

function perSecond(items: number, ms: number): number | null {
  return items === 0 || ms <= 0 ? null : (items * 1000) / ms;
}

function rounded(rate: number | null): number | null {
  return rate === null || rate === 0 ? null : Number(rate.toPrecision(4));
}
