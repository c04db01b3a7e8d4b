import type { ResultsDb } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { selectLastSourceRow } from "./items-store.ts";
import { selectEndings } from "./rate-store.ts";
import { batchRow } from "./report.ts";
import type { BatchRow } from "./schema.ts";
import { selectBatches } from "./store.ts";

/** Items that tell the rate of a batch. */
const ENDINGS = 500;

/** A batch with its counts, rate and time left. Throws AppError not_found. */
export async function readBatch(db: ResultsDb, batchId: string): Promise<BatchRow> {
  const [head] = await selectBatches(db, { batch_id: batchId, limit: 1 });
  if (head === undefined) throw new AppError("not_found", "no such batch");
  const endings = await selectEndings(db, [batchId], ENDINGS);
  // A million items that came by their ids would be read for a line that none of them has.
  const isOfFile = head.options.source_file !== undefined;
  const line = isOfFile ? await selectLastSourceRow(db, batchId) : null;
  return batchRow(head, line, { endings: endings.get(batchId) ?? [], most: ENDINGS });
}
