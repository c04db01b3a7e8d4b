import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCache } from "../cache/memory.ts";
import { AppError } from "../errors.ts";
import { SignInThrottle } from "./throttle.ts";

type Who = { name?: string; network?: string; known?: boolean };

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
  const attempt = ({ name = "ann", network = "192.0.2.1", known = false }: Who = {}, right = false) =>
    throttle.attempt({ name, network, known }, async ({ blind }) => {
      checked++;
      return right && !blind;
    });
  return { clock, throttle, waits, held, attempt, checked: () => checked };
}

const quota = (error: unknown) =>
  error instanceof AppError && error.kind === "quota" && (error.retry_after_s ?? 0) > 0;

async function refusals(count: number, ask: (n: number) => Promise<unknown>): Promise<number> {
  const asked = await Promise.allSettled(Array.from({ length: count }, (_, n) => ask(n)));
  return asked.filter((one) => one.status === "rejected" && quota(one.reason)).length;
}

test("a name from one network has ten attempts in a quarter of an hour, also where they come at once", async () => {
  const { clock, attempt, checked } = make();
  assert.equal(await refusals(40, () => attempt()), 30);
  assert.equal(checked(), 30, "what comes beyond thirty costs nothing");
  await assert.rejects(attempt({}, true), quota, "nor with the right password");
  await attempt({ name: "bob" });
  await attempt({ network: "192.0.2.2" });
  clock.ms += 15 * 60_000 - 1;
  await assert.rejects(attempt(), quota);
  clock.ms += 1;
  await attempt();
});

test("beyond ten a stranger's right password is no better than a wrong one, and a known one's is taken up to thirty", async () => {
  const { attempt } = make();
  for (const known of [false, true]) {
    const name = `known ${known}`;
    for (let n = 0; n < 10; n++) assert.equal(await attempt({ name, known }), false);
    await assert.rejects(attempt({ name, known }), quota);
    if (known) assert.equal(await attempt({ name, known }, true), true);
    else await assert.rejects(attempt({ name, known }, true), quota);
  }
  await refusals(30, () => attempt({ name: "guessed", known: true }));
  await assert.rejects(attempt({ name: "guessed", known: true }, true), quota);
});

test("wrong passwords tell nothing: whoever is known, and wherever, is answered, refused and made to wait as all others", async () => {
  const one = async (known: boolean) => {
    const { attempt, waits, checked } = make();
    const answers: string[] = [];
    const ask = async (who: Who) => {
      const before = [waits.length, checked()] as const;
      const answer = await attempt({ ...who, known }).catch(
        (error: AppError) => `${error.kind} ${error.message} ${error.retry_after_s}`,
      );
      answers.push(`${answer} ${waits.slice(before[0]).join()} ${checked() - before[1]}`);
    };
    for (let n = 0; n < 40; n++) await ask({});
    for (let n = 0; n < 40; n++) await ask({ network: `198.51.100.${n}` });
    for (let n = 0; n < 120; n++) await ask({ name: `name ${n}`, network: "203.0.113.1" });
    return answers;
  };
  const [stranger, known] = [await one(false), await one(true)];
  assert.ok(stranger.some((answer) => answer.startsWith("false 2000 1")));
  assert.ok(stranger.filter((answer) => answer.startsWith("quota")).length === 50);
  assert.deepEqual(known, stranger);
});

test("a name is counted as it was typed, whatever its case: what else somebody is called has counts of its own", async () => {
  const { attempt, waits } = make();
  for (const name of ["Ann", "ANN", "ann", "\u00e9nn", "e\u0301nn"]) await attempt({ name });
  assert.equal(await refusals(10, () => attempt({ name: "aNN" })), 3);
  assert.equal(await refusals(10, () => attempt({ name: "\u00c9NN" })), 2);
  assert.equal(await refusals(10, () => attempt({ name: "ann@example.org" })), 0);
  assert.deepEqual(waits, []);
});

test("right passwords count for nothing: a program that signs in all day is never refused, nor is a network", async () => {
  const { attempt, waits } = make();
  for (let n = 0; n < 300; n++) assert.equal(await attempt({}, true), true);
  for (let n = 0; n < 9; n++) await attempt();
  await attempt({}, true);
  for (let n = 0; n < 9; n++) await attempt();
  assert.deepEqual(waits, []);
});

test("a network has a hundred attempts for all names, and who is known there is let in beside them", async () => {
  const { attempt } = make();
  assert.equal(await refusals(150, (n) => attempt({ name: `name ${n}` })), 50);
  await assert.rejects(attempt({ name: "new" }), quota);
  assert.equal(await attempt({ name: "ann", known: true }, true), true);
});

test("a name that many networks try is only slowed down, ever more up to two seconds, and never where it is known", async () => {
  const { attempt, waits } = make();
  for (let n = 0; n < 200; n++) await attempt({ network: `198.51.100.${n}` });
  assert.equal(waits.length, 180, "the first twenty are free");
  assert.deepEqual([waits[0], waits[1], waits.at(-1)], [100, 200, 2000]);
  assert.equal(await attempt({ network: "203.0.113.1" }, true), true, "a stranger with the password gets in");
  const before = waits.length;
  assert.equal(await attempt({ network: "192.0.2.1", known: true }, true), true);
  assert.equal(waits.length, before, "who is known does not wait with the right one");
  await attempt({ name: "bob", network: "203.0.113.2" });
  assert.equal(waits.length, before, "nor do others");
});

test("few strangers wait at once for one name: the others may come again in a moment", async () => {
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

test("what nobody looked at counts for nothing, whether the check breaks or there is no place to wait", async () => {
  const { throttle, attempt, held } = make({ hold: true });
  const who = { name: "ann", network: "192.0.2.1", known: false };
  const breaking = (looked: boolean, known = false) =>
    throttle.attempt({ ...who, known }, async (how) => {
      if (looked) how.looked();
      throw new Error("broken");
    });
  for (let n = 0; n < 120; n++) await assert.rejects(breaking(false), /broken/);
  assert.equal(await attempt({ network: "198.51.100.9" }), false, "nor for the network, nor the name");
  for (let n = 0; n < 18; n++) await attempt({ network: `198.51.100.${n}` });
  // Twenty are free: the next one waits, and eight may.
  assert.equal(held.length, 0);
  await attempt({ network: "198.51.100.99" });
  const waiting = Array.from({ length: 8 }, (_, n) => attempt({ network: `203.0.113.${n}` }));
  await new Promise(setImmediate);
  assert.equal(held.length, 8);
  for (let n = 0; n < 40; n++) await assert.rejects(attempt(), quota);
  for (const go of held.splice(0)) go();
  await Promise.all(waiting);
  const mine = attempt({}, true);
  await new Promise(setImmediate);
  for (const go of held.splice(0)) go();
  assert.equal(await mine, true, "forty that found no place are no forty failures");
  for (let n = 0; n < 30; n++) await assert.rejects(breaking(true, true), /broken/);
  await assert.rejects(breaking(true, true), quota, "what was looked at counts, whatever was thrown then");
});
