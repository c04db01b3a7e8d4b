import assert from "node:assert/strict";
import { test } from "node:test";
import type { BatchRow } from "../batches/schema.ts";
import { AppError } from "../errors.ts";
import { BatchNews } from "./batch-news.ts";
import type { Cli } from "./cli.ts";

/** So long as nobody waits for it: what is told must wake whoever waits. */
const NEVER_MS = 2 ** 30;

/** A command at an API that answers 1, 2, … when it is asked, and whose stream does what is said. */
function openNews(stream: () => AsyncGenerator<{ data: BatchRow }, void>) {
  let asked = 0;
  const cli = {
    isRemote: true,
    ask: async () => rowOf(`asked ${++asked}`),
    there: async () => ({ follow: stream }),
  } as unknown as Cli;
  return new BatchNews(cli, "b", { look_ms: NEVER_MS, signal: new AbortController().signal });
}

const rowOf = (name: string) => ({ name }) as BatchRow;

test("what a stream tells is how the batch stands, and nothing is asked for meanwhile", async () => {
  const next = Promise.withResolvers<void>();
  const news = openNews(async function* () {
    yield { data: rowOf("told 1") };
    await next.promise;
    yield { data: rowOf("told 2") };
  });
  assert.equal((await news.now()).name, "asked 1");
  await news.wait();
  assert.equal((await news.now()).name, "told 1");
  assert.equal((await news.now()).name, "told 1");
  next.resolve();
  await news.wait();
  assert.equal((await news.now()).name, "told 2");
  await news.end();
});

test("where a stream is refused or cut, the rest is asked for", async () => {
  const news = openNews(async function* () {
    yield { data: rowOf("told 1") };
    throw new AppError("quota", "so many streams are open already");
  });
  assert.equal((await news.now()).name, "asked 1");
  const seen: (string | null)[] = [];
  while (seen.at(-1) !== "asked 2") {
    await news.wait();
    seen.push((await news.now()).name);
  }
  assert.equal(seen[0], "told 1");
  await news.end();
});
