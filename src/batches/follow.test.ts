import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chains, kind, openBatches } from "../../test/support/batches.ts";
import { makeOrg, person } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { Pulse } from "../events/pulse.ts";
import type { Followed } from "../operation.ts";
import { perform, performFollow } from "../perform.ts";
import { cancelBatchOperation, followBatch, pauseBatchOperation, sealBatchOperation } from "./operations.ts";
import type { BatchRow } from "./schema.ts";

const { context: opened, scientist, colleague, create, show, items, end } = await openBatches({ after });
const context = { ...opened, pulse: new Pulse(opened.results, { look_ms: 100 }) };
const stranger = await person(context, await makeOrg(context), "scientist");

function follow(batch_id: string, who: OrgPrincipal = scientist, known?: string) {
  const left = new AbortController();
  const how = { signal: left.signal, ...(known === undefined ? {} : { after: known }) };
  const rows = performFollow(context, followBatch, who, { batch_id }, how);
  const told: Followed<BatchRow>[] = [];
  const done = (async () => {
    for await (const one of rows) told.push(one);
  })();
  done.catch(() => {});
  return { told, done, left, last: () => told.at(-1)?.data };
}

test("a batch is told as it stands and whenever it stands otherwise, until it has ended", async () => {
  const { batch_id } = await create({ molecules: chains(3), seal: false });
  const [own, of] = [follow(batch_id), follow(batch_id.toUpperCase(), colleague)];
  await until("how it stands", async () => own.told.length === 1 && of.told.length === 1);
  assert.deepEqual(own.last(), await show(batch_id));
  const known = follow(batch_id, scientist, own.told[0]?.id);
  const jobs = (await items(batch_id)).map(({ job_id }) => job_id);
  await end(jobs.slice(0, 1), "completed");
  await until("one ended", async () => own.last()?.counts.completed === 1);
  await perform(context, pauseBatchOperation, scientist, { batch_id });
  await until("it rests", async () => own.last()?.status === "paused");
  await perform(context, cancelBatchOperation, scientist, { batch_id });
  await Promise.all([own.done, of.done, known.done]);
  assert.deepEqual(own.last(), await show(batch_id));
  const ids = own.told.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "nothing is told twice");
  assert.deepEqual([...new Set(own.told.map(({ event }) => event))], ["batch"]);
  assert.equal(known.told[0]?.data.counts.completed, 1, "what is known is not told again");
  const late = follow(batch_id, scientist, ids.at(-1));
  await late.done;
  assert.deepEqual(late.told, []);
  assert.deepEqual(context.pulse.size, { watches: 0, organizations: 0 });
});

test("one that completes by itself ends its streams; private and foreign ones are not there", async () => {
  const { batch_id } = await create({ molecules: chains(2, 5), visibility: "private", seal: false });
  for (const who of [colleague, stranger])
    await assert.rejects(follow(batch_id, who).done, kind("not_found"));
  const own = follow(batch_id);
  await end(
    (await items(batch_id)).map(({ job_id }) => job_id),
    "completed",
  );
  await perform(context, sealBatchOperation, scientist, { batch_id });
  await own.done;
  assert.equal(own.last()?.status, "completed");
});
