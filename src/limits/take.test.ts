import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NOBODY } from "../access/principal.ts";
import { MemoryCache } from "../cache/memory.ts";
import { takeFrom } from "./take.ts";
import { networkOf, takerOf } from "./taker.ts";

const ORG = "01a1fe1e-adee-71d3-b047-cb8dccb58f15";

function cacheWithClock() {
  const clock = { ms: 0 };
  return { clock, cache: new MemoryCache({ now: () => clock.ms }) };
}

const limit = fc.integer({ min: 1, max: 8 });
const steps = fc.array(
  fc.record({ who: fc.integer({ min: 0, max: 3 }), wait: fc.integer({ min: 0, max: 8000 }) }),
  { maxLength: 120 },
);

test("whoever asks in whatever order, no window holds more than its limit, and none is refused below it", async () => {
  const rule = async (each: number, organization: number, asked: { who: number; wait: number }[]) => {
    const { clock, cache } = cacheWithClock();
    const limits = { each, organization };
    const own = new Map<string, { from: number; all: number }>();
    const add = (key: string) => {
      const known = own.get(key);
      const window =
        known === undefined || clock.ms >= known.from + 60_000 ? { from: clock.ms, all: 0 } : known;
      own.set(key, { ...window, all: window.all + 1 });
      return window.all + 1;
    };
    for (const { who, wait } of asked) {
      clock.ms += wait;
      const taken = await takeFrom(cache, limits, { key: `rate_limit:${who}`, org_id: ORG });
      // Who is over their own limit is not counted for the organization.
      const expected = add(String(who)) <= each && add("organization") <= organization;
      assert.equal(taken.allowed, expected);
      assert.ok(taken.reset_s >= 1 && taken.reset_s <= 60, String(taken.reset_s));
      assert.ok(taken.remaining >= 0 && (taken.allowed || taken.remaining === 0));
    }
  };
  await fc.assert(fc.asyncProperty(limit, limit, steps, rule), { numRuns: 200 });
});

test("of requests at once exactly the limit is allowed", async () => {
  const { cache } = cacheWithClock();
  const ask = () => takeFrom(cache, { each: 10, organization: 100 }, { key: "rate_limit:a", org_id: ORG });
  const taken = await Promise.all(Array.from({ length: 50 }, ask));
  assert.equal(taken.filter(({ allowed }) => allowed).length, 10);
});

test("who is over their own limit takes nothing from their colleagues", async () => {
  const { cache } = cacheWithClock();
  const ask = (who: string) =>
    takeFrom(cache, { each: 2, organization: 4 }, { key: `rate_limit:${who}`, org_id: ORG });
  for (let n = 0; n < 50; n++) await ask("greedy");
  const taken = await Promise.all([ask("a"), ask("a"), ask("b")]);
  assert.deepEqual(
    taken.map(({ allowed }) => allowed),
    [true, true, false],
  );
});

test("a window is over exactly at its end", async () => {
  const { clock, cache } = cacheWithClock();
  const ask = () => takeFrom(cache, { each: 1, organization: 1 }, { key: "rate_limit:a", org_id: null });
  assert.deepEqual(await ask(), {
    allowed: true,
    policy: '"each";q=1;w=60',
    limit: '"each";r=0;t=60',
    remaining: 0,
    reset_s: 60,
  });
  clock.ms = 59_999.5;
  const late = await ask();
  assert.deepEqual([late.allowed, late.reset_s], [false, 1]);
  clock.ms = 60_000;
  assert.equal((await ask()).allowed, true);
});

test("two limits are both told; the nearest decides what is left", async () => {
  const { clock, cache } = cacheWithClock();
  const ask = (who: string) =>
    takeFrom(cache, { each: 3, organization: 4 }, { key: `rate_limit:${who}`, org_id: ORG });
  assert.deepEqual(await ask("a"), {
    allowed: true,
    policy: '"each";q=3;w=60, "organization";q=4;w=60',
    limit: '"each";r=2;t=60, "organization";r=3;t=60',
    remaining: 2,
    reset_s: 60,
  });
  clock.ms = 10_000;
  await ask("b");
  await ask("a");
  const last = await ask("b");
  assert.deepEqual([last.remaining, last.limit], [0, '"each";r=1;t=60, "organization";r=0;t=50']);
  const refused = await ask("c");
  assert.deepEqual(
    [refused.allowed, refused.remaining, refused.reset_s, refused.limit],
    [false, 0, 50, '"each";r=2;t=60, "organization";r=0;t=50'],
  );
});

test("a request counts for its session or key, else for its person, and nobody's for where it comes from", () => {
  const person = { ...NOBODY, via: "session" as const, user_id: "u", session_id: "s", org_id: ORG };
  assert.deepEqual(takerOf(person, "1.2.3.4"), { key: "rate_limit:s", org_id: ORG });
  assert.deepEqual(takerOf({ ...person, session_id: null }, "1.2.3.4"), { key: "rate_limit:u", org_id: ORG });
  assert.deepEqual(takerOf(NOBODY, "1.2.3.4"), { key: "rate_limit_address:1.2.3.4", org_id: null });
});

const NETWORKS: [address: string, network: string][] = [
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::ffff:c000:207", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::ffff", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["1::", "1:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["", ""],
  ["a unix socket", "a unix socket"],
];

for (const [address, network] of NETWORKS)
  test(`the network of "${address}" is ${network}`, () => assert.equal(networkOf(address), network));
