import assert from "node:assert/strict";
import { test } from "node:test";
import { drawnHydrogens } from "./drawn.ts";
import { HPV, pdb, peptide, prepare, type TestAtom, typesAt } from "./support.test.ts";

type Drawn = [name: string, on: string, altloc?: string, away?: number];

/** Entry 1HPV with hydrogens drawn on one residue, 1 Å from the atoms that bear them unless said. */
function drawn(place: string, hydrogens: Drawn[], text = HPV): string {
  const [chain, number = ""] = place.split(":");
  const own = text
    .split("\n")
    .filter((line) => line.startsWith("ATOM") && line.slice(21, 26) === `${chain}${number.padStart(4)}`);
  const lines = hydrogens.map(([name, on, altloc = " ", away = 1]) => {
    const bearer = own.find((line) => line.slice(12, 16).trim() === on);
    assert.ok(bearer !== undefined, `${place} has no ${on}`);
    const x = (Number(bearer.slice(30, 38)) + away).toFixed(3).padStart(8);
    return `${bearer.slice(0, 12)} ${name.padEnd(3)}${altloc}${bearer.slice(17, 30)}${x}${bearer.slice(38)}`;
  });
  const last = own.at(-1);
  assert.ok(last !== undefined);
  return text.replace(last, () => [last, ...lines].join("\n"));
}

function renamed(place: string, from: string, to: string): string {
  const [chain, number = ""] = place.split(":");
  return HPV.replaceAll(`${from} ${chain}${number.padStart(4)} `, `${to} ${chain}${number.padStart(4)} `);
}

const HIS = "A:69";
const DELTA: Drawn = ["HD1", "ND1"];
const EPSILON: Drawn = ["HE2", "NE2"];
/** Carbons' hydrogens say nothing of the state. */
const CARBON: Drawn[] = [
  ["HD2", "CD2"],
  ["HE1", "CE1"],
];

test("a histidine's hydrogens in the file decide its state", () => {
  for (const [hydrogens, state] of [
    [[DELTA], "HID"],
    [[EPSILON], "HIE"],
    [[DELTA, EPSILON], "HIP"],
  ] as const) {
    const { report, pdbqt } = prepare(drawn(HIS, [...CARBON, ...hydrogens]));
    assert.deepEqual(report.histidines[0], { residue: HIS, state, reason: "hydrogens_in_file" });
    assert.deepEqual(report.histidines[1], { residue: "B:69", state: "HIE", reason: "default" });
    assert.equal(pdbqt, prepare(HPV, { histidines: { [HIS]: state } }).pdbqt);
    assert.deepEqual(report.notes, []);
    const named = state === "HIE" ? [] : [{ residue: HIS, name: "HIS", state, reason: "hydrogens_in_file" }];
    assert.deepEqual(report.protonation_states, named);
  }
});

