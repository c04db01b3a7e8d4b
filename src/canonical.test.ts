import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Canonical, canonical, canonicalJson, decimal, signatureOf } from "./canonical.ts";
import { sha256 } from "./ids.ts";

const { value } = fc.letrec<{ value: Canonical }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.string({ unit: "binary" }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }),
  ),
}));

/** The same value built in another order. */
function reversed(item: Canonical): Canonical {
  if (Array.isArray(item)) return item.map(reversed);
  if (typeof item !== "object" || item === null) return item;
  return Object.fromEntries(
    Object.entries(item)
      .reverse()
      .map(([key, field]) => [key, reversed(field)]),
  );
}

test("canonical JSON reads back as the value it was made of", () => {
  fc.assert(
    fc.property(value, (item) =>
      assert.deepEqual(JSON.parse(canonicalJson(item)), item === 0 ? 0 : JSON.parse(JSON.stringify(item))),
    ),
  );
});

test("canonical JSON does not depend on the order in which keys were set", () => {
  fc.assert(fc.property(value, (item) => canonicalJson(item) === canonicalJson(reversed(item))));
});

test("two values that differ have different bytes", () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      const same =
        JSON.stringify(JSON.parse(canonicalJson(a))) === JSON.stringify(JSON.parse(canonicalJson(b)));
      assert.equal(canonicalJson(a) === canonicalJson(b), same);
    }),
  );
});

test("keys are sorted by code unit, blanks and negative zero are left out, text is as JSON has it", () => {
  assert.equal(
    canonicalJson({ b: 1, a: [-0, 'ü"\n'], B: {}, "": null, "10": 1, "9": 2 }),
    '{"":null,"10":1,"9":2,"B":{},"a":[0,"ü\\"\\n"],"b":1}',
  );
  assert.equal(signatureOf({ a: 1 }), sha256('{"a":1}'));
});

test("a number that has no one form is refused at any depth", () => {
  for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)])
    assert.throws(() => canonicalJson({ a: [bad] }), TypeError, String(bad));
});

test("decimals have the places that were asked for, and zero has no sign", () => {
  assert.deepEqual(
    [decimal(-0, 3), decimal(-0.0004, 3), decimal(-0.0006, 3), decimal(1.005, 2), decimal(12, 0)],
    ["0.000", "0.000", "-0.001", "1.00", "12"],
  );
  for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) assert.throws(() => decimal(bad, 2), TypeError);
  fc.assert(
    fc.property(
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.integer({ min: 0, max: 12 }),
      (number, places) => {
        const text = decimal(number, places);
        assert.match(text, places === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${places}}$`));
        assert.ok(!/^-0(\.0*)?$/.test(text));
        assert.ok(Math.abs(Number(text) - number) <= 0.5000001 * 10 ** -places + Math.abs(number) * 2 ** -50);
      },
    ),
  );
});

test("any JSON becomes canonical: doubles by the shortest text that reads back, undefined left out", () => {
  assert.deepEqual(canonical({ a: 0.1, b: undefined, c: [1, 1e300], d: null }), {
    a: "0.1",
    c: [1, "1e+300"],
    d: null,
  });
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      const found = canonical(number);
      assert.equal(Number(found) + 0, number + 0);
      canonicalJson(found);
    }),
  );
  assert.throws(() => canonical({ a: Number.NaN }), TypeError);
  fc.assert(
    fc.property(
      fc.jsonValue(),
      (item) => canonicalJson(canonical(item)) === canonicalJson(canonical(JSON.parse(JSON.stringify(item)))),
    ),
  );
});
