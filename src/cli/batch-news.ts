import { setTimeout as sleep } from "node:timers/promises";
import { showBatch } from "../batches/operations.ts";
import type { BatchRow } from "../batches/schema.ts";
import type { Cli } from "./cli.ts";
import { streamed } from "./stream.ts";
import { patiently, pollMs } from "./wait.ts";

const POLL_MS = 500;

/**
 * How a batch stands, for somebody who looks again and again. An API tells that by itself, as far as its stream
 * reaches us; else it is asked for. Throws AppError not_found. End it when nobody looks any more.
 */
export class BatchNews {
  readonly #cli: Cli;
  readonly #batchId: string;
  readonly #lookMs: number;
  readonly #signal: AbortSignal;
  readonly #done = new AbortController();
  /** Runs while the API tells by itself. */
  #stream: Promise<void> | undefined;
  #isTold = false;
  /** What was told and is not read yet. */
  #news: BatchRow | undefined;
  #last: BatchRow | undefined;
  #wake = new AbortController();

  /** `look_ms`: whoever waits for news looks up so often where there are none. */
  constructor(cli: Cli, batchId: string, { look_ms, signal }: { look_ms: number; signal: AbortSignal }) {
    this.#cli = cli;
    this.#batchId = batchId;
    this.#lookMs = look_ms;
    this.#signal = signal;
  }

  async now(): Promise<BatchRow> {
    const told = this.#news ?? (this.#isTold ? this.#last : undefined);
    this.#news = undefined;
    this.#wake = new AbortController();
    this.#last =
      told ?? (await patiently(this.#cli, () => this.#cli.ask(showBatch, { batch_id: this.#batchId })));
    return this.#last;
  }

  /** Until it may stand otherwise, or the signal comes. */
  async wait(): Promise<void> {
    if (this.#cli.isRemote && this.#stream === undefined) {
      this.#isTold = true;
      // Once: where it ends before the batch did, the rest is asked for.
      this.#stream = this.#listen();
    }
    const ms = this.#isTold ? this.#lookMs : pollMs(this.#cli, POLL_MS);
    const signal = AbortSignal.any([this.#signal, this.#wake.signal]);
    await sleep(ms, undefined, { signal }).catch(() => {});
  }

  async end(): Promise<void> {
    this.#done.abort();
    await this.#stream;
  }

  async #listen(): Promise<void> {
    const signal = AbortSignal.any([this.#signal, this.#done.signal]);
    const batch_id = this.#batchId;
    try {
      const there = await this.#cli.there();
      for await (const row of streamed(there, "batch.follow", { batch_id }, { signal })) {
        this.#news = row;
        this.#wake.abort();
      }
    } catch {
      // Whoever asks next hears what is wrong.
    } finally {
      this.#isTold = false;
      this.#wake.abort();
    }
  }
}