test("what a person chose, or the residue's name, is stronger than the file's hydrogens, with a note", () => {
  const chosen = prepare(drawn(HIS, [DELTA]), { histidines: { [HIS]: "HIE" } }).report;
  assert.deepEqual(chosen.histidines[0], { residue: HIS, state: "HIE", reason: "chosen" });
  assert.deepEqual(chosen.notes, [
    "HIS:A:69: the file draws hydrogens 1 on ND1, 0 on NE2, written 0 on ND1, 1 on NE2 (choose HID for it to have it so)",
  ]);
  const named = prepare(drawn(HIS, [DELTA, EPSILON], renamed(HIS, "HIS", "HID"))).report;
  assert.deepEqual(named.histidines[0], { residue: HIS, state: "HID", reason: "named_in_file" });
  assert.match(named.notes.join(), /^HID:A:69: .* 1 on NE2, written 0 on NE2 \(choose HIP/);
});

test("a default is for histidines without hydrogens; who gave one is told where they decided", () => {
  const { histidines, notes } = prepare(drawn(HIS, [DELTA]), { default_histidine: "HIP" }).report;
  assert.deepEqual(
    histidines.map(({ state, reason }) => [state, reason]),
    [
      ["HID", "hydrogens_in_file"],
      ["HIP", "default"],
    ],
  );
  assert.match(notes.join(), /^the file's hydrogens decided, not the default HIP: HIS:A:69 HID/);
  assert.deepEqual(prepare(drawn(HIS, [DELTA]), { default_histidine: "HID" }).report.notes, []);
});

test("hydrogens that leave a histidine open give the default and a note", () => {
  const open: [Drawn[], RegExp][] = [
    [CARBON, /draws hydrogens 0 on NE2, written 1 on NE2 \(choose its state/],
    [
      [DELTA, ["HE2", "NE2", "A"], ["HB2", "CB", "B"]],
      /1 on ND1, an unclear number on NE2, written 0 on ND1, 1 on NE2/,
    ],
    [
      [
        ["HD1", "ND1", "A"],
        ["HE2", "NE2", "B"],
      ],
      /an unclear number on ND1, an unclear number on NE2, written 0 on ND1, 1 on NE2/,
    ],
  ];
  for (const [hydrogens, says] of open) {
    const { histidines, notes } = prepare(drawn(HIS, hydrogens)).report;
    assert.deepEqual(histidines[0], { residue: HIS, state: "HIE", reason: "default" });
    assert.match(notes.join(), says);
  }
});

test("hydrogen and deuterium in one place are one; names of before 1996 and a bad place are understood", () => {
  const state = (...hydrogens: Drawn[]) => prepare(drawn(HIS, hydrogens)).report.histidines[0]?.state;
  assert.equal(state(["HD1", "ND1", "A"], ["DD1", "ND1", "B"]), "HID");
  assert.equal(state(["H", "ND1"]), "HID", "by place where the name tells nothing");
  assert.equal(state(["HD1", "ND1", " ", 40]), "HID", "whatever its place");
  assert.equal(state(["HD2", "CD2", " ", 40], ["HE2", "NE2", " ", 45]), "HIE");
});

test("a hydrogen counts by its name, one that is only called H on the nearest atom it can be bonded to", () => {
  const atom = (name: string, x: number) => ({
    ...{ name, element: name.replace(/\d/, "").charAt(0), altloc: "", het: false, serial: "1", line: 1 },
    position: [x, 0, 0] as const,
  });
  const counts = (...atoms: ReturnType<typeof atom>[]) =>
    Object.fromEntries(
      drawnHydrogens({ name: "LIG", chain: "A", number: 1, insertion: "", segment: 0, het: false, atoms }) ??
        [],
    );
  assert.deepEqual(counts(atom("OX", 0), atom("NZ", 1.5), atom("H", 1)), { OX: 0, NZ: 1 });
  assert.deepEqual(counts(atom("SG", 0), atom("OX", 5), atom("H", 1.34), atom("H", 6.34)), { SG: 1, OX: 0 });
  assert.deepEqual(counts(atom("OX", 0), atom("NZ", 9), atom("HZ3", 1), atom("1HZ", 1)), { OX: 0, NZ: 2 });
  assert.deepEqual(counts(atom("OX", 0), atom("H", 50)), { OX: 0 });
});

const NOTES: [what: string, text: string, note: RegExp | null][] = [
  [
    "ASP with a hydrogen",
    drawn("A:25", [["HD2", "OD2"]]),
    /^ASP:A:25: the file draws hydrogens 1 on OD2, written 0 on OD2 \(name the residue ASH in the file to keep it\)$/,
  ],
  [
    "ASP with it on the other oxygen",
    drawn("A:25", [["HD1", "OD1"]]),
    /name the residue ASH .* and exchange the names of its oxygens: ASH has it on OD2\)$/,
  ],
  ["GLU with a hydrogen", drawn("A:21", [["HE2", "OE2"]]), /^GLU:A:21: .*name the residue GLH/],
  ["ASH as it is named", drawn("A:25", [["HD2", "OD2"]], renamed("A:25", "ASP", "ASH")), null],
  [
    "ASH with it on OD1",
    drawn("A:25", [["HD1", "OD1"]], renamed("A:25", "ASP", "ASH")),
    /1 on OD1, 0 on OD2, written 0 on OD1, 1 on OD2 \(exchange the names/,
  ],
  [
    "ASH without it",
    drawn("A:25", [["HB2", "CB"]], renamed("A:25", "ASP", "ASH")),
    /^ASH:A:25: .*name the residue ASP in the file/,
  ],
  [
    "LYS with two",
    drawn("A:20", [
      ["HZ1", "NZ"],
      ["HZ2", "NZ"],
    ]),
    /^LYS:A:20: .* 2 on NZ, written 3 on NZ \(name the residue LYN/,
  ],
  [
    "LYN with three",
    drawn(
      "A:20",
      [
        ["HZ1", "NZ"],
        ["HZ2", "NZ"],
        ["HZ3", "NZ"],
      ],
      renamed("A:20", "LYS", "LYN"),
    ),
    /^LYN:A:20: .*name the residue LYS/,
  ],
  ["CYS without its own", drawn("A:67", [["HB2", "CB"]]), /^CYS:A:67: .*name the residue CYX/],
  ["TYR without its own", drawn("A:59", [["HB2", "CB"]]), /^TYR:A:59: .* 0 on OH.*no other state/],
  ["a serine's or threonine's, which programs leave out", drawn("A:26", [["HB", "CB"]]), null],
  ["hydrogens of an amide that agree", drawn("A:25", [["H", "N"]]), null],
  [
    "a second hydrogen within the chain",
    drawn("A:24", [
      ["H1", "N", " ", -1],
      ["H2", "N", " ", -1.01],
    ]),
    /^LEU:A:24: .* 2 on N, written 1 on N/,
  ],
  [
    "ASP with two hydrogens",
    drawn("A:25", [
      ["HD1", "OD1"],
      ["HD2", "OD2"],
    ]),
    /1 on OD1, 1 on OD2, written 0 on OD1, 0 on OD2 \(no other state/,
  ],
  ["a hydrogen on a proline's N", drawn("A:9", [["H", "N", " ", -1]]), /^PRO:A:9: .* 1 on N, written 0 on N/],
  ["an N-terminus without hydrogens", drawn("A:1", [["HA", "CA"]]), null],
  ["a neutral N-terminus", drawn("A:1", [["H1", "N"]]), /^PRO:A:1: .* 1 on N, written 2 on N/],
  ["an acid at the C-terminus", drawn("A:99", [["HXT", "OXT"]]), /^PHE:A:99: .* 1 on OXT, written 0 on OXT/],
];

for (const [what, text, note] of NOTES) {
  test(`${what}: ${note === null ? "no note" : "a note that names it"}`, () => {
    const { report } = prepare(text);
    assert.ok(report.hydrogens_dropped > 0);
    if (note === null) assert.deepEqual(report.notes, []);
    else {
      assert.equal(report.notes.length, 1);
      assert.match(report.notes[0] ?? "", note);
    }
  });
}

test("residues that differ in the same way share a note, which names each", () => {
  const both = drawn("B:25", [["HD2", "OD2"]], drawn("A:25", [["HD2", "OD2"]]));
  assert.match(prepare(both).report.notes.join("|"), /^ASP:A:25, ASP:B:25: [^|]*$/);
});

test("states that are not the usual ones are listed with what decided them; disulfides are not", () => {
  const listed = (text: string, options = {}) => prepare(text, options).report.protonation_states;
  const named = (residue: string, state: string) => [
    { residue, name: state, state, reason: "named_in_file" },
  ];
  assert.deepEqual(listed(renamed("A:25", "ASP", "ASH")), named("A:25", "ASH"));
  assert.deepEqual(listed(renamed("A:21", "GLU", "GLH")), named("A:21", "GLH"));
  assert.deepEqual(listed(renamed("A:20", "LYS", "LYN")), named("A:20", "LYN"));
  assert.deepEqual(listed(pdb(peptide(["GLY", "CYX"]))), named("A:2", "CYX"));
  assert.deepEqual(listed(HPV, { histidines: { "B:69": "HIP" } }), [
    { residue: "B:69", name: "HIS", state: "HIP", reason: "chosen" },
  ]);
  assert.deepEqual(listed(renamed("A:69", "HIS", "HSP"))[0], {
    ...{ residue: "A:69", name: "HSP", state: "HIP", reason: "named_in_file" },
  });
});

test("a bridged cysteine drawn with its hydrogen is written without, and told", () => {
  const one = peptide(["GLY", "CYS"]);
  const sulfur = one.find((atom) => atom.name === "SG")!.position;
  const hydrogen: TestAtom = {
    ...one.at(-1)!,
    ...{ name: "HG", element: "H", position: [sulfur[0], sulfur[1], sulfur[2] - 1.34] },
  };
  // Another chain of the same shape, its sulphur 2.05 Å above this one.
  const other = peptide(["GLY", "CYS"], { chain: "B", at: [0, 0, 2.05] });
  const { report, atoms } = prepare(pdb(one, [hydrogen], "TER", other));
  assert.equal(typesAt(atoms, "A2"), "C 3 HD 1 N 1 OA 1 SA 1");
  assert.deepEqual(report.protonation_states, []);
  assert.match(
    report.notes.join("|"),
    /^CYS:A:2: .* 1 on SG, written 0 on SG \(its sulphur is within 2\.5 Å/,
  );
});
