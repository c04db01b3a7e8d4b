import assert from "node:assert/strict";
import { test } from "node:test";
import { readPdb } from "./pdb.ts";
import { bytes, HPV, pdb, peptide, record, refusal, water } from "./support.test.ts";

const SMALL = pdb(peptide(["GLY", "ALA", "SER"]), "TER", [water(201, [9, 9, 9])]);

function read(text: string) {
  return readPdb(bytes(text));
}

/** What is read, without the hash of the bytes. */
function content(text: string) {
  const { sha256: _hash, ...rest } = read(text);
  return rest;
}

test("residues, chains, numbers and positions come from their columns", () => {
  const file = read(SMALL);
  assert.deepEqual(
    file.residues.map(({ name, chain, number, segment, het }) => [name, chain, number, segment, het]),
    [
      ["GLY", "A", 1, 0, false],
      ["ALA", "A", 2, 0, false],
      ["SER", "A", 3, 0, false],
      ["HOH", "", 201, 1, true],
    ],
  );
  assert.deepEqual(
    file.residues[2]?.atoms.map((atom) => atom.name),
    ["N", "CA", "C", "O", "CB", "OG"],
  );
  assert.deepEqual(file.residues[3]?.atoms[0]?.position, [9, 9, 9]);
  assert.deepEqual([file.models, file.ended, file.old_format, file.atoms_left_over], [1, true, false, 0]);
});

test("numbers that touch are told apart by their columns", () => {
  const atom = {
    name: "CA",
    residue: "GLY",
    chain: "A",
    number: -999,
    position: [-100.125, -200.25, -300.5],
  } as const;
  const line = record(atom);
  assert.match(line, /-100\.125-200\.250-300\.500/);
  const file = read(pdb(line));
  assert.deepEqual(file.residues[0]?.atoms[0]?.position, [-100.125, -200.25, -300.5]);
  assert.equal(file.residues[0]?.number, -999);
});

test("CR LF, CR, a mark of UTF-8 and a last line without its end change nothing", () => {
  const plain = content(SMALL);
  assert.deepEqual(content(SMALL.replaceAll("\n", "\r\n")), plain);
  assert.deepEqual(content(SMALL.replaceAll("\n", "\r")), plain);
  assert.deepEqual(content(`\ufeff${SMALL}`), plain);
  assert.deepEqual(content(SMALL.trimEnd()), plain);
  assert.deepEqual(content(SMALL.replace(/ +$/gm, "")), plain);
});

test("1HPV: the old format is seen and its columns 73–80 are never an element", () => {
  const file = read(HPV);
  assert.equal(file.old_format, true);
  assert.equal(file.residues.length, 198 + 1 + 80);
  assert.equal(
    file.residues.reduce((sum, residue) => sum + residue.atoms.length, 0),
    1631,
  );
  const young = read(HPV.replace(/^((?:ATOM|HETATM).{66}).*$/gm, "$1          "));
  assert.equal(young.old_format, false);
  assert.deepEqual(young.residues, file.residues);
  const filled = HPV.replace(/^((?:ATOM {2}|HETATM).{6}(.)(.).{52}).*$/gm, "$1           $3  ");
  assert.deepEqual(read(filled).residues, file.residues);
});

test("only the first model is read, and models are counted", () => {
  const [one, two] = [peptide(["GLY"]), peptide(["GLY"], { at: [5, 5, 5] })];
  const file = read(pdb("MODEL        1", one, "ENDMDL", "MODEL        2", two, "ENDMDL"));
  assert.equal(file.models, 2);
  assert.deepEqual(file.residues, read(pdb("REMARK", one)).residues);
  assert.equal(file.atoms_left_over, 0);
  const unclosed = read(pdb("MODEL        1", one, "MODEL        2", two));
  assert.deepEqual([unclosed.models, unclosed.residues.length], [2, 1]);
});

test("atoms that no model holds are counted, not read", () => {
  const late = read(pdb("MODEL        1", peptide(["GLY"]), "ENDMDL", peptide(["ALA"])));
  assert.deepEqual([late.residues.length, late.atoms_left_over], [1, 5]);
  const after = read(`${pdb(peptide(["GLY"]))}${pdb(peptide(["ALA"]))}`);
  assert.deepEqual([after.residues.length, after.atoms_left_over, after.models], [1, 5, 1]);
  assert.equal(read(pdb(peptide(["GLY"])).replace("END\n", "")).ended, false);
});

test("an insertion code and a TER make another residue; a record in between does not", () => {
  const [first, second] = [peptide(["GLY"]), peptide(["GLY"], { at: [9, 0, 0] })];
  const inserted = second.map((atom) => ({ ...atom, insertion: "A" }));
  assert.deepEqual(
    read(pdb(first, inserted)).residues.map(({ number, insertion }) => `${number}${insertion}`),
    ["1", "1A"],
  );
  assert.equal(read(pdb(first, "TER", second)).residues.length, 2);
  const [nitrogen, ...rest] = first;
  const parted = read(pdb([nitrogen!], [water(7, [9, 9, 9])], rest));
  assert.deepEqual(
    parted.residues.map(({ name, atoms }) => [name, atoms.length]),
    [
      ["GLY", 4],
      ["HOH", 1],
    ],
  );
});

