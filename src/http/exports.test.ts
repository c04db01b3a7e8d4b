import assert from "node:assert/strict";
import { test } from "node:test";
import { type Given, toldOf } from "./exports.ts";
import { pagesFrom } from "./rows.ts";

/** Three pages of two rows, told of by what is done here. */
function exported(tell: (given: Given) => Promise<void>, breaks = false) {
  const failed: unknown[] = [];
  const pages = pagesFrom({ items: [1, 2], next_cursor: "1" }, async (cursor) => {
    if (breaks) throw new Error("the third page is away");
    return { items: [3, 4], next_cursor: cursor === "1" ? "2" : null };
  });
  return { failed, rows: toldOf(pages, tell, (error) => failed.push(error)) };
}

async function all(rows: AsyncIterable<{ items: unknown[] }>, said: unknown[]): Promise<void> {
  for await (const { items } of rows) said.push(...items);
}

test("an export is told of once: before its last rows are given, with all of them", async () => {
  const said: unknown[] = [];
  const { rows } = exported(async (given) => void said.push(given));
  await all(rows, said);
  assert.deepEqual(said, [1, 2, 3, 4, { rows: 6, complete: true }, 3, 4]);
});

test("of one that breaks off, or that nobody wants to its end, what was given is told", async () => {
  const told: Given[] = [];
  const tell = async (given: Given) => void told.push(given);
  await assert.rejects(all(exported(tell, true).rows, []), /third page/);
  for await (const page of exported(tell).rows) if (page.items.includes(3)) break;
  assert.deepEqual(told, [
    { rows: 2, complete: false },
    { rows: 4, complete: false },
  ]);
});

test("what can't be told is not given to its end; of what had broken off it is said elsewhere", async () => {
  const away = async () => {
    throw new Error("no audit log");
  };
  const said: unknown[] = [];
  await assert.rejects(all(exported(away).rows, said), /no audit log/);
  assert.deepEqual(said, [1, 2, 3, 4]);
  const broken = exported(away, true);
  await assert.rejects(all(broken.rows, []), /third page/);
  assert.match(String(broken.failed), /no audit log/);
});
