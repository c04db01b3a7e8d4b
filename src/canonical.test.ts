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

test("of these values these are the bytes and hashes, on every machine and in every year", () => {
  const vectors: [unknown, string, string][] = [
    [null, "null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"],
    [{}, "{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"],
    [-0, "0", "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"],
    [
      { b: [true, "é", "e\u0301"], a: 0.1 },
      '{"a":"0.1","b":[true,"é","e\u0301"]}',
      "951860736f89ddc9e1a20ffbf72420f11714ffd00be3a76d5b63cf505375e48b",
    ],
    [
      { "\u{10ffff}": 1, "\uffff": 2, Z: 1e21, a: -1.5e-7 },
      '{"Z":"1e+21","a":"-1.5e-7","\u{10ffff}":1,"\uffff":2}',
      "5635df77fbfe7430ad6803d56ee60bc7a6ab29638af0e5653281a7ce5dbda3de",
    ],
    [
      { a: { b: { c: [[], [{}], ["\ud800", "\u2028/<>"]] } } },
      '{"a":{"b":{"c":[[],[{}],["\\ud800","\u2028/<>"]]}}}',
      "1e207aa0373ba6b9263402090b7e5bccc0af4153360f66d94dfb3bc1454f0ae2",
    ],
  ];
  for (const [item, text, hash] of vectors) {
    assert.equal(canonicalJson(canonical(item)), text);
    assert.equal(signatureOf(canonical(item)), hash, text);
  }
});

test("100,000 different values have as many signatures", () => {
  const signed = new Map<string, string>();
  for (let n = 0; signed.size < 100_000; n++) {
    const item = made(n);
    const text = JSON.stringify(sorted(item));
    const signature = signatureOf(item);
    assert.equal(signed.get(signature) ?? text, text);
    signed.set(signature, text);
  }
  assert.equal(new Set(signed.values()).size, signed.size);
});

/** A value out of a number: of the words that are easily taken for each other, and nested. */
function made(seed: number, depth = 3): Canonical {
  const words = [0, "0", "", null, "null", false, true, 1, -1, "1", "-0", ",", '"', "é", "e\u0301"];
  const mixed = Math.imul((seed ^ (seed >>> 15)) + 0x9e3779b9, 0x85ebca6b) >>> 0;
  const [kind, rest] = [mixed % 4, Math.floor(mixed / 4)];
  if (depth === 0 || kind === 0) return words[rest % words.length] as Canonical;
  if (kind === 1) return rest;
  const fields = [0, 1, 2].slice(0, 1 + (rest % 3)).map((at) => made(rest + at, depth - 1));
  if (kind === 2) return fields;
  return Object.fromEntries(fields.map((field, at) => [`${words[(rest + at) % words.length]}`, field]));
}

/** One form of a value by another way than the encoding's: pairs in order. */
function sorted(item: Canonical): unknown {
  if (item === 0) return 0;
  if (Array.isArray(item)) return ["list", ...item.map(sorted)];
  if (typeof item !== "object" || item === null) return item;
  const pairs = Object.entries(item).map(([key, field]) => [key, sorted(field)] as const);
  return ["map", ...pairs.toSorted(([a], [b]) => (a < b ? -1 : 1))];
}

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
