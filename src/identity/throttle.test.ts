import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCache } from "../cache/memory.ts";
import { AppError } from "../errors.ts";
import { SignInThrottle } from "./throttle.ts";

type Who = { account?: string; network?: string; known?: boolean };

/** A throttle whose time and waits are the test's: a wait ends when it is let go. */
function make({ hold = false } = {}) {
  const clock = { ms: 0 };
  const waits: number[] = [];
  const held: (() => void)[] = [];
  const wait = (ms: number) => {
    waits.push(ms);
    return hold ? new Promise<void>((resolve) => held.push(resolve)) : Promise.resolve();
  };
  const throttle = new SignInThrottle(new MemoryCache({ now: () => clock.ms }), wait);
  let checked = 0;
  const attempt = ({ account = "ann", network = "192.0.2.1", known = false }: Who = {}, right = false) =>
    throttle.attempt({ account, network, known }, async () => {
      checked++;
      return right;
    });
  return { clock, waits, held, attempt, checked: () => checked };
}

const quota = (error: unknown) =>
  error instanceof AppError && error.kind === "quota" && (error.retry_after_s ?? 0) > 0;

async function refusals(count: number, ask: (n: number) => Promise<unknown>): Promise<number> {
  const asked = await Promise.allSettled(Array.from({ length: count }, (_, n) => ask(n)));
  return asked.filter((one) => one.status === "rejected" && quota(one.reason)).length;
}

test("an account from one network has ten attempts in a quarter of an hour, also where they come at once", async () => {
  const { clock, attempt, checked } = make();
  assert.equal(await refusals(30, () => attempt()), 20);
  assert.equal(checked(), 10, "a refused one is not checked, or the answer would be worth having");
  await assert.rejects(attempt({}, true), quota, "nor with the right password");
  await attempt({ account: "bob" });
  await attempt({ network: "192.0.2.2" });
  clock.ms += 15 * 60_000 - 1;
  await assert.rejects(attempt(), quota);
  clock.ms += 1;
  await attempt();
});

test("right passwords count for nothing: a program that signs in all day is never refused, nor is a network", async () => {
  const { attempt, waits } = make();
  for (let n = 0; n < 300; n++) assert.equal((await attempt({}, true)).right, true);
  for (let n = 0; n < 9; n++) await attempt();
  await attempt({}, true);
  for (let n = 0; n < 9; n++) await attempt();
  assert.deepEqual(waits, []);
});

test("a network has a hundred attempts for all accounts, and who is known there has theirs beside them", async () => {
  const { attempt } = make();
  assert.equal(await refusals(150, (n) => attempt({ account: `account ${n}` })), 50);
  await assert.rejects(attempt({ account: "new" }), quota);
  assert.equal((await attempt({ account: "ann", known: true }, true)).right, true);
});

test("an account that many networks try is only slowed down, ever more up to two seconds, and never where it is known", async () => {
  const { attempt, waits } = make();
  for (let n = 0; n < 200; n++) await attempt({ network: `198.51.100.${n}` });
  assert.equal(waits.length, 180, "the first twenty are free");
  assert.deepEqual([waits[0], waits[1], waits.at(-1)], [100, 200, 2000]);
  assert.equal(
    (await attempt({ network: "203.0.113.1" }, true)).right,
    true,
    "a stranger with the password gets in",
  );
  const before = waits.length;
  assert.equal((await attempt({ network: "192.0.2.1", known: true }, true)).right, true);
  assert.equal(waits.length, before, "who is known does not wait");
  await attempt({ account: "bob", network: "203.0.113.2" });
  assert.equal(waits.length, before, "nor do others");
});

test("few strangers wait at once for one account: the others may come again in a moment", async () => {
  const { attempt, held } = make({ hold: true });
  await Promise.all(Array.from({ length: 20 }, (_, n) => attempt({ network: `198.51.100.${n}` })));
  const waiting = Array.from({ length: 30 }, (_, n) => attempt({ network: `203.0.113.${n}` }));
  const all = Promise.allSettled(waiting);
  await new Promise(setImmediate);
  assert.equal(held.length, 8);
  for (const go of held.splice(0)) go();
  assert.equal((await all).filter(({ status }) => status === "rejected").length, 22);
  const next = attempt({ network: "203.0.113.99" });
  await new Promise(setImmediate);
  for (const go of held.splice(0)) go();
  await next;
});

test("a check that breaks leaves no place taken", async () => {
  const { throttle } = { throttle: new SignInThrottle(new MemoryCache(), async () => {}) };
  const who = { account: "ann", network: "192.0.2.1", known: false };
  for (let n = 0; n < 10; n++)
    await assert.rejects(
      throttle.attempt(who, () => Promise.reject(new Error("broken"))),
      /broken/,
    );
  await assert.rejects(
    throttle.attempt(who, async () => true),
    quota,
  );
});
