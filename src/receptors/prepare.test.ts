import assert from "node:assert/strict";
import { test } from "node:test";
import { distance } from "../structures/vectors.ts";
import { RECEPTOR_PREPARER_VERSION } from "./report.ts";
import { HPV, pdb, peptide, prepare, readPdbqt, type TestAtom, typesAt, water } from "./support.test.ts";
import { templateOf } from "./templates.ts";

test("1HPV gives 1848 atoms, 332 of them polar hydrogens, and two acceptors in histidines", () => {
  const { report, atoms, geometry } = prepare(HPV);
  const count = (type: string) => atoms.filter((atom) => atom.type === type).length;
  assert.equal(atoms.length, 1848);
  assert.deepEqual(["HD", "NA", "A", "SA", "OA", "N", "C"].map(count), [332, 2, 74, 8, 270, 258, 904]);
  assert.deepEqual(
    [report.atoms_written, report.hydrogens_built, report.heavy_atoms, report.hydrogens_dropped],
    [1848, 332, 1516, 0],
  );
  assert.equal(geometry.elements.length, 1516);
  const elements = Map.groupBy(geometry.elements, (element) => element);
  assert.deepEqual([...elements].map(([element, all]) => `${element} ${all.length}`).sort(), [
    ...["C 978", "N 260", "O 270", "S 8"],
  ]);
  assert.deepEqual(geometry.positions_angstrom[0], [13.12, 39.003, 5.159]);
});

test("1HPV's report tells every choice", () => {
  const { report } = prepare(HPV, { keep_waters: ["201"] });
  const { symmetry, source_sha256, ...rest } = report;
  assert.match(source_sha256, /^[0-9a-f]{64}$/);
  assert.ok(Math.abs((symmetry?.rmsd_angstrom ?? 9) - 0.2334) < 1e-4);
  assert.deepEqual(rest, {
    preparer_version: RECEPTOR_PREPARER_VERSION,
    models_in_file: 1,
    old_format: true,
    chains: [
      { chain: "A", residues: 99, first: "A:1", last: "A:99" },
      { chain: "B", residues: 99, first: "B:1", last: "B:99" },
    ],
    chains_left_out: [],
    waters_kept: ["201"],
    waters_dropped: 79,
    hets_left_out: [
      {
        ...{ label: "478:200", name: "478", chain: "", number: 200, insertion_code: "", atoms: 35 },
        ...{ reason: "not_protein", bonded_to: null },
      },
    ],
    histidines: [
      { residue: "A:69", state: "HIE", reason: "default" },
      { residue: "B:69", state: "HIE", reason: "default" },
    ],
    disulfides: [],
    protonation_states: [],
    termini: [
      { chain: "A", n_terminus: "A:1", n_hydrogens: 2, c_terminus: "A:99", oxt: true },
      { chain: "B", n_terminus: "B:1", n_hydrogens: 2, c_terminus: "B:99", oxt: true },
    ],
    missing_atoms: [],
    hydrogens_dropped: 0,
    hydrogens_built: 334,
    heavy_atoms: 1517,
    atoms_written: 1851,
    notes: [],
  });
});

/** Hydrogens on N, O and S of each amino acid within a chain, counted from its structure at pH 7. */
const POLAR_HYDROGENS: Record<string, number> = {
  ...{
    ALA: 1,
    ARG: 6,
    ASN: 3,
    ASP: 1,
    CYS: 2,
    GLN: 3,
    GLU: 1,
    GLY: 1,
    HIS: 2,
    ILE: 1,
    LEU: 1,
    LYS: 4,
    MET: 1,
  },
  ...{ PHE: 1, PRO: 0, SER: 2, THR: 2, TRP: 2, TYR: 2, VAL: 1 },
};

