import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { insertSpec } from "../jobs/births-store.ts";
import { questionSigner, specHash } from "../jobs/question.ts";
import { allRefused } from "../molecules/identify.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import { runnableNamed } from "../pipelines/recipe.ts";
import { makeItems, type RequestItem, requestOf } from "../requests/items.ts";
import { planRequests } from "../requests/plan.ts";
import type { Call, RequestPlan } from "../requests/rules.ts";
import type { Things } from "../requests/schema.ts";
import { type PreparedThings, prepareThings } from "../requests/things.ts";
import type { Services } from "../services.ts";
import { insertItems, type NewItem } from "./items-store.ts";
import { placesForBatches, readLimits } from "./limits.ts";
import type { AddedItems, AddToBatch, CreateBatch } from "./schema.ts";
import { type Batch, insertBatch, lockGate, selectOptionalBatch, updateBatch } from "./store.ts";

/** What was found out before the transaction; `things` is null where nothing was asked to be added yet. */
export type PreparedBatch = { plan: RequestPlan; things: PreparedThings | null; most_items: number };
type Doing<P> = { scope: ResultsScope; services: Services; principal: OrgPrincipal; prepared: P };

/** Recipe, parameters and the chemistry of the first things. Throws AppError as `prepareThings` does. */
export async function prepareBatch(call: Call, input: CreateBatch): Promise<PreparedBatch> {
  const plan = await planRequests(call, await runnableNamed(call, input.pipeline, input.version), input);
  if (input.source_file !== undefined) plan.options = { ...plan.options, source_file: input.source_file };
  const things = hasThings(input) ? await prepareThings(call, plan, input) : null;
  if (things === null && input.seal !== false)
    throw new AppError(
      "bad_input",
      "there is nothing to compute: give `molecules`, `molecule_ids`, `structure_ids` or `registered`",
    );
  return { plan, things, most_items: (await readLimits(call.services, call.principal.org_id)).batch_items };
}

function hasThings({ molecules, molecule_ids, structure_ids, registered }: Things): boolean {
  return (
    registered !== undefined ||
    [molecules, molecule_ids, structure_ids].some((list) => (list ?? []).length > 0)
  );
}

/** Makes a batch with its first items. Its jobs are made after the commit, and as others end. */
export async function createBatch(call: Doing<PreparedBatch>, input: CreateBatch): Promise<AddedItems> {
  const { scope, principal, prepared } = call;
  const { plan, things } = prepared;
  const { pipeline } = plan;
  refuseTooLarge(scope, Object.keys(pipeline.spec.tasks).length);
  const spec_hash = specHash(pipeline.spec);
  const { pipeline_id, pipeline_version_id, name, version, spec } = pipeline;
  await insertSpec(scope.tx, { spec_hash, pipeline_id, pipeline_version_id, name, version, spec });
  const batch_id = await insertBatch(scope.tx, {
    spec_hash,
    name: input.name ?? input.source_file?.slice(0, 200) ?? pipeline.name,
    plan,
    reuse: input.reuse ?? true,
    priority: input.priority ?? 5,
    owner_id: principal.user_id,
  });
  const batch = await selectOptionalBatch(scope.tx, batch_id);
  if (batch === undefined) throw new AppError("internal", "a batch that was made is not there");
  const nothing = { batch_id, added: 0, skipped: 0, rejected: [], total_items: 0, next_after: null };
  const answer =
    things === null ? nothing : await addThings(scope, principal, batch, things, prepared.most_items);
  if (input.seal !== false && answer.next_after === null) {
    if (answer.total_items === 0)
      throw new AppError("bad_input", "there is nothing to compute: the organization has no molecule yet");
    if (answer.added === 0 && answer.rejected.length > 0)
      throw allRefused(answer.rejected, answer.total_items, things?.pointerTo);
    await updateBatch(scope.tx, batch_id, { sealed_at: new Date().toISOString() });
  }
  return answer;
}

/** A job whose tasks never have room would wait for ever. Throws AppError quota. */
function refuseTooLarge({ queued_tasks }: ResultsScope, tasksEach: number): void {
  if (queued_tasks === null || placesForBatches(queued_tasks) >= tasksEach) return;
  throw new AppError(
    "quota",
    `each job has ${tasksEach} tasks, and of this organization's ${queued_tasks} (queued_tasks) batches may have ${placesForBatches(queued_tasks)}: ask the operator for more`,
  );
}

/** The same for what is added later, as the batch was asked for. Throws AppError not_found, and as `prepareThings`. */
export async function prepareAddition(call: Call, input: AddToBatch): Promise<PreparedBatch> {
  const { services, principal } = call;
  const batch = await services.results.read(principal, ({ tx }) => selectOptionalBatch(tx, input.batch_id));
  if (batch === undefined) throw new AppError("not_found", "no such batch");
  checkOpen(batch);
  const things = await prepareThings(call, batch.plan, input);
  return { plan: batch.plan, things, most_items: (await readLimits(services, principal.org_id)).batch_items };
}

