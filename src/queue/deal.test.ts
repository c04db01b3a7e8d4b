import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cost, type Dealt, deal, LEAST_WEIGHT } from "./deal.ts";

const lane = (org_id: string, more: Partial<Dealt> = {}): Dealt => {
  return { org_id, start: 0, weight: 1, most: Number.POSITIVE_INFINITY, ...more };
};

test("equal lanes share, weights weigh, who is ahead waits, quotas hold, and no task is dealt that nobody may have", () => {
  assert.deepEqual(deal([lane("a"), lane("b")], 5), [3, 2]);
  assert.deepEqual(deal([lane("a", { weight: 2 }), lane("b")], 6), [4, 2]);
  assert.deepEqual(deal([lane("a", { start: 10 }), lane("b")], 10), [0, 10]);
  assert.deepEqual(deal([lane("a", { most: 1 }), lane("b")], 6), [1, 5]);
  assert.deepEqual(deal([lane("a"), lane("a"), lane("b")], 9, new Map([["a", 2]])), [1, 1, 7]);
  assert.deepEqual(deal([lane("a", { most: 2 })], 9), [2]);
  assert.deepEqual(deal([], 9), []);
  assert.equal(cost(1, 1e-300), 1 / LEAST_WEIGHT);
});

/** What a lane does between two claims. */
type Step = { claim: number; toggle: number[] };

const WEIGHTS = fc.array(fc.constantFrom(0.5, 1, 2, 3, 10), { minLength: 2, maxLength: 6 });
const STEPS = fc.array(
  fc.record({
    claim: fc.integer({ min: 1, max: 40 }),
    toggle: fc.array(fc.nat({ max: 5 }), { maxLength: 1 }),
  }),
  { minLength: 1, maxLength: 60 },
);

test("whatever comes and goes, no lane is served more than its share and a claim's size ahead of one that has work", () => {
  fc.assert(
    fc.property(WEIGHTS, STEPS, (weights, steps) => {
      const model = new Model(weights);
      for (const step of steps) model.step(step);
      assert.deepEqual(model.unfair, []);
    }),
    { numRuns: 300 },
  );
});

test("the check of fairness finds lanes that forget their clock", () => {
  // Three claims while the second lane is away, then it is back: with what it missed it would have all to itself.
  const model = new Model([1, 1], { forgetClock: true });
  for (const toggle of [[1], [], [], [], [1], [], []]) model.step({ claim: 20, toggle });
  assert.notDeepEqual(model.unfair, []);
});

/** Lanes as the store keeps them: a virtual time each, and a clock that is the least of those that could be served. */
class Model {
  readonly unfair: string[] = [];
  readonly #lanes: { vtime: number; weight: number; present: boolean; since: number; served: number }[];
  readonly #forgetClock: boolean;
  #clock = 0;
  #claims = 0;
  #largest = 0;

  constructor(weights: number[], { forgetClock = false } = {}) {
    this.#lanes = weights.map((weight) => ({ vtime: 0, weight, present: true, since: 0, served: 0 }));
    this.#forgetClock = forgetClock;
  }

  step({ claim, toggle }: Step): void {
    for (const index of toggle) this.#toggle(index % this.#lanes.length);
    this.#largest = Math.max(this.#largest, claim);
    const present = this.#lanes.filter((one) => one.present);
    if (present.length === 0) return;
    const least = Math.min(...present.map((one) => one.vtime));
    this.#clock = this.#forgetClock ? least : Math.max(this.#clock, least);
    const starts = present.map((one) => Math.max(one.vtime, this.#clock));
    const shares = deal(
      present.map((one, index) =>
        lane(String(index), { start: (starts[index] ?? 0) - this.#clock, weight: one.weight }),
      ),
      claim,
    );
    for (const [index, one] of present.entries()) {
      const got = shares[index] ?? 0;
      if (got > 0) one.vtime = (starts[index] ?? 0) + cost(got, one.weight);
      one.served += got;
    }
    this.#claims++;
    this.#compare(present);
  }

  /** Goes or comes back; what is compared is counted anew from there. */
  #toggle(index: number): void {
    const one = this.#lanes[index];
    if (one === undefined) return;
    one.present = !one.present;
    for (const other of this.#lanes) [other.since, other.served] = [this.#claims, 0];
  }

  /** Service by weight since the last change, of every two that were there all the time. */
  #compare(present: { weight: number; served: number }[]): void {
    for (const a of present) {
      for (const b of present) {
        const ahead = a.served / a.weight - b.served / b.weight;
        // What the one was behind when both began, and a task of each.
        const most = this.#largest / b.weight + this.#largest / a.weight + 1 / a.weight + 1 / b.weight;
        if (ahead > most + 1e-6) this.unfair.push(`${a.served}/${a.weight} beside ${b.served}/${b.weight}`);
      }
    }
  }
}
