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
  const lines: string[] = [];
  const line = (level: string) => (fields: object) => void lines.push(`${level} ${JSON.stringify(fields)}`);
  const log = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  const pulse = new Pulse({ forMachinery }, { log });
  const second = async () => {
    t.mock.timers.tick(1000);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  };
  return { pulse, marks, looks, look, second, broken, lines };
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

test("a database that is away is a line in the log when it goes and one when it is back, whoever comes and goes", async (t) => {
  const { pulse, look, second, broken, lines } = makePulse(t);
  let watch = pulse.watch("org", look, "a", never);
  await second();
  assert.deepEqual(lines, []);
  broken.is = true;
  await second();
  await second();
  watch[Symbol.dispose]();
  watch = pulse.watch("org", look, "b", never);
  await second();
  assert.deepEqual(lines, ['warn {"org_id":"org","err":"something of ours broke: away"}']);
  broken.is = false;
  await second();
  await second();
  assert.deepEqual(lines.slice(1), ['info {"org_id":"org","missed":3}']);
  broken.is = true;
  await second();
  assert.equal(lines.length, 3, "the next outage is another one");
  await pulse[Symbol.asyncDispose]();
});

test("who is woken reads in turn, two at once in an organization; who has left does not read", async () => {
  const forMachinery = async () => undefined as never;
  await using pulse = new Pulse({ forMachinery });
  const left = new AbortController();
  const look: Marks = async () => new Map();
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const began: number[] = [];
  const reads = gates.map((gate, n) =>
    pulse.watch("org", look, String(n), n === 2 ? left.signal : never).read(() => {
      began.push(n);
      return gate.promise;
    }),
  );
  const other = await pulse.watch("other", look, "a", never).read(async () => "at once");
  assert.deepEqual([began, other], [[0, 1], "at once"]);
  left.abort();
  gates[0]?.reject(new Error("refused"));
  await assert.rejects(reads[0] ?? Promise.resolve());
  await setImmediate();
  assert.deepEqual(began, [0, 1, 3], "the third had left, and a refusal gives its place on");
  for (const gate of gates) gate.resolve(1);
  assert.deepEqual(await Promise.all(reads.slice(1)), [1, undefined, 1, 1]);
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
