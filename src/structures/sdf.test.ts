import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { formatMolblock } from "./molblock.ts";
import { parseMolblock, splitSdf } from "./sdf.ts";

/** Acetate, V2000, with the charge in `M  CHG`. */
const ACETATE = `acetate
  made by hand

  4  3  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0
    1.5000    0.0000    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0
    2.1000    1.1000    0.0000 O   0  0  0  0  0  0  0  0  0  0  0  0
    2.1000   -1.1000    0.0000 O   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0
  2  3  2  0
  4  2  1  0
M  CHG  1   4  -1
M  END
`;
const V3000 = `acetate
  made by hand

  0  0  0  0  0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 4 3 0 0 0
M  V30 BEGIN ATOM
M  V30 1 C 0 0 0 0
M  V30 2 C 1.5 0 0 0
M  V30 3 O 2.1 1.1 0 0
M  V30 7 O 2.1 -1.1 0 0 CHG=-1
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 2 2 3
M  V30 3 1 7 2
M  V30 END BOND
M  V30 END CTAB
M  END
`;

function refusal(text: string | Uint8Array): AppError {
  try {
    parseMolblock(text);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.kind, "bad_input");
    return error;
  }
  assert.fail("it was accepted");
}

test("V2000 and V3000 of one molecule read the same", () => {
  const [old, young] = [parseMolblock(ACETATE), parseMolblock(V3000)];
  assert.deepEqual(old, young);
  assert.equal(old.name, "acetate");
  assert.equal(old.charge, -1);
  assert.deepEqual(old.geometry.elements, ["C", "C", "O", "O"]);
  assert.deepEqual(old.bonds, [
    { from: 0, to: 1, order: 1 },
    { from: 1, to: 2, order: 2 },
    { from: 1, to: 3, order: 1 },
  ]);
  assert.deepEqual(parseMolblock(ACETATE.replaceAll("\n", "\r\n")), old);
});

test("charges of the atom lines count unless M  CHG replaces them", () => {
  const code = ACETATE.replace("-1.1000    0.0000 O   0  0", "-1.1000    0.0000 O   0  5");
  assert.equal(parseMolblock(code).charge, -1);
  assert.equal(parseMolblock(code.replace("M  CHG  1   4  -1\n", "")).charge, -1);
  assert.equal(parseMolblock(ACETATE.replace("M  CHG  1   4  -1\n", "")).charge, 0);
});

test("isotopes of M  ISO and of MASS= are read, by atom", () => {
  const old = ACETATE.replace("M  CHG", "M  ISO  2   1  13   4  18\nM  CHG");
  assert.deepEqual(parseMolblock(old).isotopes, [13, 0, 0, 18]);
  assert.equal(parseMolblock(old).charge, -1, "beside charges");
  const young = V3000.replace(/^(M {2}V30 2 C .*)$/m, "$1 MASS=14");
  assert.deepEqual(parseMolblock(young).isotopes, [0, 14, 0, 0]);
  assert.deepEqual(parseMolblock(ACETATE).isotopes, [0, 0, 0, 0]);
  assert.match(refusal(old.replace("13", "1x")).message, /must be a mass number/);
});

test("an SD file splits into records with their lines, names and data items", () => {
  const file = `${ACETATE}> <ID>\nA-1\n\n>  25 <NOTE> (1)\ntwo\nlines\n\n$$$$\n${ACETATE}$$$$\n\n`;
  const [first, second, ...more] = splitSdf(file);
  assert.equal(more.length, 0);
  assert.equal(first?.line, 1);
  assert.equal(second?.line, 22);
  const { properties } = parseMolblock(first?.text ?? "");
  assert.deepEqual({ ...properties }, { ID: "A-1", NOTE: "two\nlines" });
  assert.deepEqual(splitSdf(""), []);
});

