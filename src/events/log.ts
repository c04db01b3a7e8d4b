import type { ResultsTx } from "../db/results.ts";
import { eventLogsInsert, type NewEvent } from "./store.ts";

export { eventLogsInsert, type NewEvent } from "./store.ts";

/** Keeps what happened, in the transaction in which it happened, in one statement. */
export async function logEvents(tx: ResultsTx, events: NewEvent[]): Promise<void> {
  await eventLogsInsert(events)?.execute(tx);
}