test("a residue is a het where all its atoms are", () => {
  const mixed = peptide(["GLY"]).map((atom, index) => ({ ...atom, het: index === 0 }));
  assert.equal(read(pdb(mixed)).residues[0]?.het, false);
  assert.equal(read(pdb(mixed.toReversed())).residues[0]?.het, false);
});

test("an atom written twice is refused with both lines; waters that share a number are waters each", () => {
  const twice = refusal(() => read(pdb(peptide(["GLY"]), peptide(["GLY"]))));
  assert.match(twice.message, /line 5: atom N of GLY A1 is there twice \(line 1\)/);
  assert.equal(read(pdb([water(1, [0, 0, 0]), water(1, [5, 5, 5])])).residues.length, 2);
});

test("serials that overflowed and residue numbers in hybrid-36 are read", () => {
  const starred = peptide(["GLY"]).map((atom) => ({ ...atom, serial: "*****" }));
  assert.equal(read(pdb(starred, "CONECT**********")).residues[0]?.atoms.length, 4);
  const numbered = (text: string) =>
    read(pdb(peptide(["GLY"])).replaceAll(" A   1", ` A${text}`)).residues[0]?.number;
  assert.deepEqual(["A000", "A001", "ZZZZ", "a000"].map(numbered), [10_000, 10_001, 1_223_055, 1_223_056]);
  assert.match(refusal(() => numbered("1.5 ")).message, /line 1: the residue number/);
});

test("coordinates must be finite numbers in their own columns", () => {
  const wrong = [
    "     nan",
    "     inf",
    "  1e5   ",
    "        ",
    "1 000.00",
    "0x10    ",
    "9999999.",
    "-1000.00",
  ];
  for (const text of wrong) {
    const lines = pdb(peptide(["GLY", "ALA"])).split("\n");
    lines[5] = `${lines[5]!.slice(0, 38)}${text}${lines[5]!.slice(46)}`;
    const error = refusal(() => read(lines.join("\n")));
    assert.match(error.message, /^line 6: y must be a finite number/, text);
    assert.equal(error.fields[0]?.line, 6);
  }
});

test("a record that is cut short is refused by its line, wherever it is cut", () => {
  const lines = SMALL.split("\n");
  for (const length of [6, 12, 20, 30, 45, 53]) {
    const cut = [...lines.slice(0, 7), lines[7]!.slice(0, length)].join("\n");
    assert.match(refusal(() => read(cut)).message, /^line 8: the record is cut short/);
  }
});

test("what is no PDB text is refused for what it is", () => {
  const cases: [string | Uint8Array, RegExp][] = [
    ["", /empty/],
    ["HEADER    NOTHING\nEND\n", /no ATOM or HETATM/],
    ["just a letter\n", /no ATOM or HETATM/],
    [`${SMALL}\0`, /line 19: there is a NUL byte/],
    [Uint8Array.of(0x1f, 0x8b, 8, 0), /compressed/],
    [new Uint8Array([...bytes("REMARK 1\nREMARK "), 0xff, 10]), /line 2: these bytes are not UTF-8/],
    [SMALL.replace("GLY", "GL\u00dc"), /line 1: .*not printable ASCII/],
    ["# made by a program\n\ndata_1HPV\n", /mmCIF/],
    ["loop_\n_atom_site.id\nATOM 1\n", /mmCIF/],
    ["data_1HPV\n#\nloop_\n_atom_site.id\nATOM 1 N N . PRO A 1 1 ? 13.1 39.0 5.1\n", /mmCIF/],
  ];
  for (const [given, rule] of cases)
    assert.match(refusal(() => readPdb(typeof given === "string" ? bytes(given) : given)).message, rule);
});

test("letters beyond ASCII in other records are no fault", () => {
  assert.equal(read(`REMARK  1.9 Å, Müller\n${SMALL}`).residues.length, 4);
});

test("files, models and residues that are too large are refused as such", () => {
  const large = refusal(() => readPdb(new Uint8Array(20 * 1024 * 1024 + 1).fill(32)));
  assert.equal(large.code, "too_large");
  const atoms = Array.from({ length: 1001 }, (_, index) => ({
    ...{ name: index.toString(36), residue: "LIG", chain: "A", number: 1, het: true, element: "C" },
    position: [0, 0, 0] as const,
  }));
  assert.match(refusal(() => read(pdb(atoms))).message, /line 1001: residue LIG has more than 1000 atoms/);
  const line = `${record(water(1, [0, 0, 0]))}\n`;
  const many = refusal(() => read(line.repeat(100_001)));
  assert.equal(many.code, "too_large");
});
