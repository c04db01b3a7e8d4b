import {
  addToBatchOperation,
  cancelBatchOperation,
  createBatchOperation,
  sealBatchOperation,
  showBatch,
} from "../batches/operations.ts";
import type { AddedItems, BatchRow, CreateBatch } from "../batches/schema.ts";
import { type AppError, toAppError } from "../errors.ts";
import { newId } from "../ids.ts";
import type { MoleculeRecord, RejectedRecord } from "../molecules/schema.ts";
import { portionsOf } from "../molecules/stream-file.ts";
import { MOST_RECORDS } from "../requests/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { INTERRUPTED, Interrupted, onInterrupt } from "./interrupt.ts";

export type Request = Omit<
  CreateBatch,
  "molecules" | "molecule_ids" | "structure_ids" | "registered" | "seal"
>;

/** Where the things of a batch come from. */
export type BatchSource = {
  /** What to make; or the batch to go on with, after the line that it has. */
  into: Request | { batch_id: string; after: number };
  records: AsyncIterable<MoleculeRecord> | Iterable<MoleculeRecord>;
  structure_ids?: string[];
  /** Also every molecule of the organization, in a private batch the asker's own as well. */
  registered?: boolean;
  on_reject: "skip" | "refuse";
  /** May be given for a test: fewer in one call. */
  portion?: number;
};

/** A batch that was filled, and the first of the records that it left out. */
export type Filled = { row: BatchRow; rejected: RejectedRecord[] };

/** More are in the batch itself: `batch items ID --status skipped`. */
const REJECTED_SHOWN = 100;

type Portion = Pick<CreateBatch, "molecules" | "structure_ids" | "registered">;

/**
 * Makes a batch of any number of things, or goes on with one: portions of a thousand, each a transaction, so its
 * first jobs run before its last item is there. An error leaves it unsealed, prints it and says how to go on;
 * where one bad record refuses all it is cancelled instead. So does Ctrl-C, which ends the command with 130.
 */
export async function fillBatch(cli: Cli, source: BatchSource): Promise<Filled> {
  using interrupted = onInterrupt(cli.out, "stopping when the records at hand are in");
  const filling = new Filling(cli, source, interrupted.signal);
  try {
    for await (const portion of portions(source)) await filling.add(portion);
    await filling.end();
    if (interrupted.signal.aborted) throw new Interrupted();
  } catch (thrown) {
    if (thrown instanceof Interrupted) await filling.stop();
    await filling.breakOff(toAppError(thrown));
  }
  return { row: await filling.show(), rejected: filling.rejected };
}

async function* portions(source: BatchSource): AsyncGenerator<Portion> {
  const after = "batch_id" in source.into ? source.into.after : 0;
  const size = source.portion ?? MOST_RECORDS;
  for await (const molecules of portionsOf(numbered(source.records, after), size)) yield { molecules };
  for await (const structure_ids of portionsOf(source.structure_ids ?? [], size)) yield { structure_ids };
  if (source.registered === true) yield { registered: {} };
}

/** Records with their lines, without those that a batch has already. */
async function* numbered(records: BatchSource["records"], after: number): AsyncGenerator<MoleculeRecord> {
  let count = 0;
  for await (const record of records) {
    const line = record.line ?? ++count;
    if (line > after) yield { ...record, line };
  }
}

class Filling {
  readonly rejected: RejectedRecord[] = [];
  readonly #cli: Cli;
  readonly #source: BatchSource;
  /** Aborted by Ctrl-C: looked at between two calls. */
  readonly #signal: AbortSignal;
  /** Of this command: what it makes is made once. */
  readonly #key = newId();
  #batchId: string | undefined;
  /** Kept back, so that what fits into one call is one request. */
  #first: Portion | undefined;
  #items = 0;

  constructor(cli: Cli, source: BatchSource, signal: AbortSignal) {
    this.#signal = signal;
    this.#cli = cli;
    this.#source = source;
    if ("batch_id" in source.into) this.#batchId = source.into.batch_id;
  }

