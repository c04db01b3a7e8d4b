import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { extractHet, listHets } from "./het.ts";
import { readPdb } from "./pdb.ts";
import { prepareReceptor } from "./prepare.ts";
import { bytes, HPV, pdb, peptide, record, refusal, type TestAtom, water } from "./support.test.ts";

const SMALL = bytes(
  pdb(
    "MODEL        1",
    peptide(["GLY", "CYS", "SER"]),
    "TER",
    peptide(["ALA", "CYS"], { chain: "B", at: [0, 0, 9] }),
    [water(1, [9, 9, 9]), { ...water(2, [20, 9, 9]), residue: "LIG", name: "C1", element: "C" }],
  ),
);

/** Either it works or it says why in an AppError; anything else is thrown on. */
function survives(given: Uint8Array): void {
  const attempts = [
    () => prepareReceptor(given),
    () => prepareReceptor(given, { keep_waters: ["1"], drop_hets: ["LIG"], chains: ["A"] }),
    () => listHets(readPdb(given)),
    () => extractHet(readPdb(given), "LIG"),
  ];
  for (const attempt of attempts)
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      assert.equal(error.kind, "bad_input");
    }
}

test("a file cut off anywhere is prepared or refused, never worse", () => {
  fc.assert(
    fc.property(fc.nat(SMALL.length), (length) => survives(SMALL.subarray(0, length))),
    { numRuns: 300 },
  );
});

test("a file with bytes changed, lines lost or lines doubled is prepared or refused, never worse", () => {
  const change = fc.record({ at: fc.nat(SMALL.length - 1), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const damaged = Uint8Array.from(SMALL);
      for (const { at, byte } of changes) damaged[at] = byte;
      survives(damaged);
    }),
    { numRuns: 300 },
  );
  const lines = new TextDecoder().decode(SMALL).split("\n");
  fc.assert(
    fc.property(fc.array(fc.nat(lines.length - 1), { maxLength: 60 }), (order) =>
      survives(bytes(order.map((index) => lines[index]).join("\n"))),
    ),
    { numRuns: 300 },
  );
});

test("bytes and lines of any kind are refused, never worse", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), survives), { numRuns: 200 });
  const word = fc.constantFrom(
    "ATOM  ",
    "HETATM",
    "TER",
    "MODEL ",
    "ENDMDL",
    "END",
    "CONECT",
    "MODRES",
    "data_",
  );
  const line = fc.tuple(word, fc.string({ maxLength: 80 })).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (all) => survives(bytes(all.join("\n")))),
    {
      numRuns: 300,
    },
  );
});

test("1HPV cut between any two lines is prepared or refused by name", () => {
  const lines = HPV.split("\n");
  for (let count = 10; count < lines.length; count += 97) survives(bytes(lines.slice(0, count).join("\n")));
});

test("the largest files end in time: 99,000 waters, residues and atoms on one spot", () => {
  const started = performance.now();
  const grid = (index: number) =>
    [index % 100, Math.floor(index / 100) % 100, Math.floor(index / 10_000)] as const;
  const waters = Array.from({ length: 99_000 }, (_, index) => water((index % 9999) + 1, grid(index)));
  prepareReceptor(bytes(pdb(peptide(["GLY", "ALA"]), "TER", waters)));
  const spot: TestAtom = { name: "N", residue: "ALA", chain: "A", number: 1, position: [0, 0, 0] };
  const crowded = Array.from({ length: 24_000 }, (_, index) =>
    ["N", "CA", "C", "O"].map((name) =>
      record({ ...spot, name, chain: String.fromCharCode(65 + (index % 26)), number: index % 9999 }),
    ),
  );
  const error = refusal(() => prepareReceptor(bytes(crowded.flat().join("\n"))));
  assert.match(error.message, /atoms in one place: .* and 95994 more/);
  assert.equal(error.fields.length, 100);
  // Quadratic work would take minutes; a shared machine may be many times slower than the usual 3 s.
  assert.ok(performance.now() - started < 60_000);
});