test("all twenty amino acids of 1HPV have the polar hydrogens of their structure", () => {
  const { atoms } = prepare(HPV);
  const places = [...new Set(atoms.map((atom) => `${atom.residue} ${atom.place}`))];
  const seen = new Set<string>();
  for (const place of places.filter((name) => !/ [AB]1$/.test(name))) {
    const own = atoms.filter((atom) => `${atom.residue} ${atom.place}` === place);
    const [residue = ""] = place.split(" ");
    seen.add(residue);
    assert.equal(own.filter((atom) => atom.type === "HD").length, POLAR_HYDROGENS[residue], place);
  }
  assert.equal(seen.size, 20);
});

test("every hydrogen of 1HPV is bonded to the donor before it and to nothing else", () => {
  const { atoms } = prepare(HPV);
  const polar = atoms.filter((atom) => ["N", "NA", "OA", "SA"].includes(atom.type));
  let donor = atoms[0]!;
  for (const atom of atoms) {
    if (atom.type !== "HD") {
      donor = atom;
      continue;
    }
    const length = { N: 1.01, O: 0.96, S: 1.34 }[donor.name[0] as "N" | "O" | "S"];
    assert.ok(
      Math.abs(distance(atom.position, donor.position) - length) < 0.002,
      `${atom.place} ${atom.name}`,
    );
    // Vina sees a bond up to 1.23 Å: another N or O so near would become a donor.
    for (const other of polar)
      if (other !== donor)
        assert.ok(distance(atom.position, other.position) > 1.3, `${atom.place} ${atom.name}`);
  }
});

test("no N that has a hydrogen is an acceptor, and no carbonyl has one", () => {
  const { atoms } = prepare(HPV);
  for (const [index, atom] of atoms.entries()) {
    const isDonor = atoms[index + 1]?.type === "HD";
    if (atom.type === "NA") assert.ok(!isDonor && atom.residue === "HIS" && atom.name === "ND1");
    if (atom.type === "N") assert.ok(isDonor || atom.residue === "PRO", `${atom.place} ${atom.name}`);
    if (atom.type === "OA" && isDonor) assert.match(atom.name, /^O[GH]1?$/);
  }
});

test("what was left out beside the chains is listed with its reason and what it is bonded to", () => {
  const protein = peptide(["GLY", "ALA"]);
  const beta = protein.find((atom) => atom.name === "CB")!.position;
  const het = (residue: string, number: number, chain: string, position: TestAtom["position"]): TestAtom => ({
    ...{ name: "C1", residue, chain, number, position, het: true },
  });
  const zinc = { ...het("ZN", 303, "A", [30, 30, 30]), name: "ZN", element: "ZN" };
  const text = pdb(protein, "TER", peptide(["GLY"], { chain: "B", at: [0, 0, 30] }), "TER", [
    het("NAG", 301, "A", [beta[0], beta[1], beta[2] + 1.5]),
    het("GOL", 302, "B", [20, 20, 20]),
    zinc,
  ]);
  const { report } = prepare(text, { chains: ["A"], drop_hets: ["zn"] });
  assert.deepEqual(
    report.hets_left_out.map(({ label, reason, bonded_to }) => [label, reason, bonded_to]),
    [
      ["NAG:A:301", "not_protein", "A:2"],
      ["GOL:B:302", "chain_not_chosen", null],
      ["ZN:A:303", "dropped_by_request", null],
    ],
  );
  assert.match(report.notes.join("; "), /NAG:A:301 was left out, though it is bonded to A:2/);
});

test("a peptide whose ends are bonded has no charged N-terminus", () => {
  const ring = peptide(["ALA", "GLY", "SER"]);
  const first = ring.find((atom) => atom.name === "N")!.position;
  const closed = ring.map((atom) =>
    atom.number === 3 && atom.name === "C"
      ? { ...atom, position: [first[0], first[1] - 1.33, first[2]] as const }
      : atom,
  );
  assert.deepEqual(prepare(pdb(closed)).report.termini[0]?.n_hydrogens, 1);
  assert.equal(typesAt(prepare(pdb(closed)).atoms, "A1"), "C 3 HD 1 N 1 OA 1");
  assert.equal(prepare(pdb(ring)).report.termini[0]?.n_hydrogens, 3);
});

