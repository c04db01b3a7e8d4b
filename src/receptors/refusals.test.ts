import assert from "node:assert/strict";
import { test } from "node:test";
import { distance } from "../structures/vectors.ts";
import { prepareReceptor, type ReceptorOptions } from "./prepare.ts";
import { bytes, pdb, peptide, refusal, type TestAtom, water } from "./support.test.ts";

function refused(text: string, options: ReceptorOptions = {}) {
  return refusal(() => prepareReceptor(bytes(text), options));
}

function accepted(text: string, options: ReceptorOptions = {}) {
  return prepareReceptor(bytes(text), options).report;
}

function het(residue: string, name: string, chain = "A", number = 301): TestAtom {
  return { name, residue, chain, number, position: [30, number - 271, 0], het: true, element: name };
}

const CHAIN = peptide(["GLY", "ALA", "SER", "ALA"]);

test("a file without protein is refused for what it holds instead", () => {
  const wet = refused(pdb([water(1, [0, 0, 0]), water(2, [5, 0, 0])]));
  assert.match(wet.message, /no protein residues, only 2 waters: give the file of the receptor/);
  const ligand = refused(pdb([water(1, [0, 0, 0])], [het("LIG", "C1")]));
  assert.match(ligand.message, /only 1 waters and LIG:A:301/);
});

