import assert from "node:assert/strict";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { after, test } from "node:test";
import bcrypt from "bcryptjs";
import { AppError } from "../errors.ts";
import { PasswordGate } from "./password-gate.ts";

const WORD = "correct horse battery";
const gate = new PasswordGate();
after(() => gate[Symbol.asyncDispose]());

test("Argon2id and bcrypt hashes verify, no hash and a foreign one never do", async () => {
  const hash = await gate.hash(WORD);
  assert.equal(await gate.verify(WORD, hash), true);
  assert.equal(await gate.verify(`${WORD}!`, hash), false);
  const foreign = await bcrypt.hash(WORD, 4);
  for (const letter of ["a", "b", "y"]) {
    const written = foreign.replace(/^\$2./, `$2${letter}`);
    assert.equal(await gate.verify(WORD, written), true, letter);
    assert.equal(await gate.verify(WORD.toUpperCase(), written), false, letter);
  }
  // OpenBSD's own test vector: what others wrote verifies, not only what this library did.
  assert.equal(
    await gate.verify("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    true,
  );
  for (const none of [null, "", "x", "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"])
    assert.equal(await gate.verify(WORD, none), false, String(none));
});

test("no more than it may are at work; beyond the queue they are told to come again, and who is favoured goes first", async () => {
  const small = new PasswordGate({ atOnce: 1, waiting: 2 });
  const order: string[] = [];
  const ask = (name: string, favoured: boolean) =>
    small.verify("x", null, { favoured }).then(() => order.push(name));
  const asked = [ask("first", false), ask("second", false), ask("third", false)];
  assert.deepEqual(small.load, { busy: 1, waiting: 2 });
  await assert.rejects(
    ask("too many", false),
    (error) => error instanceof AppError && error.kind === "unavailable",
  );
  asked.push(ask("favoured", true));
  await Promise.all(asked);
  assert.deepEqual(order, ["first", "favoured", "second", "third"]);
  assert.deepEqual(small.load, { busy: 0, waiting: 0 });
});

test("what breaks gives its place on", async () => {
  const small = new PasswordGate({ atOnce: 1, waiting: 1 });
  const long = "x".repeat(2000);
  await Promise.all([assert.rejects(small.hash(long)), small.verify("x", null)]);
  assert.deepEqual(small.load, { busy: 0, waiting: 0 });
});

test("a person who does not exist is checked with the same work as one who does", async (t) => {
  const hash = await gate.hash(WORD);
  const spy = t.mock.method(crypto, "argon2");
  syncBuiltinESMExports();
  t.after(() => {
    spy.mock.restore();
    syncBuiltinESMExports();
  });
  await gate.verify("another", hash);
  await gate.verify("another", null);
  const work = spy.mock.calls.map((call) => {
    const [algorithm, { memory, passes, parallelism, tagLength }] = call.arguments;
    return { algorithm, memory, passes, parallelism, tagLength };
  });
  assert.equal(work.length, 2);
  assert.deepEqual(work[1], work[0]);
});
