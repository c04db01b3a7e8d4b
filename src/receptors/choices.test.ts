import assert from "node:assert/strict";
import { test } from "node:test";
import { distance } from "../structures/vectors.ts";
import { HPV, pdb, peptide, prepare, refusal, type TestAtom, typesAt, water } from "./support.test.ts";

/** Entry 1HPV with a residue renamed. */
function renamed(place: string, from: string, to: string): string {
  const [chain, number] = place.split(":");
  return HPV.replaceAll(`${from} ${chain}${number!.padStart(4)} `, `${to} ${chain}${number!.padStart(4)} `);
}

test("histidines: HIE unless said for all, for one, or by the file", () => {
  const none = prepare(HPV);
  assert.equal(typesAt(none.atoms, "A69"), "A 3 C 3 HD 2 N 2 NA 1 OA 1");
  const hid = prepare(HPV, { default_histidine: "HID" }).atoms.filter((atom) => atom.residue === "HIS");
  assert.deepEqual(
    hid.filter((atom) => /^N[DE]/.test(atom.name)).map((atom) => atom.type),
    ["N", "NA", "N", "NA"],
  );
  const mixed = prepare(HPV, { histidines: { "A:69": "HIP", "B:69": "HID" } });
  assert.equal(typesAt(mixed.atoms, "A69"), "A 3 C 3 HD 3 N 3 OA 1");
  assert.deepEqual(mixed.report.histidines, [
    { residue: "A:69", state: "HIP", reason: "chosen" },
    { residue: "B:69", state: "HID", reason: "chosen" },
  ]);
  const named = { HID: "HID", HSD: "HID", HIE: "HIE", HSE: "HIE", HIP: "HIP", HSP: "HIP" };
  for (const [name, state] of Object.entries(named)) {
    const { report } = prepare(renamed("A:69", "HIS", name), { default_histidine: "HID" });
    assert.deepEqual(report.histidines[0], { residue: "A:69", state, reason: "named_in_file" });
    assert.equal(report.histidines[1]?.state, "HID");
  }
  const lost = refusal(() => prepare(HPV, { histidines: { "A:70": "HID" } }));
  assert.match(lost.message, /there is no histidine A:70: the nearest numbers are A:69/);
  assert.match(
    refusal(() => prepare(HPV, { histidines: { "69": "HID" } })).message,
    /ambiguous: A:69 .* B:69/,
  );
});

test("protonation states named in the file are written as named", () => {
  const plain = prepare(HPV).atoms;
  assert.equal(typesAt(plain, "A25"), "C 4 HD 1 N 1 OA 3");
  assert.equal(typesAt(prepare(renamed("A:25", "ASP", "ASH")).atoms, "A25"), "C 4 HD 2 N 1 OA 3");
  assert.equal(typesAt(prepare(renamed("A:21", "GLU", "GLH")).atoms, "A21"), "C 5 HD 2 N 1 OA 3");
  assert.equal(typesAt(plain, "A20"), "C 6 HD 4 N 2 OA 1");
  assert.equal(typesAt(prepare(renamed("A:20", "LYS", "LYN")).atoms, "A20"), "C 6 HD 3 N 1 NA 1 OA 1");
});

