import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { bondText, checkGeometry, perceiveBonds } from "./bonds.ts";
import type { Geometry, Position } from "./geometry.ts";
import { formatXyz, parseXyz, parseXyzFrames } from "./xyz.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const WATER = "3\nwater\nO 0.0 0.0 0.1173\nH 0.0 0.7572 -0.4692\nH 0.0 -0.7572 -4.692e-1\n";

function refusal(data: Uint8Array | string): AppError {
  try {
    parseXyz(typeof data === "string" ? bytes(data) : data);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.kind, "bad_input");
    assert.doesNotMatch(error.message, /[\r\n]/);
    return error;
  }
  assert.fail("it was accepted");
}

test("a frame is read as written, also with CRLF, a byte-order mark and blank lines at the end", () => {
  const expected: Geometry = {
    elements: ["O", "H", "H"],
    positions_angstrom: [
      [0, 0, 0.1173],
      [0, 0.7572, -0.4692],
      [0, -0.7572, -0.4692],
    ],
  };
  for (const text of [
    WATER,
    WATER.replaceAll("\n", "\r\n"),
    `\ufeff${WATER}`,
    `${WATER}\n  \n`,
    WATER.trimEnd(),
  ])
    assert.deepEqual(parseXyz(bytes(text)), expected);
});

test("a trajectory gives its frames, and its first one must not hide a bad second", () => {
  assert.equal(parseXyzFrames(bytes(WATER + WATER)).length, 2);
  assert.equal(parseXyz(bytes(WATER + WATER)).elements.length, 3);
  assert.equal(refusal(`${WATER}3\nx\nO 0 0 nan\nH 0 1 0\nH 0 0 1`).fields[0]?.line, 8);
});

test("extended XYZ may have more columns where its comment says so", () => {
  const row = "He 0 0 0 0.1 0.2 0.3\n";
  assert.equal(parseXyz(bytes(`1\nProperties=species:S:1:pos:R:3:forces:R:3\n${row}`)).elements.length, 1);
  assert.equal(refusal(`1\nhelium\n${row}`).fields[0]?.line, 3);
});

const BAD: [string, string | Uint8Array, number, RegExp][] = [
  ["0 bytes", "", 1, /0 bytes/],
  ["blank", " \n\n", 1, /blank/],
  ["no count", "water\nO 0 0 0\n", 1, /number of atoms/],
  ["count 0", "0\n\n", 1, /at least 1/],
  ["negative count", "-3\n\n", 1, /number of atoms/],
  ["count with decimals", "3.0\n\n", 1, /number of atoms/],
  ["truncated", WATER.split("\n").slice(0, 4).join("\n"), 4, /ends here, but 1 more/],
  ["count too small", WATER.replace("3", "2"), 5, /left over/],
  ["count too large", WATER.replace("3", "4"), 5, /1 more of 4/],
  ["trailing garbage", `${WATER}end of file\n`, 6, /left over/],
  ["a row without z", WATER.replace(" 0.1173", ""), 3, /x, y, z/],
  ["NaN", WATER.replace("0.1173", "nan"), 3, /finite/],
  ["infinity", WATER.replace("0.1173", "inf"), 3, /finite/],
  ["overflow", WATER.replace("0.1173", "1e999"), 3, /finite/],
  ["a Fortran exponent", WATER.replace("0.1173", "1.1D-1"), 3, /finite/],
  ["hexadecimal", WATER.replace("0.1173", "0x10"), 3, /finite/],
  ["an unknown element", WATER.replace("O", "Xx"), 3, /"Xx" is not an element/],
  ["an element in capitals", "1\n\nHE 0 0 0\n", 3, /"HE" is not an element/],
  [
    "atoms on top of each other",
    WATER.replace("0.7572", "-0.7572"),
    5,
    /atoms 2 \(H\) and 3 \(H\) are 0.000 Å apart/,
  ],
  ["NUL", `${WATER.slice(0, -3)}\0\n`, 5, /NUL/],
  ["not UTF-8", Uint8Array.from([...bytes("1\n\nHe 0 0 "), 0xff, 10]), 3, /UTF-8/],
  ["a cut character", Uint8Array.from([...bytes("1\n\nHe 0 0 0\n"), 0xc3]), 3, /UTF-8/],
];

for (const [what, data, line, rule] of BAD)
  test(`refused, naming the line: ${what}`, () => {
    const error = refusal(data);
    assert.match(error.message, rule);
    const [field] = error.fields;
    assert.match(field?.rule ?? "", rule);
    // Where a file ends early or is not text, the line is where reading stopped: it may be one further.
    assert.ok(
      Math.abs((field?.line ?? 0) - line) <= (what === "a cut character" ? 1 : 0),
      `line ${field?.line}`,
    );
  });

