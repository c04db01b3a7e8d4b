import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openLab } from "../../test/support/worker.ts";
import { listBatches, showBatch } from "../batches/operations.ts";
import { AppError } from "../errors.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import type { Operation } from "../operation.ts";
import { type PerformOptions, perform } from "../perform.ts";
import { fillBatch } from "./batch-fill.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";

const { context, scientist } = await openLab({ after });
const said: string[] = [];
const printed: { batch_id: string }[] = [];
const cli = {
  ask: (operation: Operation, input: object, options?: PerformOptions) =>
    perform(context, operation, scientist, input, options),
  out: {
    progress() {},
    say: (line: string) => said.push(line),
    result: (row: (typeof printed)[number]) => printed.push(row),
  },
} as unknown as Cli;
const PIPELINE = "xtb-singlepoint";
const KINDS = 20;

/** Lines of few molecules: the same ones come again. */
async function* lines(count: number, breaksAfter = Number.POSITIVE_INFINITY): AsyncGenerator<MoleculeRecord> {
  for (let line = 1; line <= count; line++) {
    if (line > breaksAfter) throw new AppError("bad_input", "the file ended in the middle of a word");
    yield { text: "C".repeat(1 + (line % KINDS)), format: "smiles", line };
  }
}

const show = (batch_id: string) => perform(context, showBatch, scientist, { batch_id });
const exits = (thrown: unknown) => thrown instanceof ExitWith && thrown.code === 1;
const into = { pipeline: PIPELINE };

test("a batch that was broken off goes on after the last line that it has", async () => {
  const ofFile = { ...into, source_file: "many.smi" };
  await assert.rejects(
    fillBatch(cli, { into: ofFile, records: lines(35, 27), on_reject: "skip", portion: 10 }),
    exits,
  );
  const batch_id = printed.at(-1)?.batch_id ?? "";
  const left = await show(batch_id);
  assert.deepEqual([left.sealed_at, left.total_items, left.last_source_row], [null, 20, 20]);
  assert.equal(left.counts.queued, KINDS, "its first jobs wait for nothing");
  assert.match(said.at(-1) ?? "", /--resume/);
  const again = { batch_id, after: left.last_source_row ?? 0 };
  const { row } = await fillBatch(cli, { into: again, records: lines(35), on_reject: "skip", portion: 10 });
  assert.notEqual(row.sealed_at, null);
  assert.deepEqual([row.total_items, row.counts.queued, row.counts.skipped], [35, KINDS, 35 - KINDS]);
});

test("Ctrl-C leaves what was added, and says how to go on, seal or cancel", async () => {
  async function* stopped() {
    for await (const record of lines(35)) {
      if (record.line === 25) process.emit("SIGINT");
      yield record;
    }
  }
  const source = { into, on_reject: "skip" as const, portion: 10 };
  const interrupted = (thrown: unknown) => thrown instanceof ExitWith && thrown.code === 130;
  await assert.rejects(fillBatch(cli, { ...source, records: stopped() }), interrupted);
  const { batch_id = "" } = printed.at(-1) ?? {};
  assert.ok(
    said.some((line) => line.startsWith(`batch ${batch_id} is made`)),
    "its id is known before that",
  );
  assert.match(said.at(-1) ?? "", /interrupted with 20 items: .*--resume .*batch seal .*batch cancel/);
  assert.deepEqual([(await show(batch_id)).total_items, (await show(batch_id)).sealed_at], [20, null]);
  await assert.rejects(fillBatch(cli, { ...source, records: stopped(), portion: 50 }), interrupted);
  assert.match(said.at(-1) ?? "", /no batch was made/);
});

test("what fits into one call is one request, and an error before it leaves nothing", async () => {
  const { row } = await fillBatch(cli, { into, records: lines(10), on_reject: "skip", portion: 10 });
  assert.equal(row.total_items, 10);
  const before = (await perform(context, listBatches, scientist, {})).items.length;
  await assert.rejects(
    fillBatch(cli, { into, records: lines(10, 5), on_reject: "skip", portion: 10 }),
    /the middle of a word/,
  );
  assert.equal((await perform(context, listBatches, scientist, {})).items.length, before);
});

test("a line that holds a NUL is left out, and its batch has the others", async () => {
  const text = (smiles: string, line: number) => ({ text: smiles, format: "smiles" as const, line });
  const records = [text("C", 1), text("C\0C", 2), { ...text("CCN", 3), name: "a\0b" }, text("CC", 4)];
  const { row, rejected } = await fillBatch(cli, { into, records, on_reject: "skip" });
  assert.deepEqual([row.total_items, row.counts.skipped], [4, 2]);
  assert.deepEqual(
    rejected.map(({ line, input }) => [line, input]),
    [
      [2, "C\ufffdC"],
      [3, "CCN"],
    ],
  );
});

test("every molecule that one sees is a source, page by page", async () => {
  const { row } = await fillBatch(cli, { into, records: [], registered: true, on_reject: "skip" });
  assert.deepEqual([row.total_items, row.sealed_at === null], [KINDS, false]);
});

test("a bad record that refuses all leaves a cancelled batch", async () => {
  const records: MoleculeRecord[] = [];
  for await (const record of lines(20)) records.push(record);
  records.push({ text: "C1", format: "smiles" });
  await assert.rejects(fillBatch(cli, { into, records, on_reject: "refuse", portion: 10 }), exits);
  assert.equal((await show(printed.at(-1)?.batch_id ?? "")).status, "cancelled");
});
