import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AppError } from "../../errors.ts";
import type { Geometry, Position } from "../../structures/geometry.ts";
import { parseXyz } from "../../structures/xyz.ts";
import { BOHR_ANGSTROM } from "../../units.ts";
import type { XtbInput, XtbParams } from "./schema.ts";
import { ALPB_SOLVENTS } from "./schema.ts";
import { atoms, FIXTURES, installed, moved, runXtb, species, WATER } from "./support.test.ts";

const { install, skip } = await installed();

async function run(t: TestContext, partial: Partial<XtbParams>, input: XtbInput) {
  assert.ok(install !== null);
  return runXtb(t, install, partial, input);
}

const near = (actual: number | null | undefined, expected: number, tolerance: number) =>
  assert.ok(
    actual != null && Math.abs(actual - expected) <= tolerance,
    `${actual} is not ${expected} ± ${tolerance}`,
  );
const point = { task: "single_point" } as const;

/** grimme-lab/xtb, test/unit/test_gfn2.f90: energy, gradient norm and gap of this water. */
test("water agrees with xtb's own unit test", { skip }, async (t) => {
  const result = await run(t, point, species(WATER));
  near(result.energy_eh, -5.070451355118, 1e-7);
  near(result.gap_ev, 14.450372, 1e-4);
  near(result.gradient_norm_eh_per_bohr, 0.00645742, 1e-6);
});

/** An asymmetric molecule near its minimum: ethanol, hand-built. */
const ETHANOL =
  atoms(`C -0.888 0.167 -0.027; C 0.468 -0.516 -0.037; O 1.431 0.323 0.587; H -0.847 1.118 -0.568;
  H -1.647 -0.470 -0.496; H -1.196 0.398 0.998; H 0.792 -0.722 -1.062; H 0.425 -1.456 0.514; H 1.467 1.155 0.085`);

test("the gradient is the energy's derivative", { skip }, async (t) => {
  const step_angstrom = 0.001 * BOHR_ANGSTROM;
  // A strict SCF, so that its noise stays below the difference of two energies.
  const strict = { ...point, accuracy: 0.01 };
  const { atoms: rows } = await run(t, strict, species(ETHANOL));
  for (const [atom, axis, column] of [
    [2, 0, "gradient_x_eh_per_bohr"],
    [3, 1, "gradient_y_eh_per_bohr"],
    [8, 2, "gradient_z_eh_per_bohr"],
  ] as const) {
    const shifted = (sign: number) => {
      const positions = ETHANOL.positions_angstrom.map((p): Position => [...p]);
      const at = [...(positions[atom] ?? [0, 0, 0])] as [number, number, number];
      at[axis] += sign * step_angstrom;
      positions[atom] = at;
      return species({ ...ETHANOL, positions_angstrom: positions });
    };
    const [plus, minus] = [await run(t, strict, shifted(1)), await run(t, strict, shifted(-1))];
    near(rows[atom]?.[column], (plus.energy_eh - minus.energy_eh) / 0.002, 1e-5);
  }
});

test("turning, moving and renumbering change nothing", { skip }, async (t) => {
  const base = await run(t, point, species(ETHANOL));
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const turned = moved(ETHANOL, ([x, y, z]) => [c * x - s * y, s * x + c * y, z]);
  const shifted = moved(ETHANOL, ([x, y, z]) => [x + 7, y - 3, z + 11]);
  const order = [8, 2, 0, 1, 7, 3, 6, 4, 5];
  const pick = <T>(values: readonly T[]) => order.map((index) => values[index] as T);
  const renumbered: Geometry = {
    elements: pick(ETHANOL.elements),
    positions_angstrom: pick(ETHANOL.positions_angstrom),
  };
  for (const geometry of [turned, shifted, renumbered]) {
    const other = await run(t, point, species(geometry));
    near(other.energy_eh, base.energy_eh, 1e-8);
    near(other.gap_ev, base.gap_ev ?? 0, 1e-5);
    near(other.dipole_debye, base.dipole_debye ?? 0, 1e-4);
    near(other.gradient_norm_eh_per_bohr, base.gradient_norm_eh_per_bohr, 1e-6);
    const charges = base.atoms.map((atom) => atom.partial_charge);
    const expected = geometry === renumbered ? pick(charges) : charges;
    for (const [index, atom] of other.atoms.entries()) near(atom.partial_charge, expected[index] ?? 0, 1e-5);
  }
  const rotated = await run(t, point, species(turned));
  near(rotated.dipole_x_debye, c * (base.dipole_x_debye ?? 0) - s * (base.dipole_y_debye ?? 0), 1e-4);
});

const AMMONIUM = atoms("N 0 0 0; H 0.7 0.5 0.5; H -0.6 -0.6 0.6; H -0.6 0.6 -0.6; H 0.6 -0.6 -0.5");

