import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ResultsDoor } from "../orgs/door.ts";
import { type Marks, Pulse } from "./pulse.ts";

/** A pulse whose seconds pass when a test says so, over things that stand as `marks` says. */
function makePulse(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const marks = new Map<string, string>();
  const looks: string[][] = [];
  const broken = { is: false };
  const look: Marks = async (_db, ids) => {
    looks.push(ids);
    if (broken.is) throw new Error("away");
    return new Map([...marks].filter(([id]) => ids.includes(id)));
  };
  const forMachinery = (async (orgId: string, work: (scope: unknown) => Promise<unknown>) =>
    work({ org_id: orgId, tx: {} })) as ResultsDoor["forMachinery"];
  const pulse = new Pulse({ forMachinery });
  const second = async () => {
    t.mock.timers.tick(1000);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  };
  return { pulse, marks, looks, look, second, broken };
}

const never = new AbortController().signal;

test("a hundred watches are one look a second, and none when nobody watches", async (t) => {
  const { pulse, marks, looks, look, second } = makePulse(t);
  const left = new AbortController();
  const watches = Array.from({ length: 100 }, (_, n) =>
    pulse.watch("org", look, `job-${n % 3}`, left.signal),
  );
  marks.set("job-1", "running 3");
  await second();
  await second();
  assert.deepEqual(looks, Array(2).fill(["job-0", "job-1", "job-2"]));
  assert.deepEqual(
    watches.slice(0, 2).map(({ mark }) => mark),
    ["gone", "running 3"],
  );
  watches[0]?.[Symbol.dispose]();
  watches[0]?.[Symbol.dispose]();
  assert.deepEqual(pulse.size, { watches: 99, organizations: 1 });
  left.abort();
  assert.deepEqual(pulse.size, { watches: 0, organizations: 0 });
  await second();
  assert.equal(looks.length, 2);
});

test("who waits is woken by the next look, also by one that failed, and by the end", async (t) => {
  const { pulse, marks, look, second, broken } = makePulse(t);
  const watch = pulse.watch("org", look, "a", never);
  const seen: string[] = [];
  const wait = async () => {
    await watch.looked();
    seen.push(watch.closed ? "closed" : String(watch.mark));
  };
  marks.set("a", "one");
  let waiting = wait();
  await second();
  await waiting;
  broken.is = true;
  waiting = wait();
  await second();
  await waiting;
  broken.is = false;
  marks.set("a", "two");
  waiting = wait();
  await second();
  await waiting;
  waiting = wait();
  await pulse[Symbol.asyncDispose]();
  await waiting;
  await wait();
  assert.deepEqual(seen, ["one", "one", "two", "closed", "closed"]);
  assert.equal(pulse.watch("org", look, "a", never).closed, true, "nothing is watched any more");
});

test("an organization that was left and came again is looked at once a second", async (t) => {
  const { pulse, looks, look, second } = makePulse(t);
  for (let n = 0; n < 5; n++) pulse.watch("org", look, "a", never)[Symbol.dispose]();
  pulse.watch("org", look, "b", never);
  pulse.watch("other", look, "c", never);
  await second();
  assert.deepEqual(looks, [["b"], ["c"]]);
  assert.equal(pulse.watch("org", look, "a", AbortSignal.abort()).closed, true);
  await pulse[Symbol.asyncDispose]();
});
