import { setTimeout as sleep } from "node:timers/promises";
import { showBatch } from "../batches/operations.ts";
import { BATCH_ENDED, type BatchRow } from "../batches/schema.ts";
import { perform } from "../perform.ts";
import type { Cli } from "./cli.ts";
import { HelperWorker, Interrupted, onInterrupt, patiently } from "./wait.ts";

const POLL_MS = 500;
/** The rate that is shown is that of so long. */
const RATE_MS = 30_000;
/** Without a terminal a line is enough so often. */
const LINE_MS = 10_000;

/**
 * Follows a batch to its end: a bar with rate and time left on a terminal, else a line now and then, and with
 * `--json` a line a change where `lines` says so. With `engines` a worker runs inside this command where no other
 * one does. Throws Interrupted on Ctrl-C: the batch goes on.
 */
export async function watchBatch(
  cli: Cli,
  batch_id: string,
  { engines = [], lines = false }: { engines?: string[]; lines?: boolean } = {},
): Promise<BatchRow> {
  const context = await cli.context();
  const { principal } = await cli.member();
  const interrupted = onInterrupt();
  const helper = new HelperWorker(cli, context, engines);
  const speed = new Speed();
  let [said, saidAt] = ["", Number.NEGATIVE_INFINITY];
  try {
    for (;;) {
      if (engines.length > 0) await helper.ensure();
      const row = await patiently(cli, context, () => perform(context, showBatch, principal, { batch_id }));
      const ended = BATCH_ENDED.includes(row.status);
      const note = `${row.status}${speed.note(row)}`;
      const done = row.total_items - row.counts.pending - row.counts.processing;
      cli.out.progress(done, row.total_items, note);
      const change = JSON.stringify([row.status, row.counts]);
      const due = lines && (cli.out.json || ended || performance.now() - saidAt > LINE_MS);
      if (due && change !== said && (cli.out.json || cli.io.stderr.isTTY !== true)) {
        cli.out.line(row, () => `${done} of ${row.total_items} ended, ${row.counts.failed} failed: ${note}`);
        [said, saidAt] = [change, performance.now()];
      }
      if (ended) return row;
      if (interrupted.aborted) throw new Interrupted();
      await sleep(POLL_MS, undefined, { signal: interrupted }).catch(() => {});
    }
  } finally {
    await helper.end(interrupted.aborted);
  }
}

/** Rate and time left by what ended in the last half minute. */
class Speed {
  readonly #samples: { at: number; ended: number }[] = [];

  note({ counts, sealed_at, status }: BatchRow): string {
    const now = performance.now();
    this.#samples.push({ at: now, ended: counts.completed + counts.failed });
    while ((this.#samples[0]?.at ?? now) < now - RATE_MS) this.#samples.shift();
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const failed = counts.failed > 0 ? `, ${counts.failed} failed` : "";
    if (status !== "in_progress" || first === undefined || last === undefined || last.at - first.at < 1000)
      return failed;
    const rate = ((last.ended - first.ended) / (last.at - first.at)) * 1000;
    const left = rate > 0 ? `, ${duration((counts.pending + counts.processing) / rate)} left` : "";
    return `${failed}, ${rate.toPrecision(3)}/s${sealed_at === null ? ", items are being added" : left}`;
  }
}

/** Seconds as people say them. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

/** Whether everything that was computed went well: what a waiting command ends with. */
export function wentWell({ status, counts }: BatchRow): boolean {
  return status === "completed" && counts.failed === 0;
}