/** Adds items to a batch that is not sealed. Throws AppError not_found, forbidden, conflict, quota. */
export async function addToBatch(call: Doing<PreparedBatch>, { batch_id }: AddToBatch): Promise<AddedItems> {
  const { scope, principal, prepared } = call;
  await lockGate(scope.tx, batch_id);
  const batch = await ownBatch(scope, batch_id);
  checkOpen(batch);
  if (prepared.things === null) throw new AppError("internal", "an addition was not prepared");
  return addThings(scope, principal, batch, prepared.things, prepared.most_items);
}

/** Says that all items are there: a batch that is not sealed can't complete. Sealing twice changes nothing. */
export async function sealBatch(scope: ResultsScope, batch_id: string): Promise<Batch> {
  await lockGate(scope.tx, batch_id);
  const batch = await ownBatch(scope, batch_id);
  if (batch.sealed_at !== null) return batch;
  checkOpen(batch);
  if (batch.total_items === 0)
    throw new AppError("conflict", "this batch has no item: add some, or cancel it");
  const sealed_at = new Date().toISOString();
  await updateBatch(scope.tx, batch_id, { sealed_at });
  return { ...batch, sealed_at };
}

/** The batch that is to be changed. Missing and invisible are the same; somebody else's is forbidden. */
export async function ownBatch({ tx }: ResultsScope, batchId: string): Promise<Batch> {
  const batch = await selectOptionalBatch(tx, batchId);
  if (batch === undefined) throw new AppError("not_found", "no such batch");
  if (batch.own) return batch;
  throw new AppError("forbidden", "this batch is somebody else's: only its owner or an admin may change it");
}

function checkOpen({ status, sealed_at }: Batch): void {
  if (status === "cancelled") throw new AppError("conflict", "this batch is cancelled: make a new one");
  if (sealed_at !== null) throw new AppError("conflict", "this batch is sealed: make a new one for more");
}

async function addThings(
  scope: ResultsScope,
  principal: OrgPrincipal,
  batch: Batch,
  things: PreparedThings,
  most: number,
): Promise<AddedItems> {
  const { plan, batch_id, owner_id } = batch;
  const { visibility, options } = plan;
  const source_file = options.source_file ?? null;
  const registrar = { owner_id: principal.user_id, visibility, source_file };
  if (owner_id !== principal.user_id && visibility === "private")
    throw new AppError("forbidden", "only its owner adds to a private batch");
  const made = await makeItems(scope, registrar, plan, things);
  const items = inSourceOrder(made.map(itemOf(plan)), things);
  const total_items = batch.total_items + items.length;
  if (total_items > most)
    throw new AppError(
      "quota",
      `a batch holds ${most} items and this one would have ${total_items}: make several`,
    );
  const added = await insertItems(scope.tx, batch_id, batch.total_items, items);
  await updateBatch(scope.tx, batch_id, { total_items });
  const { next_after } = things;
  const rejected = [...things.rejected, ...things.refused];
  return { batch_id, added, skipped: items.length - added, rejected, total_items, next_after };
}

function itemOf(plan: RequestPlan): (item: RequestItem) => NewItem {
  const sign = questionSigner(plan.pipeline.spec);
  return (item) => {
    const { key, molecule_id, structure_id } = item.input;
    const { name, source_row, params } = item;
    const input_signature = sign(requestOf(plan, item));
    return {
      molecule_id,
      structure_id,
      name,
      source_row,
      input_key: key,
      params,
      input_signature,
      error: null,
    };
  };
}

/** Records that were refused are items too, each at its place: so the last item tells how far a file was read. */
function inSourceOrder(items: NewItem[], { rejected, refused }: PreparedThings): NewItem[] {
  const leftOut = (source_row: number | null, { name, input, code, message }: RejectedRecord): NewItem => ({
    ...{ molecule_id: null, structure_id: null, input_key: null, params: {}, input_signature: null },
    name: name ?? null,
    source_row,
    error: { code, message, input },
  });
  const all = [
    ...items,
    ...rejected.map((record) => leftOut(record.line, record)),
    ...refused.map((record) => leftOut(null, record)),
  ];
  if (all.length === items.length) return items;
  // What came by its id stands in no file: after what does.
  const last = Number.POSITIVE_INFINITY;
  return all.sort((a, b) => {
    const [one, other] = [a.source_row ?? last, b.source_row ?? last];
    return one === other ? 0 : one - other;
  });
}