const BAD: [string, string | Uint8Array, number, RegExp][] = [
  ["0 bytes", "", 1, /0 bytes/],
  ["blank", "\n\n", 1, /blank/],
  ["cut in the header", "name\nprogram", 2, /cut off/],
  ["cut in the atoms", ACETATE.split("\n").slice(0, 6).join("\n"), 6, /M {2}END/],
  ["no M  END", ACETATE.replace("M  END\n", ""), 13, /M {2}END/],
  ["no version", ACETATE.replace("V2000", ""), 4, /V2000 or V3000/],
  ["a count that is no number", ACETATE.replace("  4  3", "  x  3"), 4, /number of atoms/],
  ["more atoms promised", ACETATE.replace("  4  3", "  9  3"), 13, /promises 9 atoms/],
  ["fewer bonds promised", ACETATE.replace("  4  3", "  4  2"), 11, /neither a bond/],
  ["fewer atoms promised", ACETATE.replace("  4  3", "  3  4"), 8, /bond type/],
  ["NaN", ACETATE.replace("1.5000", "   nan"), 6, /finite/],
  ["infinity", ACETATE.replace("1.5000", "   inf"), 6, /finite/],
  ["an unknown element", ACETATE.replace(" O  ", " Xq "), 7, /"Xq" is not an element/],
  ["an R-group", ACETATE.replace(" O  ", " R# "), 7, /not an element/],
  ["atoms on top of each other", ACETATE.replace("-1.1000", " 1.1000"), 8, /atoms 3 \(O\) and 4 \(O\)/],
  ["a bond to an atom that is not there", ACETATE.replace("  1  2  1", "  1  7  1"), 9, /run from 1 to 4/],
  ["a bond to atom 0", ACETATE.replace("  1  2  1", "  0  2  1"), 9, /run from 1 to 4/],
  ["a bond to itself", ACETATE.replace("  1  2  1", "  2  2  1"), 9, /itself/],
  ["a bond twice", ACETATE.replace("  4  2  1", "  2  1  1"), 11, /twice/],
  ["an unknown bond type", ACETATE.replace("  1  2  1", "  1  2  8"), 9, /bond type "8"/],
  ["trailing garbage", `${ACETATE}rubbish\n`, 14, /no data item/],
  ["two records", `${ACETATE}$$$$\n${ACETATE}`, 15, /left over/],
  ["NUL", ACETATE.replace("made", "ma\0e"), 2, /NUL/],
  ["not UTF-8", Uint8Array.from([110, 10, 0xff, 10]), 2, /UTF-8/],
  ["V3000 with a wrong count", V3000.replace("COUNTS 4", "COUNTS 5"), 19, /promises 5 atoms/],
  ["V3000 with a foreign line", V3000.replace("M  V30 1 C 0 0 0 0", "1 C 0 0 0 0"), 8, /must start/],
  ["V3000 with a bond to nothing", V3000.replace("3 1 7 2", "3 1 9 2"), 16, /run from 1 to 4/],
];

for (const [what, data, line, rule] of BAD)
  test(`refused, naming the line: ${what}`, () => {
    const error = refusal(data);
    assert.match(error.message, rule);
    assert.equal(error.fields[0]?.line, line);
  });

test("too large: bytes and atoms", () => {
  assert.equal(refusal("x".repeat(400_001)).code, "too_large");
  assert.equal(refusal(V3000.replace("COUNTS 4", "COUNTS 99999")).code, "too_large");
});

test("what is written is read back, charges, isotopes and radicals included", () => {
  const read = parseMolblock(ACETATE);
  const text = formatMolblock({
    ...read,
    charges: [0, 0, 0, -1],
    isotopes: [13, 0, 0, 0],
    radicals: [0, 0, 0, 0],
  });
  assert.deepEqual(parseMolblock(text), { ...read, isotopes: [13, 0, 0, 0] });
  assert.match(text, /^M {2}ISO {2}1 {3}1 {2}13$/m);
  const ions = Array.from({ length: 10 }, () => 1);
  const geometry = {
    elements: ions.map(() => "Na"),
    positions_angstrom: ions.map((_, i) => [i, 0, 0] as const),
  };
  const zero = ions.map(() => 0);
  const many = formatMolblock({
    name: "a\nb",
    geometry,
    bonds: [],
    charges: ions,
    isotopes: zero,
    radicals: zero,
  });
  assert.equal(parseMolblock(many).charge, 10);
  assert.equal(parseMolblock(many).name, "a b");
});

test("any text gives an answer or an AppError", () => {
  const lines = ACETATE.split("\n");
  fc.assert(
    fc.property(fc.nat(lines.length - 1), fc.string({ maxLength: 40 }), (index, text) => {
      try {
        parseMolblock(lines.with(index, text).join("\n"));
      } catch (error) {
        assert.ok(error instanceof AppError && error.fields.length > 0, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
