import { pageOfItems } from "../fields.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { sinceTime } from "../since.ts";
import { EventFilter, EventRow } from "./schema.ts";
import { selectEvents } from "./store.ts";

export const listEvents = operation({
  name: "event.list",
  summary: "What happened in the organization, as far as you may see it, newest first",
  permission: "events:read",
  http: { method: "GET", path: "/events" },
  tx: "results",
  input: EventFilter,
  output: pageOfItems(EventRow, "Events, newest first."),
  async run({ scope }, input) {
    const wish = pageWish(input);
    const since = input.since === undefined ? {} : { since: sinceTime(input.since) };
    const rows = await selectEvents(scope.tx, { ...input, ...since }, wish);
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.event_id }));
  },
});