test("cysteines within 2.5 Å are a disulfide without hydrogens; others keep theirs", () => {
  const [one, other] = [peptide(["GLY", "CYS"]), peptide(["GLY", "CYS"], { chain: "B", at: [0, 0, 20] })];
  const sulfur = one.find((atom) => atom.name === "SG")!.position;
  const theirs = other.find((atom) => atom.name === "SG")!.position;
  // The whole chain moves, so that no atom leaves its residue.
  const bridge = (apart: number): TestAtom[] =>
    other.map(({ position: [x, y, z], ...atom }) => ({
      ...atom,
      position: [x + sulfur[0] - theirs[0], y + sulfur[1] - theirs[1], z + sulfur[2] + apart - theirs[2]],
    }));
  const joined = prepare(pdb(one, "TER", bridge(2.05)));
  assert.deepEqual(
    joined.report.disulfides.map(({ residues }) => residues),
    [["A:2", "B:2"]],
  );
  assert.ok(Math.abs(joined.report.disulfides[0]!.distance_angstrom - 2.05) < 1e-3);
  assert.equal(typesAt(joined.atoms, "A2"), "C 3 HD 1 N 1 OA 1 SA 1");
  const apart = prepare(pdb(one, "TER", bridge(2.6)));
  assert.deepEqual(apart.report.disulfides, []);
  assert.equal(typesAt(apart.atoms, "A2"), "C 3 HD 2 N 1 OA 1 SA 1");
  const lonely = prepare(pdb(peptide(["GLY", "CYX"])));
  assert.match(lonely.report.notes[0] ?? "", /CYX without a partner .* CYX:A:2/);
  assert.equal(typesAt(lonely.atoms, "A2"), "C 3 HD 1 N 1 OA 1 SA 1");
});

test("chains: all, or those that are named; the others are listed", () => {
  const { report, atoms } = prepare(HPV, { chains: ["B"] });
  assert.deepEqual(
    report.chains.map(({ chain }) => chain),
    ["B"],
  );
  assert.deepEqual(report.chains_left_out, ["A"]);
  assert.equal(report.symmetry, null);
  assert.ok(atoms.every((atom) => atom.place.startsWith("B")));
  assert.equal(prepare(HPV, { chains: ["B", "A", "B"] }).pdbqt, prepare(HPV).pdbqt);
  assert.match(refusal(() => prepare(HPV, { chains: ["A", "C"] })).message, /no protein chain "C".* A, B$/);
  assert.match(refusal(() => prepare(HPV, { chains: [""] })).message, /there is no protein chain/);
  const blank = prepare(pdb(peptide(["GLY", "ALA"], { chain: " " })), { chains: ["_"] });
  assert.deepEqual(blank.report.chains, [{ chain: "", residues: 2, first: "1", last: "2" }]);
});

test("waters are dropped and counted; those that are named are kept with two hydrogens", () => {
  const text = pdb(peptide(["GLY", "ALA"]), "TER", [
    water(201, [0, 9, 0], "A"),
    water(201, [0, 12, 0], "B"),
    water(205, [0, 15, 0], "B"),
  ]);
  assert.equal(prepare(text).report.waters_dropped, 3);
  const kept = prepare(text, { keep_waters: ["B:205", "A:201", "205"] });
  assert.deepEqual(prepare(HPV, { keep_waters: ["_:201"] }).report.waters_kept, ["201"]);
  assert.deepEqual(kept.report.waters_kept, ["A:201", "B:205"]);
  assert.equal(kept.report.waters_dropped, 1);
  assert.equal(typesAt(kept.atoms, "A201"), "HD 2 OA 1");
  const ambiguous = refusal(() => prepare(text, { keep_waters: ["205", "201"] }));
  assert.match(ambiguous.message, /water 201 is ambiguous: A:201 \(line \d+\), B:201 \(line \d+\)/);
  assert.equal(ambiguous.fields[0]?.path, "keep_waters/1");
  const absent = refusal(() => prepare(text, { keep_waters: ["B:207"] }));
  assert.match(absent.message, /no water B:207: the nearest numbers are B:205, B:201/);
  assert.match(refusal(() => prepare(text, { keep_waters: ["all"] })).message, /"all" names no water/);
  const dry = pdb(peptide(["GLY"]));
  assert.match(refusal(() => prepare(dry, { keep_waters: ["1"] })).message, /the file has no water/);
});