  /** Throws Interrupted. */
  async add(portion: Portion): Promise<void> {
    if (this.#signal.aborted) throw new Interrupted();
    if (this.#batchId === undefined && this.#first === undefined) {
      this.#first = portion;
      return;
    }
    if (this.#batchId === undefined) await this.#create(this.#first ?? {}, false);
    await this.#add(portion);
  }

  /** Throws Interrupted. */
  async end(): Promise<void> {
    if (this.#signal.aborted) throw new Interrupted();
    if (this.#batchId === undefined && this.#first?.registered === undefined)
      return this.#create(this.#first ?? {}, true);
    if (this.#batchId === undefined) await this.#create(this.#first ?? {}, false);
    await this.#cli.ask(sealBatchOperation, { batch_id: this.#batchId ?? "" });
  }

  async show(): Promise<BatchRow> {
    const batch_id = this.#batchId ?? "";
    return this.#cli.ask(showBatch, { batch_id });
  }

  /** Ends the command: with the error alone where nothing was made. */
  async breakOff(error: AppError): Promise<never> {
    if (this.#batchId === undefined) throw error;
    const batch_id = this.#batchId;
    const refuses = this.#source.on_reject === "refuse" && !("batch_id" in this.#source.into);
    const cancelled =
      refuses &&
      (await this.#cli.ask(cancelBatchOperation, { batch_id }).then(
        () => true,
        // What went wrong first is what is to be told.
        () => false,
      ));
    const { code, message, fields } = error;
    const row = await this.show().catch(() => ({ batch_id }));
    this.#cli.out.result({ ...row, error: { code, message, fields } }, () => "");
    const isOver = "sealed_at" in row && row.sealed_at !== null;
    const next =
      cancelled || isOver
        ? `batch ${batch_id} is ${cancelled ? "cancelled" : "sealed"}`
        : this.#wayOn(batch_id);
    this.#cli.out.say(`aliquot: ${message}; ${next}`);
    throw new ExitWith(error.exit);
  }

  /** Ends the command after Ctrl-C: says what there is by now, and how to go on. */
  async stop(): Promise<never> {
    if (this.#batchId === undefined) {
      this.#cli.out.say("interrupted: no batch was made");
      throw new ExitWith(INTERRUPTED);
    }
    const row = await this.show();
    const { batch_id, total_items, sealed_at, last_source_row, source_file } = row;
    const items = `${total_items} ${total_items === 1 ? "item" : "items"}`;
    const upTo = source_file === null ? "" : `, up to line ${last_source_row ?? 0} of ${source_file}`;
    this.#cli.out.result(row, () => "");
    this.#cli.out.say(
      sealed_at === null
        ? `interrupted with ${items}${upTo}: ${this.#wayOn(batch_id)}`
        : `interrupted: batch ${batch_id} has all its ${items} and goes on; \`aliquot batch watch ${batch_id}\` follows it, \`aliquot batch cancel ${batch_id}\` ends it`,
    );
    throw new ExitWith(INTERRUPTED);
  }

  #wayOn(batchId: string): string {
    const { registered, structure_ids = [] } = this.#source;
    const isFile = registered !== true && structure_ids.length === 0;
    const on = isFile ? `\`aliquot batch create --resume ${batchId} FILE\` goes on, ` : "";
    return `batch ${batchId} waits for the rest: ${on}\`aliquot batch seal ${batchId}\` takes it as it is, \`aliquot batch cancel ${batchId}\` ends it`;
  }

  async #create(portion: Portion, seal: boolean): Promise<void> {
    const { into, on_reject } = this.#source;
    if ("batch_id" in into) return;
    const input = { ...into, ...portion, on_reject, seal };
    const create = () => this.#cli.ask(createBatchOperation, input, { idempotencyKey: this.#key });
    // An answer that was lost may have made the batch: asked again with the same key, it is the same one.
    const answer = await create().catch((thrown: unknown) => {
      if (toAppError(thrown).kind !== "unavailable") throw thrown;
      return create();
    });
    this.#batchId = answer.batch_id;
    if (!seal && !this.#cli.out.json)
      this.#cli.out.say(`batch ${answer.batch_id} is made, and items are being added`);
    await this.#take(answer);
  }

  async #add(portion: Portion): Promise<void> {
    const { on_reject } = this.#source;
    const input = { batch_id: this.#batchId ?? "", ...portion, on_reject };
    await this.#take(await this.#cli.ask(addToBatchOperation, input));
  }

  async #take({ rejected, total_items, next_after }: AddedItems): Promise<void> {
    this.rejected.push(...rejected.slice(0, REJECTED_SHOWN - this.rejected.length));
    this.#items = total_items;
    this.#cli.out.progress(this.#items, this.#items, "items added");
    if (next_after === null) return;
    if (this.#signal.aborted) throw new Interrupted();
    await this.#add({ registered: { after: next_after } });
  }
}