test("models, text after the end, a missing END and pieces of a chain are told", () => {
  const one = peptide(["GLY", "ALA"]);
  const models = prepare(
    pdb("MODEL        1", one, "ENDMDL", "MODEL        2", one, "ENDMDL", [water(1, [9, 9, 9])]),
  );
  assert.equal(models.report.models_in_file, 2);
  assert.match(models.report.notes.join("; "), /2 models: the first was used; 1 atoms after the end/);
  assert.match(prepare(pdb(one).replace("END\n", "")).report.notes[0]!, /no END record/);
  const more = peptide(["GLY"], { start: 9, at: [0, 0, 30] });
  const pieces = prepare(pdb(one, "TER", more)).report;
  assert.match(pieces.notes[0]!, /chain A comes in 2 pieces/);
  assert.deepEqual(
    pieces.termini.map(({ n_terminus }) => n_terminus),
    ["A:1", "A:9"],
  );
  const labelled = one.map((atom) => ({ ...atom, altloc: "B" }));
  assert.match(prepare(pdb(labelled)).report.notes[0]!, /one alternate location only .*GLY:A:1, ALA:A:2/);
});

test("the same file gives the same bytes; old and new format, LF and CR LF the same receptor", () => {
  const { pdbqt } = prepare(HPV, { keep_waters: ["201", "202"] });
  assert.equal(prepare(HPV, { keep_waters: ["202", "201"] }).pdbqt, pdbqt);
  assert.equal(prepare(HPV.replaceAll("\n", "\r\n"), { keep_waters: ["201", "202"] }).pdbqt, pdbqt);
  const young = HPV.replace(/^((?:ATOM|HETATM).{66}).*$/gm, "$1          ");
  assert.equal(prepare(young, { keep_waters: ["201", "202"] }).pdbqt, pdbqt);
  const shuffled = HPV.replace(/^(ATOM.{9}N {3}GLN A.*\n)(ATOM.*\n)/gm, "$2$1");
  assert.notEqual(shuffled, HPV);
  assert.equal(prepare(shuffled, { keep_waters: ["201", "202"] }).pdbqt, pdbqt);
});

test("the PDBQT keeps its columns and holds nothing that a rigid receptor may not", () => {
  const { pdbqt } = prepare(HPV, { keep_waters: ["201"] });
  const lines = pdbqt.split("\n");
  assert.equal(lines[2], "ATOM      2  H1  PRO A   1      13.522  38.078   5.097  1.00  0.00     0.000 HD");
  assert.equal(lines[1], "ATOM      1  N   PRO A   1      13.120  39.003   5.159  1.00  0.00     0.000 N");
  assert.ok(
    lines.includes("HETATM 1851  O   HOH   201       8.009  13.804   8.675  1.00  0.00     0.000 OA"),
  );
  for (const line of lines.slice(0, -1)) assert.match(line, /^(REMARK|ATOM|HETATM|TER|END)/);
  assert.equal(lines.filter((line) => line.startsWith("TER")).length, 3);
  const types = new Set(readPdbqt(pdbqt).map((atom) => atom.type));
  assert.deepEqual([...types].sort(), ["A", "C", "HD", "N", "NA", "OA", "SA"]);
});

test("every template has a backbone, and donors and references that are its own atoms", () => {
  for (const name of [...Object.keys(POLAR_HYDROGENS), "HID", "HIP", "ASH", "GLH", "LYN", "CYX"]) {
    const template = templateOf(name)!;
    const atoms = template.atoms.map((atom) => atom.name);
    assert.deepEqual(atoms.slice(0, 4), ["N", "CA", "C", "O"]);
    assert.equal(new Set(atoms).size, atoms.length);
    for (const { atom, references } of template.donors)
      for (const used of [atom, ...references]) assert.ok(atoms.includes(used), `${name} ${used}`);
  }
  assert.equal(templateOf("HIS"), templateOf("HIE"));
  assert.equal(templateOf("MSE"), null);
});
