import assert from "node:assert/strict";
import { test } from "node:test";
import type { Box } from "../../structures/box.ts";
import type { Position } from "../../structures/geometry.ts";
import { checkVinaInput } from "./check.ts";
import { type VinaInput, type VinaParams, vinaParams } from "./schema.ts";
import { input, RECEPTOR, SITE } from "./support.test.ts";

const caffeine = input("caffeine");

function refused(change: Partial<VinaInput>, expected: object, params: Partial<VinaParams> = {}) {
  assert.throws(() => checkVinaInput(vinaParams(params), { ...caffeine, ...change }), {
    name: "AppError",
    ...expected,
  });
}

const box = (change: Partial<Box>): Partial<VinaInput> => ({ box: { ...SITE, ...change } });
const cube = (side: number): Position => [side, side, side];

test("sound input passes, with a large box and with one atom too", () => {
  checkVinaInput(vinaParams(), caffeine);
  checkVinaInput(vinaParams(), { ...caffeine, ...box({ size_angstrom: cube(60) }) });
  checkVinaInput(vinaParams(), input("methane"));
  checkVinaInput(vinaParams(), input("ammonium"));
});

test("a box that is none", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    refused(box({ center_angstrom: [bad, 0, 0] }), { kind: "bad_input" });
    refused(box({ size_angstrom: [18, bad, 18] }), { kind: "bad_input" });
  }
  refused(box({ size_angstrom: [18, 18, 0] }), { kind: "bad_input" });
  refused(box({ size_angstrom: [18, -1, 18] }), { kind: "bad_input" });
  // Above zero, but written as 0.000.
  refused(box({ size_angstrom: [18, 18, 0.0004] }), { kind: "bad_input" });
  refused(box({ size_angstrom: cube(1000) }), { kind: "bad_input" });
  refused(box({ center_angstrom: [1e6, 0, 0] }), { kind: "bad_input" });
});

test("a box without an atom of the receptor, by columns and without its hydrogens", () => {
  const missed = { kind: "engine_refused", code: "box_misses_receptor" };
  refused(box({ center_angstrom: [120, 0, -40] }), missed);
  refused({ receptor_pdbqt: "" }, missed);
  refused({ receptor_pdbqt: RECEPTOR.replace(/^(ATOM {2}|HETATM)/gm, "REMARK") }, missed);
  const [x, y, z] = SITE.center_angstrom.map((value) => value.toFixed(3).padStart(8));
  const atom = (type: string) => `ATOM  12345 XXXXAALAXA1234A   ${x}${y}${z}  1.00  0.00     0.000 ${type}\n`;
  checkVinaInput(vinaParams(), { ...caffeine, receptor_pdbqt: atom("C") });
  checkVinaInput(vinaParams(), { ...caffeine, receptor_pdbqt: atom("Zn") });
  refused({ receptor_pdbqt: atom("HD") }, missed);
  refused({ receptor_pdbqt: atom("C").replace("   9.400", "     nan") }, { kind: "bad_input" });
});

test("the receptor counts where the box ends, at the decimals that are written", () => {
  const atom = "ATOM      1  C   ALA A   1      10.000  10.000  10.000  1.00  0.00     0.000 C \n";
  const with_middle = (x: number) => ({
    receptor_pdbqt: atom,
    ...box({ center_angstrom: [x, 10, 10], size_angstrom: cube(18) }),
  });
  checkVinaInput(vinaParams(), { ...caffeine, ...with_middle(19) });
  checkVinaInput(vinaParams(), { ...caffeine, ...with_middle(19.0004) });
  refused(with_middle(19.001), { code: "box_misses_receptor" });
});

test("a ligand that has no room", () => {
  refused(box({ size_angstrom: cube(3) }), { kind: "engine_refused", code: "ligand_larger_than_box" });
});

test("a ligand without atoms, or other than it was prepared", () => {
  const { ligand } = caffeine;
  const pdbqt = (from: RegExp, to: string) => ({ ...ligand, pdbqt: ligand.pdbqt.replace(from, to) });
  refused({ ligand: pdbqt(/^ATOM.*\n/gm, "") }, { kind: "bad_input", message: /no atom/ });
  refused({ ligand: pdbqt(/^ATOM.*\n/m, "") }, { kind: "internal" });
  refused({ ligand: { ...ligand, torsions: 1 } }, { kind: "internal" });
  const geometry = { ...ligand.ligand.geometry, positions_angstrom: [] };
  refused({ ligand: { ...ligand, ligand: { ...ligand.ligand, geometry } } }, { kind: "bad_input" });
});

test("the seed is never 0, which means random", () => {
  for (const seed of [0, -1, 1.5, Number.NaN]) refused({}, { kind: "bad_input", message: /seed/ }, { seed });
});
