import type { OrgPrincipal } from "../access/principal.ts";
import { followThing, type Seen } from "../events/follow-thing.ts";
import { closed } from "../fields.ts";
import { Uuid } from "../jobs/schema.ts";
import { type FollowCall, follow } from "../operation.ts";
import { markOf, selectBatchMarks } from "./follow-store.ts";
import { BATCH_ENDED, BatchRow } from "./schema.ts";
import { readBatch } from "./show.ts";

export const followBatch = follow({
  name: "batch.follow",
  summary: "A batch with its counts, rate and time left whenever it changed, until it has ended",
  permission: "jobs:read",
  http: { method: "GET", path: "/batches/{batch_id}/stream" },
  input: closed({ batch_id: Uuid }),
  told_as: BatchRow,
  run: (call, { batch_id }) => followRow(call, batch_id.toLowerCase()),
});

/**
 * The batch as it stands, unless that is known, and whenever it stands otherwise, at most once a second; ends when it
 * has ended. Its id is a name for how it stands. Throws AppError not_found.
 */
function followRow(call: FollowCall, batchId: string) {
  let last = call.after;
  const read = async (who: OrgPrincipal): Promise<Seen<BatchRow>> => {
    const data = await call.services.results.read(who, ({ tx }) => readBatch(tx, batchId));
    const mark = markOf(data);
    const told = mark === last ? [] : [{ id: mark, event: "batch", data }];
    last = mark;
    return { told, more: false, mark, over: BATCH_ENDED.includes(data.status) };
  };
  return followThing<BatchRow>(call, { id: batchId, marks: selectBatchMarks, read });
}
