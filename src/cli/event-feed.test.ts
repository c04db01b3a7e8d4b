import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventRow } from "../events/schema.ts";
import { EventFeed } from "./event-feed.ts";

/** A log that is read in pages by keyset, as `event.list` reads one. Its clock is in another year than ours. */
function makeLog() {
  const rows: EventRow[] = [];
  const log = (id: string, second: number) => {
    const created_at = new Date(Date.UTC(2031, 0, 1, 0, 0, second)).toISOString();
    rows.push({ event_id: id, created_at } as EventRow);
    rows.sort((a, b) => (a.created_at + a.event_id < b.created_at + b.event_id ? 1 : -1));
  };
  const read = async ({ since = "", cursor, limit }: { since?: string; cursor?: string; limit: number }) => {
    const found = rows.filter(({ created_at }) => created_at >= since);
    const from = cursor === undefined ? 0 : found.findIndex((row) => row.event_id === cursor) + 1;
    const items = found.slice(from, from + limit);
    return { items, next_cursor: from + limit < found.length ? (items.at(-1)?.event_id ?? null) : null };
  };
  return { log, read };
}

const ids = (rows: EventRow[]) => rows.map((row) => row.event_id);

test("events are followed from now on, each once and oldest first, however many come and whatever this clock says", async () => {
  const { log, read } = makeLog();
  for (let n = 0; n < 7; n++) log(`before${n}`, n);
  const feed = new EventFeed(read, 3);
  assert.deepEqual(ids(await feed.begin()), []);
  assert.deepEqual(ids(await feed.next()), []);
  const many = Array.from({ length: 10 }, (_, n) => `many${n}`);
  for (const [n, id] of many.entries()) log(id, 10 + n);
  assert.deepEqual(ids(await feed.next()), many);
  log("late", 9);
  for (let n = 0; n < 9; n++) log(`more${n}`, 30 + n);
  const seen = [];
  for (let n = 0; n < 10; n++) seen.push(...ids(await feed.next()));
  assert.deepEqual(new Set(seen), new Set(["late", ...Array.from({ length: 9 }, (_, n) => `more${n}`)]));
  assert.equal(seen.length, 10);
});

test("an empty log is followed from its first event, and one with a beginning is told of from there", async () => {
  const { log, read } = makeLog();
  const empty = new EventFeed(read, 3);
  await empty.begin();
  for (let n = 0; n < 7; n++) log(`e${n}`, n);
  assert.equal((await empty.next()).length, 7);
  const since = "2031-01-01T00:00:02.000Z";
  assert.deepEqual(ids(await new EventFeed(read, 3).begin({ since })), ["e2", "e3", "e4", "e5", "e6"]);
  const last = new EventFeed(read, 3);
  assert.deepEqual(ids(await last.begin({ since, limit: 2 })), ["e5", "e6"]);
  assert.deepEqual(ids(await last.next()), []);
});

test("a look that fails has taken nothing: the next one tells it all", async () => {
  const { log, read } = makeLog();
  let away = false;
  const feed = new EventFeed(async (wish) => {
    if (away && wish.cursor !== undefined) throw new Error("away");
    return read(wish);
  }, 2);
  await feed.begin();
  for (let n = 0; n < 5; n++) log(`e${n}`, n);
  away = true;
  await assert.rejects(feed.next());
  away = false;
  assert.equal((await feed.next()).length, 5);
});
