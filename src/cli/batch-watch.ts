import { showBatch } from "../batches/operations.ts";
import { openItems } from "../batches/report.ts";
import { BATCH_ENDED, type BatchRow } from "../batches/schema.ts";
import { BatchNews } from "./batch-news.ts";
import type { Cli } from "./cli.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { aWorkerWith } from "./job-show.ts";
import { handsFor, withoutWorker } from "./wait.ts";

/** Who computes it is asked so often. */
const LOOK_MS = 5000;
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
  using interrupted = onInterrupt(cli.out, "ending", { runs: engines.length > 0 });
  const { signal } = interrupted;
  const hands = await handsFor(cli, engines);
  const lookout = new Lookout(cli);
  const news = new BatchNews(cli, batch_id, { look_ms: LOOK_MS, signal });
  let [said, saidAt] = ["", Number.NEGATIVE_INFINITY];
  try {
    for (;;) {
      const seen = await news.now();
      const row = engines.length > 0 ? seen : await lookout.over(seen);
      const ended = BATCH_ENDED.includes(row.status);
      const note = `${row.status}${noteOf(row)}`;
      // Not before there is something to run: all may be answered already.
      if (engines.length > 0 && !ended && openItems(row.counts) > 0) await hands.ensure();
      const done = row.total_items - openItems(row.counts);
      // Who is told in lines of the result needs no others.
      if (!lines || cli.io.stderr.isTTY === true) cli.out.progress(done, row.total_items, note);
      const change = JSON.stringify([row.status, row.counts]);
      const due = lines && (cli.out.json || (!ended && performance.now() - saidAt > LINE_MS));
      if (due && change !== said && (cli.out.json || cli.io.stderr.isTTY !== true)) {
        cli.out.line(row, () => `${done} of ${row.total_items} ended, ${row.counts.failed} failed: ${note}`);
        [said, saidAt] = [change, performance.now()];
      }
      if (ended) return row;
      if (signal.aborted) throw new Interrupted();
      await news.wait();
    }
  } finally {
    await news.end();
    await hands.end(signal.aborted);
  }
}

/** Failures, rate and time left, as the batch tells them. */
function noteOf({ counts, rate_per_s, eta_s, sealed_at, status }: BatchRow): string {
  const failed = counts.failed > 0 ? `, ${counts.failed} failed` : "";
  if (status !== "in_progress" || rate_per_s === null) return failed;
  const left = eta_s === null ? "" : `, ${duration(eta_s)} left`;
  return `${failed}, ${rateOf(rate_per_s)}${sealed_at === null ? ", items are being added" : left}`;
}

/** An engine of which a batch under way has need and no worker alive has it; undefined: nothing is missing. */
export async function idleEngine(
  cli: Cli,
  { engines, counts, status }: BatchRow,
): Promise<string | undefined> {
  const runs = status === "pending" || status === "in_progress";
  if (!runs || openItems(counts) === 0) return undefined;
  return withoutWorker(cli, engines);
}

/** Looks every few seconds whether anybody computes a batch, and says once where nobody does. */
class Lookout {
  readonly #cli: Cli;
  #idle: string | undefined;
  #nextLook = 0;
  #said = false;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /** The row, without a time left where nobody computes it. */
  async over(row: BatchRow): Promise<BatchRow> {
    if (Date.now() >= this.#nextLook) {
      this.#nextLook = Date.now() + LOOK_MS;
      this.#idle = await idleEngine(this.#cli, row);
    }
    if (this.#idle === undefined) return row;
    if (!this.#said) this.#cli.out.say(`batch ${row.batch_id} waits for ${aWorkerWith(this.#idle)}`);
    this.#said = true;
    return { ...row, rate_per_s: null, eta_s: null };
  }
}

/** Seconds as people say them. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

/** A rate as people say it: so many a second, or a minute or an hour where that is less than one. */
export function rateOf(rate_per_s: number): string {
  const [times, unit] = rate_per_s >= 1 ? [1, "s"] : rate_per_s >= 1 / 60 ? [60, "min"] : [3600, "h"];
  return `${Number((rate_per_s * times).toPrecision(3))} items/${unit}`;
}

/** Whether everything that was computed went well: what a waiting command ends with. */
export function wentWell({ status, counts }: BatchRow): boolean {
  return status === "completed" && counts.failed === 0;
}

/** Ends the command with 130 where the person ended the waiting, and says how the batch stands. */
export async function interruptible<T>(cli: Cli, batch_id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const row = await cli.ask(showBatch, { batch_id }).catch(() => undefined);
    cli.out.say(
      row?.status === "paused"
        ? `interrupted: batch ${batch_id} is paused; \`aliquot batch resume ${batch_id}\` lets it go on`
        : `interrupted: batch ${batch_id} goes on wherever a worker runs; \`aliquot batch watch ${batch_id}\` follows it`,
    );
    throw error;
  }
}