test("a kept water points at the acceptors around it", () => {
  const protein = peptide(["GLY", "ALA"]);
  const oxygen = protein.find((atom) => atom.name === "O")!.position;
  const text = pdb(protein, "TER", [water(1, [oxygen[0], oxygen[1], oxygen[2] + 2.8])]);
  const { atoms } = prepare(text, { keep_waters: ["1"] });
  const [first, second] = atoms.filter((atom) => atom.place === "1" && atom.type === "HD");
  assert.ok(Math.abs(distance(first!.position, oxygen) - (2.8 - 0.96)) < 0.01);
  assert.ok(distance(second!.position, oxygen) > 2);
  // Behind the first acceptor, as O and OXT of one carboxylate are, another does not turn it.
  const beside: TestAtom = {
    ...protein.at(-1)!,
    name: "OXT",
    position: [oxygen[0] + 1, oxygen[1], oxygen[2]],
  };
  const crowded = prepare(
    pdb(protein, [beside], "TER", [water(1, [oxygen[0], oxygen[1], oxygen[2] + 2.8])]),
    {
      keep_waters: ["1"],
    },
  );
  const turned = crowded.atoms.filter((atom) => atom.place === "1" && atom.type === "HD");
  assert.deepEqual(
    turned.map((atom) => atom.position),
    [first!.position, second!.position],
  );
});

test("hydrogens of the file are dropped, counted and built anew", () => {
  const bare = peptide(["GLY", "ALA", "SER"]);
  const some: TestAtom[] = bare.flatMap((atom) =>
    atom.name === "N" || atom.name === "CB"
      ? [
          atom,
          { ...atom, name: atom.name === "N" ? "D" : "1HB", element: "H", position: [50, atom.number, 50] },
        ]
      : [atom],
  );
  const [without, withThem] = [prepare(pdb(bare)), prepare(pdb(some))];
  assert.equal(withThem.pdbqt, without.pdbqt);
  assert.deepEqual([without.report.hydrogens_dropped, withThem.report.hydrogens_dropped], [0, 5]);
  assert.equal(typesAt(without.atoms, "A1"), "C 2 HD 3 N 1 OA 1");
  assert.equal(typesAt(without.atoms, "A2"), "C 3 HD 1 N 1 OA 1");
  assert.equal(typesAt(without.atoms, "A3"), "C 3 HD 2 N 1 OA 2");
});

test("side chains that are cut short are written and named; OXT is no part of them", () => {
  const text = HPV.replace(/^ATOM.{9}(CG|CD|CE|NZ) {2}LYS A {2}20.*\n/gm, "");
  const { report, atoms } = prepare(text);
  assert.deepEqual(report.missing_atoms, [{ residue: "A:20", name: "LYS", atoms: ["CG", "CD", "CE", "NZ"] }]);
  assert.equal(typesAt(atoms, "A20"), "C 3 HD 1 N 1 OA 1");
  const end = prepare(HPV.replace(/^ATOM.{9}OXT PHE A.*\n/gm, "")).report;
  assert.deepEqual(end.missing_atoms, []);
  assert.deepEqual(
    end.termini.map(({ oxt }) => oxt),
    [false, true],
  );
});

test("other programs' names of the chain's end and of isoleucine's carbon are known", () => {
  const text = HPV.replace(/ O {3}PHE A {2}99/, " OT1 PHE A  99")
    .replace(" OXT PHE A  99", " OT2 PHE A  99")
    .replace(" CD1 ILE A   3", " CD  ILE A   3");
  assert.notEqual(text, HPV);
  assert.equal(prepare(text).pdbqt, prepare(HPV).pdbqt);
});

test("residues with insertion codes are residues of their own", () => {
  const shifted = peptide(["GLY", "ALA", "SER"]).map((atom) =>
    atom.number === 1 ? atom : { ...atom, number: 1, insertion: atom.number === 2 ? "A" : "B" },
  );
  const { report, atoms } = prepare(pdb(shifted));
  assert.deepEqual(report.chains, [{ chain: "A", residues: 3, first: "A:1", last: "A:1B" }]);
  assert.equal(typesAt(atoms, "A1B"), "C 3 HD 2 N 1 OA 2");
});
