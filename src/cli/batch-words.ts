import { BATCH_ENDED, type BatchRow } from "../batches/schema.ts";
import type { Filled } from "./batch-fill.ts";
import { duration, rateOf } from "./batch-watch.ts";
import { inFlags } from "./in-flags.ts";
import { aWorkerWith } from "./job-show.ts";
import { short, table, time } from "./out.ts";

/** A batch as people read it. */
export function describeBatch(row: BatchRow & { waiting_for?: string }): string {
  const { counts, rate_per_s, eta_s } = row;
  const said = Object.entries(counts).filter(([, count]) => count > 0);
  return [
    `batch ${row.batch_id} "${row.name}": ${row.pipeline} ${row.pipeline_version}, ${row.status}${took(row)}`,
    `  ${row.total_items} ${row.total_items === 1 ? "item" : "items"}${said.length === 0 ? "" : `: ${said.map(([state, count]) => `${count} ${state}`).join(", ")}`}`,
    ...(rate_per_s === null || BATCH_ENDED.includes(row.status)
      ? []
      : [`  ${rateOf(rate_per_s)}${eta_s === null || eta_s === 0 ? "" : `, about ${duration(eta_s)} left`}`]),
    ...(row.waiting_for === undefined ? [] : [`  waits for ${row.waiting_for}`]),
    ...(row.sealed_at === null ? [`  ${unsealed(row)}`] : []),
    ...(counts.failed > 0 ? [`  why: \`aliquot failures --batch ${row.batch_id}\``] : []),
  ].join("\n");
}

/** How long it ran, where it did. */
function took({ status, started_at, ended_at }: BatchRow): string {
  if (!BATCH_ENDED.includes(status) || started_at === null || ended_at === null) return "";
  const seconds = (Date.parse(ended_at) - Date.parse(started_at)) / 1000;
  return `${status === "cancelled" ? " after" : ", took"} ${duration(seconds)}`;
}

function unsealed({ batch_id, source_file, last_source_row }: BatchRow): string {
  if (source_file === null)
    return `not sealed: items are being added, or were; \`aliquot batch seal ${batch_id}\` takes it as it is`;
  return `not sealed: items are being added, or were, up to line ${last_source_row ?? 0} of ${source_file}; \`aliquot batch create --resume ${batch_id} FILE\` goes on`;
}

export function batchTable(rows: BatchRow[]): string {
  return table(
    ["batch", "name", "pipeline", "status", "items", "completed", "failed", "skipped", "created"],
    rows.map(({ counts, ...row }) => [
      ...[row.batch_id, row.name, row.pipeline],
      row.sealed_at === null ? `${row.status}, not sealed` : row.status,
      row.total_items,
      ...[counts.completed, counts.failed, counts.skipped, time(row.created_at)],
    ]),
    "no batch yet: `aliquot batch create PIPELINE FILE` makes one",
  );
}

/** A batch that was just filled: what it left out, and who will compute it (`idle`: an engine that nobody has). */
export function describeFilled({ row, rejected }: Filled, idle: string | undefined): string {
  const lines = [describeBatch(row), ...leftOut({ row, rejected })];
  const { batch_id } = row;
  if (!BATCH_ENDED.includes(row.status)) lines.push(`follow it: \`aliquot batch watch ${batch_id}\``);
  if (idle !== undefined) lines.push(`it waits for ${aWorkerWith(idle)}`);
  return lines.join("\n");
}

/** What was left out of a batch and why, and how to see the rest of it. */
export function leftOut({ row, rejected }: Filled): string[] {
  const { batch_id, counts } = row;
  const isFile = row.source_file !== null;
  const lines = rejected.slice(0, 20).map(({ line, name, input, message }) => {
    const which = isFile ? `line ${line}` : (name ?? short(input, 60));
    return `${which} was left out: ${inFlags(message)}`;
  });
  const more = counts.skipped - Math.min(rejected.length, 20);
  if (more > 0) lines.push(`${more} more left out: \`aliquot batch items ${batch_id} --status skipped\``);
  return lines;
}