test("alternate locations are refused residue by residue, with their lines", () => {
  const both = CHAIN.flatMap((atom) =>
    atom.name === "CB" || atom.name === "OG"
      ? [
          { ...atom, altloc: "A" },
          {
            ...atom,
            altloc: "B",
            position: [atom.position[0], atom.position[1], atom.position[2] + 0.1] as const,
          },
        ]
      : [atom],
  );
  const error = refused(pdb(both));
  assert.match(error.message, /alternate locations: ALA:A:2, SER:A:3, ALA:A:4 \(keep one location/);
  assert.deepEqual(error.fields[0], { line: 5, rule: "alternate locations: ALA:A:2 (locations A, B)" });
  assert.equal(error.fields.length, 3);
  const mixed = CHAIN.flatMap((atom) => (atom.name === "CB" ? [atom, { ...atom, altloc: "B" }] : [atom]));
  assert.match(refused(pdb(mixed)).message, /alternate locations: ALA:A:2/);
});

test("two residues in one place are alternate locations as well, labelled or not", () => {
  for (const altloc of ["B", " "]) {
    const other = CHAIN.filter((atom) => atom.number === 2).map((atom) => ({
      ...{ ...atom, residue: "CYS", altloc },
      position: [atom.position[0], atom.position[1], atom.position[2] + 0.5] as const,
    }));
    const at = CHAIN.findIndex((atom) => atom.number === 3);
    const error = refused(pdb(CHAIN.slice(0, at), other, CHAIN.slice(at)));
    assert.match(error.message, /alternate locations: ALA:A:2/);
    assert.match(error.fields.map(({ rule }) => rule).join(), /is also CYS:A:2/);
  }
});

test("alternate locations matter only where atoms are written", () => {
  const twice = (atom: TestAtom): TestAtom[] => ["A", "B"].map((altloc) => ({ ...atom, altloc }));
  const hydrogens = twice({ ...CHAIN[0]!, name: "H", element: "H" });
  const text = pdb(CHAIN, hydrogens, "TER", twice(het("GOL", "C1")), twice(water(9, [9, 30, 9])));
  assert.equal(accepted(text).waters_dropped, 1);
  assert.match(refused(text, { keep_waters: ["9"] }).message, /alternate locations: HOH:9/);
});

test("modified residues in the chain are refused by name, whatever record they have", () => {
  for (const residue of ["MSE", "SEP", "CSO", "UNK"])
    for (const isHet of [true, false]) {
      const changed = CHAIN.map((atom) => (atom.number === 2 ? { ...atom, residue, het: isHet } : atom));
      const error = refused(pdb(changed), { drop_hets: [] });
      assert.match(error.message, new RegExp(`modified or unknown residues: ${residue}:A:2 `));
      assert.equal(error.fields[0]?.line, 5);
      assert.doesNotMatch(error.message, /chain breaks/);
    }
});

test("an amino acid between gaps is part of the chain, a ligand between its records is not", () => {
  const [before, inside, after] = [1, 2, 3].map((start, index) =>
    peptide([index === 1 ? "MSE" : "ALA"], { start, at: [0, 0, 20 * index], het: index === 1 }),
  );
  assert.match(refused(pdb(before!, inside!, after!)).message, /modified or unknown residues: MSE:A:2 \(/);
  const at = CHAIN.findIndex((atom) => atom.number === 3);
  const report = accepted(pdb(CHAIN.slice(0, at), [het("GOL", "C1")], CHAIN.slice(at)));
  assert.deepEqual(
    report.hets_left_out.map(({ label }) => label),
    ["GOL:A:301"],
  );
});

test("caps and residues that MODRES calls modified are part of the chain", () => {
  const cap = peptide(["ACE", "GLY", "NME"]).filter(
    ({ residue, name }) => residue === "GLY" || (residue === "ACE" ? /^(CA|C|O)$/ : /^(N|CA)$/).test(name),
  );
  assert.match(refused(pdb(cap)).message, /modified or unknown residues: ACE:A:1, NME:A:3/);
  const listed = "MODRES 1ABC TPO A  301  THR  PHOSPHOTHREONINE";
  const far = pdb(listed, CHAIN, [het("TPO", "P")]);
  assert.match(refused(far).message, /TPO:A:301/);
  assert.equal(accepted(far.replace(/^MODRES.*\n/, "")).hets_left_out.length, 1);
  const sugar = pdb("MODRES 1ABC NAG A  301  NAG  -D", CHAIN, [het("NAG", "C1")]);
  assert.equal(accepted(sugar).hets_left_out.length, 1);
  const glycosylated = pdb("MODRES 1ABC SER A    3  SER  GLYCOSYLATION SITE", CHAIN);
  assert.equal(accepted(glycosylated).chains[0]?.residues, 4);
});

test("a standard residue with more atoms than its template is modified", () => {
  const error = refused(
    pdb(CHAIN.map((atom) => (atom.name === "OG" ? { ...atom, name: "P", element: "P" } : atom))),
  );
  assert.match(error.message, /modified or unknown residues: SER:A:3/);
  assert.match(error.fields[0]?.rule ?? "", /atoms unknown to its template: P$/);
});

test("a standard amino acid as HETATM belongs to the chain where it is bonded, else it is a ligand", () => {
  const inside = CHAIN.map((atom) => (atom.number === 3 ? { ...atom, het: true } : atom));
  assert.equal(accepted(pdb(inside)).chains[0]?.residues, 4);
  const free = peptide(["ALA"], { start: 301, at: [0, 0, 40], het: true });
  assert.deepEqual(
    accepted(pdb(CHAIN, "TER", free)).hets_left_out.map(({ label }) => label),
    ["ALA:A:301"],
  );
  assert.deepEqual(
    accepted(pdb(CHAIN, free)).hets_left_out.map(({ label }) => label),
    ["ALA:A:301"],
  );
});

test("an ATOM residue that is no part of a chain is refused unless it may be dropped", () => {
  const text = pdb(CHAIN, "TER", [{ ...het("LIG", "C1"), het: false }]);
  assert.match(refused(text).message, /modified or unknown residues: LIG:A:301/);
  assert.equal(accepted(text, { drop_hets: ["LIG"] }).hets_left_out[0]?.reason, "dropped_by_request");
});

test("metals and ions are refused one by one unless they may be dropped", () => {
  const metals = [
    het("ZN", "ZN"),
    het("ZN", "ZN", "A", 302),
    het("CA", "CA", "B"),
    het("HEM", "FE", "A", 400),
  ];
  const text = pdb(CHAIN, "TER", metals, [het("CL", "CL", "A", 401)]);
  const error = refused(text);
  assert.match(error.message, /metals or ions: ZN:A:301, ZN:A:302, CA:B:301, HEM:A:400 \(/);
  assert.equal(error.fields.length, 4);
  assert.match(refused(text, { drop_hets: ["ZN", "HEM"] }).message, /metals or ions: CA:B:301 /);
  const dropped = accepted(text, { drop_hets: ["ZN:A:301", "A:302", "HEM", "CA:301"] });
  assert.deepEqual(
    dropped.hets_left_out.map(({ reason }) => reason),
    [...Array(4).fill("dropped_by_request"), "not_protein"],
  );
  const absent = refused(text, { drop_hets: ["MG"] });
  assert.match(absent.message, /there is no het "MG": the file has ZN:A:301, /);
});

/** The chain with its peptide bond between residues 2 and 3 drawn to a length in Å. */
function drawn(length: number): TestAtom[] {
  const [carbon, nitrogen] = ["C", "N"].map(
    (name, index) => CHAIN.find((atom) => atom.name === name && atom.number === 2 + index)!.position,
  );
  const factor = length / distance(carbon!, nitrogen!) - 1;
  const shift = (axis: 0 | 1 | 2) => factor * (nitrogen![axis] - carbon![axis]);
  return CHAIN.map((atom) => {
    const [x, y, z] = atom.position;
    return atom.number < 3 ? atom : { ...atom, position: [x + shift(0), y + shift(1), z + shift(2)] };
  });
}

test("chain breaks are refused with both residues and the distance, from 1.9 Å", () => {
  assert.equal(accepted(pdb(drawn(1.88))).chains[0]?.residues, 4);
  const error = refused(pdb(drawn(1.92)));
  assert.match(error.message, /chain breaks: ALA:A:2 to SER:A:3 \(/);
  assert.match(error.fields[0]?.rule ?? "", /C–N 1\.92 Å$/);
  const gap = refused(pdb(CHAIN.filter((atom) => atom.number !== 3)));
  assert.match(gap.message, /chain breaks: ALA:A:2 to ALA:A:4/);
});

test("nucleic acids are refused, unless only protein chains were chosen", () => {
  const base = ["P", "C1'", "N9"].map(
    (name, index): TestAtom => ({
      ...{ name, residue: "DA", chain: "D", number: 1, position: [20, 20, index * 1.5] },
    }),
  );
  const text = pdb(CHAIN, "TER", base);
  assert.match(refused(text).message, /nucleic acids: DA:D:1 \(/);
  assert.deepEqual(accepted(text, { chains: ["A"] }).chains_left_out, ["D"]);
});

test("missing backbone atoms are refused by name", () => {
  for (const name of ["N", "CA", "C", "O"]) {
    const error = refused(pdb(CHAIN.filter((atom) => atom.number !== 2 || atom.name !== name)));
    assert.match(error.message, /residues without a complete backbone: ALA:A:2 \(/);
    assert.match(error.fields[0]?.rule ?? "", new RegExp(`ALA:A:2 lacks ${name}$`));
    assert.equal(error.fields.length, 1);
  }
});

test("atoms in one place are refused, all zeros among them", () => {
  const [first] = CHAIN;
  const same = CHAIN.map((atom) => (atom.name === "OG" ? { ...atom, position: first!.position } : atom));
  const error = refused(pdb(same));
  assert.match(error.message, /atoms in one place: A:3 OG \(/);
  assert.match(error.fields[0]?.rule ?? "", /A:3 OG and A:1 N are 0\.00 Å apart/);
  const zeros = refused(pdb(CHAIN.map((atom) => ({ ...atom, position: [0, 0, 0] as const }))));
  assert.match(zeros.message, /atoms in one place: .* and \d+ more/);
});

test("all that is wrong is told at once, the first few by name", () => {
  const many = Array.from({ length: 9 }, (_, index) => het("MG", "MG", "A", 301 + index));
  const text = pdb(
    CHAIN.filter((atom) => atom.number !== 3),
    "TER",
    many,
  );
  const error = refused(text);
  assert.match(error.message, /metals or ions: (MG:A:30\d, ){4}MG:A:305 and 4 more \(.*; chain breaks: /);
  assert.equal(error.fields.length, 10);
});

test("what is wrong in chains that were not chosen does not matter", () => {
  const broken = peptide(["GLY", "MSE", "ALA"], { chain: "B", at: [0, 0, 30] }).filter(
    ({ name }) => name !== "O",
  );
  const text = pdb(CHAIN, "TER", broken, "TER", [het("ZN", "ZN", "B")]);
  assert.match(refused(text).message, /modified.*metals.*backbone/);
  const report = accepted(text, { chains: ["A"] });
  assert.deepEqual(report.chains_left_out, ["B"]);
  assert.deepEqual(
    report.hets_left_out.map(({ reason }) => reason),
    ["chain_not_chosen"],
  );
  const shared = pdb(CHAIN, "TER", broken, "TER", [het("ZN", "ZN", " ")]);
  assert.match(refused(shared, { chains: ["A"] }).message, /metals or ions: ZN:301/);
});

test("a kept water without oxygen is refused", () => {
  const text = pdb(CHAIN, "TER", [{ ...water(7, [9, 9, 9]), name: "H1", element: "H" }]);
  assert.match(refused(text, { keep_waters: ["7"] }).message, /water HOH:7 \(line \d+\) has no oxygen/);
});
