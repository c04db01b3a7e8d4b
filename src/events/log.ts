import type { ResultsTx } from "../db/results.ts";
import { insertEventLogs, type NewEvent } from "./store.ts";

export type { NewEvent } from "./store.ts";

/** Keeps what happened, in the transaction in which it happened, in one statement. */
export async function logEvents(tx: ResultsTx, events: NewEvent[]): Promise<void> {
  if (events.length > 0) await insertEventLogs(tx, events);
}
