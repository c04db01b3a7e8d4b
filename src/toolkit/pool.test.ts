import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { openIdentifier } from "./identities.ts";
import { openPool, ThreadFailure } from "./pool.ts";
import { loadRdkit } from "./rdkit.ts";

/** A thread that does as it is told: echo, hang, throw or leave. */
const FIXTURE = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from "node:worker_threads";
    parentPort.on("message", (request) => {
      if (request === "hang") for (;;);
      if (request === "throw") throw new Error("boom");
      if (request === "leave") process.exit(3);
      if (request === "refuse") return parentPort.postMessage({ failure: "no" });
      parentPort.postMessage({ reply: [request, threadId] });
    });`)}`,
);

test("a thread that hangs, throws, leaves or gives up fails that request and is replaced", async () => {
  const pool = openPool<string, [string, number]>(FIXTURE, 1);
  const [, first] = await pool.ask("a", 10);
  for (const how of ["hang", "throw", "leave", "refuse"]) {
    const failure = await pool.ask(how, how === "hang" ? 0.3 : 10).catch((error: unknown) => error);
    assert.ok(failure instanceof ThreadFailure, how);
    assert.equal(failure.timedOut, how === "hang");
    const [echo, id] = await pool.ask("again", 10);
    assert.equal(echo, "again");
    assert.notEqual(id, first);
  }
  await pool.close();
});

test("requests wait for a free thread and keep their answers", async () => {
  const pool = openPool<string, [string, number]>(FIXTURE, 2);
  const words = Array.from({ length: 20 }, (_, index) => `w${index}`);
  const replies = await Promise.all(words.map((word) => pool.ask(word, 10)));
  assert.deepEqual(
    replies.map(([word]) => word),
    words,
  );
  assert.ok(new Set(replies.map(([, id]) => id)).size <= 2);
  await pool.close();
});

test("closing rejects what waits and what runs", async () => {
  const pool = openPool<string, unknown>(FIXTURE, 1);
  const running = pool.ask("hang", 60).catch((error: unknown) => error);
  const waiting = pool.ask("a", 60).catch((error: unknown) => error);
  await pool.close();
  assert.ok((await running) instanceof ThreadFailure);
  assert.ok((await waiting) instanceof ThreadFailure);
  assert.ok((await pool.ask("a", 1).catch((error: unknown) => error)) instanceof ThreadFailure);
});

test("a trapped RDKit instance costs one record, and a new one is loaded", async () => {
  let loads = 0;
  const answer = openIdentifier(async () => {
    loads += 1;
    const rdkit = await loadRdkit();
    // The 1,000-atom chain of the recipes: "memory access out of bounds", then every call throws.
    if (loads === 1) assert.throws(() => rdkit.get_mol("C".repeat(1_000))?.get_smiles());
    return rdkit;
  });
  const inputs = ["CCO", "CCN", "CCC"].map((text) => ({ text, format: "smiles" as const }));
  const reply = await answer({ kind: "identify", inputs });
  assert.ok(reply.kind === "identified");
  assert.deepEqual(
    reply.results.map((result) => result.ok),
    [false, true, true],
  );
  const [trapped] = reply.results;
  assert.ok(trapped && !trapped.ok);
  assert.equal(trapped.code, "too_large");
  assert.match(trapped.message, /^the toolkit /);
  assert.equal(loads, 2);
});

test("an idle toolkit does not keep its process alive", async () => {
  const script = `
    import { openToolkit } from ${JSON.stringify(new URL("./toolkit.ts", import.meta.url).href)};
    const toolkit = openToolkit();
    const [result] = await toolkit.identify([{ text: "CCO", format: "smiles" }]);
    console.log(result.ok);`;
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 20_000,
  });
  assert.equal((await run).stdout.trim(), "true");
});

test("who asks beside many of another waits for the one that runs, and not for all of them", async () => {
  const pool = openPool<string, unknown>(FIXTURE, 1);
  const done: string[] = [];
  const ask = (turn: string, word: string) =>
    pool.ask(word, 10, { turn }).then(() => {
      done.push(word);
    });
  const many = ["a1", "a2", "a3", "a4"].map((word) => ask("a", word));
  await Promise.all([...many, ask("b", "b1"), ask("b", "b2"), ask("c", "c1")]);
  // The first ran before another came; then each has its turn.
  assert.deepEqual(done, ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
  await pool.close();
});

test("who gives up takes out what still waits, of them alone", async () => {
  const pool = openPool<string, [string, number]>(FIXTURE, 1);
  const giving = new AbortController();
  const turn = { turn: "a", signal: giving.signal };
  const running = pool.ask("a1", 10, turn);
  const dropped = ["hang", "hang"].map((word) => pool.ask(word, 600, turn).catch((error: unknown) => error));
  const other = pool.ask("a2", 10, { turn: "a" });
  giving.abort(new Error("given up"));
  for (const reason of await Promise.all(dropped)) assert.equal(reason, giving.signal.reason);
  await assert.rejects(pool.ask("hang", 600, turn), /given up/);
  assert.deepEqual([(await running)[0], (await other)[0]], ["a1", "a2"]);
  await pool.close();
});
