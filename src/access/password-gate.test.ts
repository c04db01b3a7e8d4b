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
  const hash = await small.hash(WORD);
  const ask = (name: string, favoured: boolean) =>
    small.verify(favoured ? WORD : "x", hash, { favoured }).then(() => order.push(name));
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

test("a wrong password of somebody favoured is told no sooner than a stranger's, a right one at once", async () => {
  const small = new PasswordGate({ atOnce: 1, waiting: 2 });
  const hash = await small.hash(WORD);
  const order: string[] = [];
  const ask = (name: string, text: string, favoured: boolean) =>
    small.verify(text, hash, { favoured }).then(() => order.push(name));
  const asked = [ask("first", "x", false), ask("stranger", "x", false)];
  asked.push(ask("wrong", "x", true), ask("right", WORD, true));
  await Promise.all(asked);
  assert.deepEqual(order, ["first", "right", "stranger", "wrong"]);
  assert.deepEqual(small.load, { busy: 0, waiting: 0 });
});

test("where a wrong one can't be told any more, that it was looked at is", async () => {
  const small = new PasswordGate({ atOnce: 1, waiting: 1 });
  const hash = await small.hash(WORD);
  const looked: string[] = [];
  const ask = (name: string, favoured: boolean, then = () => {}) => {
    const told = () => {
      looked.push(name);
      then();
    };
    return small.verify("x", hash, { favoured, looked: told });
  };
  const asked = [ask("first", false), ask("second", false)];
  const full = { kind: "unavailable" };
  await assert.rejects(ask("third", false), full);
  // Who comes when it is known takes the place in which it would wait to be told.
  await assert.rejects(
    ask("favoured", true, () => void asked.push(ask("fourth", false))),
    full,
  );
  await Promise.all(asked);
  assert.deepEqual(looked, ["first", "favoured", "second", "fourth"]);
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