for (const method of ["gfn1", "gfn2"] as const) {
  for (const task of ["single_point", "optimize"] as const) {
    test(`an ion moved by 10 Å keeps its dipole (${method}, ${task})`, { skip }, async (t) => {
      const here = await run(t, { task, method }, species(AMMONIUM, 1));
      const there = await run(
        t,
        { task, method },
        species(
          moved(AMMONIUM, ([x, y, z]) => [x + 10, y, z - 10]),
          1,
        ),
      );
      assert.ok(task === "optimize" || (here.dipole_debye ?? 0) > 0.1, "a dipole of nothing shows nothing");
      // GFN1 prints four decimals of e·a0 after an optimisation.
      near(there.dipole_debye, here.dipole_debye ?? Number.NaN, method === "gfn1" ? 1e-3 : 1e-4);
    });
  }
}

test("the dipole after an optimisation is that of a second single point", { skip }, async (t) => {
  for (const [method, tolerance] of [
    ["gfn2", 1e-4],
    ["gfn1", 5e-4],
  ] as const) {
    const optimised = await run(t, { method }, species(ETHANOL));
    const second = await run(t, { ...point, method }, species(optimised.final_geometry));
    near(optimised.dipole_debye, second.dipole_debye ?? Number.NaN, tolerance);
    near(optimised.energy_eh, second.energy_eh, 1e-8);
    near(optimised.homo_ev, second.homo_ev ?? Number.NaN, 1e-4);
  }
});

test("a glycine zwitterion loses a proton in the gas phase and keeps it in water", { skip }, async (t) => {
  const geometry = parseXyz(await readFile(join(FIXTURES, "glycine_zwitterion.xyz")));
  const gas = await run(t, {}, species(geometry));
  assert.deepEqual([gas.connectivity_preserved, gas.quality_flags], [false, ["connectivity_changed"]]);
  const water = await run(t, { solvent: "water" }, species(geometry));
  assert.deepEqual([water.connectivity_preserved, water.quality_flags], [true, []]);
});

test("every listed solvent is one that xtb knows, with each method", { skip }, async (t) => {
  const energies = new Set<number>();
  for (const solvent of ALPB_SOLVENTS)
    energies.add((await run(t, { ...point, solvent }, species(WATER))).energy_eh);
  assert.equal(energies.size, ALPB_SOLVENTS.length);
  for (const method of ["gfn1", "gfnff"] as const) {
    const { solvation_energy_eh } = await run(t, { ...point, method, solvent: "thf" }, species(WATER));
    assert.ok((solvation_energy_eh ?? 0) < 0);
  }
});

test("single atoms and few electrons", { skip }, async (t) => {
  const hydrogen = await run(t, {}, species(atoms("H 0 0 0"), 0, 2));
  assert.deepEqual([hydrogen.lumo_ev, hydrogen.gap_ev, hydrogen.geometry_converged], [null, null, true]);
  near(hydrogen.energy_eh, -0.393482763936, 1e-9);
  const proton = await run(t, {}, species(atoms("H 1 2 3"), 1));
  assert.deepEqual([proton.homo_ev, proton.gap_ev], [null, null]);
  near(proton.dipole_debye, 0, 1e-6);
  const oxygen = await run(t, {}, species(atoms("O 0 0 0; O 0 0 1.2"), 0, 3));
  near(oxygen.gap_ev, (oxygen.lumo_ev ?? 0) - (oxygen.homo_ev ?? 0), 1e-6);
  assert.equal((await run(t, { method: "gfnff" }, species(atoms("He 0 0 0")))).energy_eh, 0);
});

/** xtb 6.5.1 reads past its arrays here: about one run in three says 3,597 Eh. */
test("with every orbital filled the energy is refused or flagged", { skip }, async (t) => {
  const nitrogen = species(atoms("N 0 0 0"), 0, 4);
  for (let repeat = 0; repeat < 5; repeat++) {
    try {
      const result = await run(t, { method: "gfn1" }, nitrogen);
      near(result.energy_eh, -2.895257917, 1e-6);
      assert.deepEqual(result.quality_flags, ["no_virtual_orbital"]);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      assert.deepEqual([error.code, /nonsense/.test(error.message)], ["engine_refused", true]);
    }
  }
});

test("what does not converge is no result", { skip }, async (t) => {
  const cycles = { max_optimization_cycles: 2, optimization_level: "extreme" } as const;
  await assert.rejects(run(t, cycles, species(ETHANOL)), { code: "geometry_not_converged" });
  await assert.rejects(run(t, { max_scf_iterations: 2 }, species(ETHANOL)), { code: "scf_not_converged" });
});

test("too little memory is a crash, too little time a timeout", { skip }, async (t) => {
  assert.ok(install !== null);
  const helium = Array.from({ length: 150 }, (_, i) => `He ${3 * (i % 12)} ${3 * Math.floor(i / 12)} 0`).join(
    ";",
  );
  const large = species(atoms(helium));
  const starved = runXtb(t, install, point, large, { memory_limit_bytes: 60 * 1024 ** 2 });
  await assert.rejects(starved, { kind: "crashed" });
  const hurried = runXtb(t, install, {}, large, { time_limit_seconds: 0.1 });
  await assert.rejects(hurried, { kind: "timeout" });
});
