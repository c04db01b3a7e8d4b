import { Type } from "typebox";
import { AppError } from "../errors.ts";
import { closed, pageOfItems, word } from "../fields.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { advanceAfter } from "./advance.ts";
import {
  addToBatch,
  createBatch,
  type PreparedBatch,
  prepareAddition,
  prepareBatch,
  sealBatch,
} from "./create.ts";
import { selectItems } from "./items-store.ts";
import { cancelBatch, pauseBatch, resumeBatch } from "./life.ts";
import { selectEndings } from "./rate-store.ts";
import { batchRow } from "./report.ts";
import { retryFailed } from "./retry.ts";
import {
  AddedItems,
  AddToBatch,
  BATCH_STATUSES,
  BatchId,
  BatchItem,
  BatchRow,
  ChangedBatch,
  CreateBatch,
  FailureCode,
  ItemQuery,
  RetriedJobs,
  RetryAfter,
  RetryForce,
  SealedBatch,
} from "./schema.ts";
import { readBatch } from "./show.ts";
import { selectBatches } from "./store.ts";

export { followBatch } from "./follow.ts";

/** Items that tell the rate of each of a page. */
const FEW_ENDINGS = 50;
const OneBatch = closed({ batch_id: BatchId });

export const createBatchOperation = operation<
  typeof CreateBatch,
  typeof AddedItems,
  PreparedBatch,
  "batch.create"
>({
  name: "batch.create",
  summary: "Make a batch: one job for each molecule or structure, up to a million",
  permission: "jobs:submit",
  http: { method: "POST", path: "/batches" },
  tx: "results",
  input: CreateBatch,
  output: AddedItems,
  prepare: prepareBatch,
  run: createBatch,
  after: ({ services, principal }) => advanceAfter(services, principal.org_id),
  told: ({ pipeline }, { batch_id, added, skipped }) => ({
    entity_type: "batch",
    entity_id: batch_id,
    metadata: { pipeline, added, skipped },
  }),
});

export const addToBatchOperation = operation<
  typeof AddToBatch,
  typeof AddedItems,
  PreparedBatch,
  "batch.add"
>({
  name: "batch.add",
  summary: "Add items to a batch that is not sealed",
  permission: "jobs:submit",
  http: { method: "POST", path: "/batches/{batch_id}/items" },
  tx: "results",
  input: AddToBatch,
  output: AddedItems,
  prepare: prepareAddition,
  run: addToBatch,
  after: ({ services, principal }) => advanceAfter(services, principal.org_id),
  told: ({ batch_id }, { added, skipped }) => ({
    entity_type: "batch",
    entity_id: batch_id,
    metadata: { added, skipped },
  }),
});

export const sealBatchOperation = operation({
  name: "batch.seal",
  summary: "Seal a batch: it has all its items",
  permission: "jobs:submit",
  http: { method: "POST", path: "/batches/{batch_id}/seal" },
  tx: "results",
  input: OneBatch,
  output: SealedBatch,
  async run({ scope }, { batch_id }) {
    const { status, sealed_at, total_items } = await sealBatch(scope, batch_id);
    return { batch_id, status, sealed_at, total_items };
  },
  after: ({ services, principal }) => advanceAfter(services, principal.org_id),
  told: ({ batch_id }) => ({ entity_type: "batch", entity_id: batch_id }),
});

export const listBatches = operation({
  name: "batch.list",
  summary: "Batches that you may see, newest first",
  permission: "jobs:read",
  http: { method: "GET", path: "/batches" },
  tx: "results",
  input: closed({
    status: Type.Optional(word(BATCH_STATUSES, "Only batches that stand so.")),
    ...PageInput.properties,
  }),
  output: pageOfItems(BatchRow, "Batches, newest first."),
  async run({ scope }, input) {
    const wish = pageWish(input);
    const { status } = input;
    const heads = await selectBatches(scope.tx, { ...wish, ...(status === undefined ? {} : { status }) });
    const ids = heads.map(({ batch_id }) => batch_id);
    const endings = await selectEndings(scope.tx, ids, FEW_ENDINGS);
    const rows = heads.map((head) =>
      batchRow(head, null, { endings: endings.get(head.batch_id) ?? [], most: FEW_ENDINGS }),
    );
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.batch_id }));
  },
});