test("too large: bytes and atoms", () => {
  assert.equal(refusal(new Uint8Array(400_001).fill(65)).code, "too_large");
  assert.equal(refusal("5001\n\n").code, "too_large");
  assert.equal(refusal("999999999\n\n").code, "too_large");
});

test("5,000 atoms are read and their bonds found in reasonable time", () => {
  const rows = Array.from(
    { length: 5_000 },
    (_, i) => `He ${3 * (i % 17)} ${3 * (Math.floor(i / 17) % 17)} ${3 * Math.floor(i / 289)}`,
  );
  const started = performance.now();
  assert.equal(perceiveBonds(parseXyz(bytes(`5000\n\n${rows.join("\n")}\n`))).length, 0);
  assert.ok(performance.now() - started < 5_000);
});

test("what is written is read back, and a comment cannot break the file", () => {
  const coordinate = fc.double({ min: -50, max: 50, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 20 }),
      fc.string(),
      (list, comment) => {
        const geometry: Geometry = {
          elements: list.map((_, index) => ["C", "Cl", "H"][index % 3]!),
          // One Å apart along z, so that no two atoms meet.
          positions_angstrom: list.map(([x, y], index): Position => [x, y, index]),
        };
        const text = formatXyz(geometry, comment);
        const back = parseXyz(bytes(text.replace(/^(.*)\n.*\n/, "$1\nnone\n")));
        assert.deepEqual(parseXyz(bytes(text)).elements, geometry.elements);
        for (const [index, position] of back.positions_angstrom.entries())
          for (const axis of [0, 1, 2] as const)
            assert.ok(Math.abs(position[axis] - geometry.positions_angstrom[index]![axis]) <= 5.1e-11);
        assert.equal(formatXyz(back, comment), formatXyz(parseXyz(bytes(text)), comment));
      },
    ),
  );
  assert.match(
    formatXyz({ elements: ["He"], positions_angstrom: [[-0, 1, -2]] }, "a\nb", 2),
    /^1\na b\nHe +0\.00 +1\.00 +-2\.00\n$/,
  );
  assert.throws(
    () => formatXyz({ elements: ["He"], positions_angstrom: [[Number.NaN, 0, 0]] }, ""),
    TypeError,
  );
});

test("any bytes give an answer or an AppError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      try {
        parseXyz(data);
      } catch (error) {
        assert.ok(error instanceof AppError && error.fields.length > 0);
      }
    }),
    { numRuns: 500 },
  );
});

test("bonds come from distances: water, stretched, and shared by two geometries", () => {
  const water = parseXyz(bytes(WATER));
  assert.deepEqual(perceiveBonds(water), [
    { from: 0, to: 1, order: 1 },
    { from: 0, to: 2, order: 1 },
  ]);
  // O 0.66 + H 0.31 + 0.40 = 1.37 Å (Cordero et al. 2008).
  const pair = (distance: number): Geometry => ({
    elements: ["O", "H"],
    positions_angstrom: [
      [0, 0, 0],
      [distance, 0, 0],
    ],
  });
  assert.equal(perceiveBonds(pair(1.369)).length, 1);
  assert.equal(perceiveBonds(pair(1.371)).length, 0);
  const bonded = (bonds: [number, number][]) => bondText(bonds.map(([from, to]) => ({ from, to, order: 1 })));
  assert.equal(
    bonded([
      [2, 0],
      [0, 1],
    ]),
    "0-1 0-2",
    "neither the order of listing nor of the ends matters",
  );
});

test("a geometry is checked without a file too", () => {
  assert.throws(() => checkGeometry({ elements: [], positions_angstrom: [] }), /no atoms/);
  assert.throws(
    () => checkGeometry({ elements: ["C"], positions_angstrom: [] }),
    /1 elements but 0 positions/,
  );
  const near: Geometry = {
    elements: ["C", "N"],
    positions_angstrom: [
      [0, 0, 0],
      [0, 0, 0.39],
    ],
  };
  assert.throws(() => checkGeometry(near), {
    code: "bad_input",
    message: "atoms 1 (C) and 2 (N) are 0.390 Å apart: at least 0.4 Å is needed",
  });
  checkGeometry({
    ...near,
    positions_angstrom: [
      [0, 0, 0],
      [0, 0, 0.4],
    ],
  });
  assert.throws(() => checkGeometry({ ...near, elements: ["C", "Q"] }), { code: "unsupported_element" });
});