export const showBatch = operation({
  name: "batch.show",
  summary: "One batch with its counts, rate and time left",
  permission: "jobs:read",
  http: { method: "GET", path: "/batches/{batch_id}" },
  tx: "results",
  input: OneBatch,
  output: BatchRow,
  run: ({ scope }, { batch_id }) => readBatch(scope.tx, batch_id),
});

export const listItems = operation({
  name: "batch.items",
  summary: "Items of a batch by number, each with what became of it",
  permission: "jobs:read",
  http: { method: "GET", path: "/batches/{batch_id}/items" },
  tx: "results",
  input: ItemQuery,
  output: pageOfItems(BatchItem, "Items by number."),
  async run({ scope }, { batch_id, status, cursor = "0", limit = 50 }) {
    const [head] = await selectBatches(scope.tx, { batch_id, limit: 1 });
    if (head === undefined) throw new AppError("not_found", "no such batch");
    const of = {
      batch_id,
      after: Number(cursor),
      limit: limit + 1,
      ...(status === undefined ? {} : { status }),
    };
    const rows = await selectItems(scope.tx, of);
    const items = rows.slice(0, limit);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, next_cursor: last === undefined ? null : String(last.item_no) };
  },
});

export const pauseBatchOperation = operation({
  name: "batch.pause",
  summary: "Pause a batch: no more of its jobs begin; what runs goes on",
  permission: "jobs:manage",
  http: { method: "POST", path: "/batches/{batch_id}/pause" },
  tx: "results",
  input: OneBatch,
  output: ChangedBatch,
  run: ({ scope }, { batch_id }) => pauseBatch(scope, batch_id),
  told: ({ batch_id }, { jobs }) => ({ entity_type: "batch", entity_id: batch_id, metadata: { jobs } }),
});

export const resumeBatchOperation = operation({
  name: "batch.resume",
  summary: "Resume a paused batch",
  permission: "jobs:manage",
  http: { method: "POST", path: "/batches/{batch_id}/resume" },
  tx: "results",
  input: OneBatch,
  output: ChangedBatch,
  run: ({ scope }, { batch_id }) => resumeBatch(scope, batch_id),
  after: ({ services, principal }) => advanceAfter(services, principal.org_id),
  told: ({ batch_id }, { jobs }) => ({ entity_type: "batch", entity_id: batch_id, metadata: { jobs } }),
});

export const cancelBatchOperation = operation({
  name: "batch.cancel",
  summary: "Cancel a batch: what runs is stopped, the rest never begins",
  permission: "jobs:manage",
  http: { method: "POST", path: "/batches/{batch_id}/cancel" },
  tx: "results",
  input: OneBatch,
  output: ChangedBatch,
  run: ({ scope, principal }, { batch_id }) => cancelBatch(scope, batch_id, principal.user_id),
  after: ({ services, principal }) => advanceAfter(services, principal.org_id),
  told: ({ batch_id }, { jobs }) => ({ entity_type: "batch", entity_id: batch_id, metadata: { jobs } }),
});

export const retryBatchOperation = operation({
  name: "batch.retry",
  summary: "Run the failed jobs of a batch again, or those that failed with one code",
  permission: "jobs:manage",
  http: { method: "POST", path: "/batches/{batch_id}/retry" },
  tx: "results",
  input: closed({
    batch_id: BatchId,
    code: Type.Optional(FailureCode),
    after: Type.Optional(RetryAfter),
    force: Type.Optional(RetryForce),
  }),
  output: Type.Object({ batch_id: BatchId, ...RetriedJobs.properties }),
  run: async ({ scope }, filter) => ({ batch_id: filter.batch_id, ...(await retryFailed(scope, filter)) }),
  told: ({ batch_id, code }, { retried }) => ({
    entity_type: "batch",
    entity_id: batch_id,
    metadata: { retried, ...(code === undefined || retried === 0 ? {} : { code }) },
  }),
});
