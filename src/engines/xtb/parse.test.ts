import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Value } from "typebox/value";
import { confidence } from "../confidence.ts";
import { edit, inJson, parse } from "./damage.test.ts";
import { XtbAtom, XtbCalculation } from "./schema.ts";
import { recorded } from "./support.test.ts";

async function parsed(t: TestContext, name: string) {
  const result = await parse(await recorded(t, name));
  const { atoms, final_geometry, files, checks, ...columns } = result;
  assert.ok(Value.Check(XtbCalculation, columns), JSON.stringify(Value.Errors(XtbCalculation, columns)));
  for (const atom of atoms) assert.ok(Value.Check(XtbAtom, atom));
  assert.equal(atoms.length, final_geometry.elements.length);
  assert.match(files.log, /x T B[\s\S]*--- stderr ---[\s\S]*normal termination of xtb/);
  return result;
}

const near = (actual: number | null, expected: number, tolerance: number) =>
  assert.ok(
    actual !== null && Math.abs(actual - expected) <= tolerance,
    `${actual} is not ${expected} ± ${tolerance}`,
  );
const failed = (checks: { name: string; passed: boolean }[]) =>
  checks.filter((check) => !check.passed).map((check) => check.name);

test("an optimisation of water, column by column", async (t) => {
  const result = await parsed(t, "water_opt");
  assert.equal(result.energy_eh, -5.070544443464);
  assert.deepEqual(
    [result.method, result.program, result.program_version, result.solvation_energy_eh],
    ["GFN2-xTB", "xtb", "6.5.1", null],
  );
  assert.deepEqual([result.homo_ev, result.lumo_ev, result.gap_ev], [-12.14672465, 2.24417377, 14.39089842]);
  assert.deepEqual([result.orbital_energies_ev?.length, result.orbital_occupations], [6, [2, 2, 2, 2, 0, 0]]);
  assert.deepEqual(
    [result.geometry_converged, result.scf_converged, result.optimization_cycles],
    [true, true, 4],
  );
  near(result.gradient_norm_eh_per_bohr, 7.4994847e-5, 1e-11);
  assert.deepEqual([result.connectivity_preserved, result.quality_flags], [true, []]);
  assert.deepEqual([result.electronic_temperature_k, result.wall_seconds], [300, 0.1]);
  assert.ok(result.cpu_seconds !== null && result.cpu_seconds > 0);
  near(result.partial_charge_sum, 0, 1e-7);
  const [oxygen] = result.atoms;
  assert.deepEqual([oxygen?.element, oxygen?.atomic_number, oxygen?.charge_model], ["O", 8, "mulliken"]);
  near(oxygen?.partial_charge ?? null, -0.564727, 1e-6);
  near(oxygen?.z_angstrom ?? null, -0.3793, 1e-4);
  near(oxygen?.gradient_z_eh_per_bohr ?? null, 5.7e-5, 1e-6);
  assert.deepEqual(failed(result.checks), []);
  assert.equal(confidence(result.checks), 1);
  assert.ok(result.files["xtbopt.xyz"] !== undefined && result.files.trajectory !== undefined);
});

test("the dipole after an optimisation is the last geometry's, not the JSON's of the first", async (t) => {
  const result = await parsed(t, "water_opt");
  near(result.dipole_debye, 2.2168, 2e-4);
  near(result.dipole_z_debye, 2.2168, 2e-4);
  const json = JSON.parse(
    await readFile(join((await recorded(t, "water_opt")).outcome.folder, "xtbout.json"), "utf8"),
  );
  near(json.dipole[2] * 2.541746473, 2.2597, 2e-4);
});

test("a single point of water: xtb's own reference, the JSON's dipole, no verdict on the geometry", async (t) => {
  const result = await parsed(t, "water_single_point");
  near(result.energy_eh, -5.070451355118, 1e-7);
  near(result.gap_ev, 14.450372, 1e-4);
  near(result.gradient_norm_eh_per_bohr, 0.00645742, 1e-7);
  near(result.dipole_debye, 2.2597, 2e-4);
  assert.deepEqual(
    [result.geometry_converged, result.connectivity_preserved, result.optimization_cycles],
    [null, null, null],
  );
  assert.deepEqual(Object.keys(result.files), ["log"]);
  assert.deepEqual(failed(result.checks), []);
});

test("an ion's dipole is about its centre of mass", async (t) => {
  const result = await parsed(t, "ammonium_opt");
  near(result.dipole_debye, 0, 1e-4);
  near(result.partial_charge_sum, 1, 1e-6);
});

test("an open shell's HOMO is the singly occupied orbital", async (t) => {
  const result = await parsed(t, "methyl_radical_opt");
  assert.deepEqual(result.orbital_occupations?.slice(2, 5), [2, 1, 0]);
  assert.equal(result.homo_ev, result.orbital_energies_ev?.[3]);
  assert.equal(result.lumo_ev, result.orbital_energies_ev?.[4]);
  near(result.gap_ev, 12.5307, 1e-4);
});

test("one atom is done without a word about convergence", async (t) => {
  const result = await parsed(t, "helium_opt");
  assert.deepEqual(
    [result.geometry_converged, result.optimization_cycles, result.dipole_debye],
    [true, 0, 0],
  );
  assert.equal(result.energy_eh, -1.743126632946);
  assert.deepEqual(failed(result.checks), []);
});

test("ALPB: the solvation energy of the last geometry", async (t) => {
  const result = await parsed(t, "water_alpb_opt");
  near(result.energy_eh, -5.0850212, 1e-7);
  assert.equal(result.solvation_energy_eh, -0.019251422276, "the first geometry's is -0.019244493682");
});

test("GFN1 prints its dipole elsewhere", async (t) => {
  const result = await parsed(t, "water_gfn1_opt");
  assert.equal(result.method, "GFN1-xTB");
  near(result.dipole_debye, 2.769, 5e-4);
  assert.deepEqual(failed(result.checks), []);
});

test("GFN-FF has an energy, a gradient and a geometry, and nothing else", async (t) => {
  const result = await parsed(t, "water_gfnff_opt");
  assert.equal(result.method, "GFN-FF");
  near(result.energy_eh, -0.327656097539, 1e-12);
  const { homo_ev, gap_ev, dipole_debye, partial_charge_sum, orbital_energies_ev, scf_converged } = result;
  for (const value of [homo_ev, gap_ev, dipole_debye, partial_charge_sum, orbital_energies_ev, scf_converged])
    assert.equal(value, null);
  assert.deepEqual([result.atoms[0]?.partial_charge, result.atoms[0]?.charge_model], [null, null]);
  assert.equal(result.program_version, "6.5.1");
});

test("given bonds, not those of the start geometry, are what must be kept", async (t) => {
  const run = await recorded(t, "water_opt");
  const bonds = [{ from: 1, to: 2, order: 1 }];
  const result = await parse({ ...run, input: { ...run.input, bonds } });
  assert.deepEqual([result.connectivity_preserved, result.quality_flags], [false, ["connectivity_changed"]]);
  assert.deepEqual(failed(result.checks), ["connectivity_preserved"]);
  assert.ok(confidence(result.checks) < 1);
});

async function refused(
  t: TestContext,
  name: string,
  expected: { kind: string; code?: string; message?: RegExp },
) {
  await assert.rejects(parse(await recorded(t, name)), { code: expected.kind, ...expected });
}

test("the cycle limit: exit 0, every file in place, and no result", async (t) => {
  const message = /did not converge \(not done after 2 cycles\): start from a better geometry/;
  await refused(t, "cycle_limit", { kind: "engine_refused", code: "geometry_not_converged", message });
});

test("the SCF's failure is told in xtb's words, cause first", async (t) => {
  const message = /^xtb gave up: scf: Self consistent charge iterator did not converge: check charge/;
  await refused(t, "scf_limit", { kind: "engine_refused", code: "scf_not_converged", message });
});

test("a crash is a crash, by signal or by a shell's exit code", async (t) => {
  await refused(t, "crash", { kind: "crashed", message: /died of SIGABRT/ });
  const run = await recorded(t, "crash");
  for (const [exit_code, word] of [
    [134, "SIGABRT"],
    [139, "SIGSEGV"],
    [137, "out of memory"],
  ] as const) {
    const outcome = { ...run.outcome, signal: null, exit_code };
    await assert.rejects(parse({ ...run, outcome }), { kind: "crashed", message: new RegExp(word) });
  }
});

test("numbers that disagree lower the confidence and are named", async (t) => {
  for (const [name, spoil] of [
    ["energy_agrees", inJson(/-5\.0705\d+/, "-5.08000000")],
    ["gradient_agrees", edit(/GRADIENT NORM +\S+/, "GRADIENT NORM 0.5")],
    ["gradient_small", edit(/0\.1000000E-02 Eh/, "0.1000000E-05 Eh")],
    ["dipole_agrees", edit(/full:( +\S+ +\S+) +0\.872/, "full:$1 0.990")],
    ["electrons", inJson(/2\.00000000/, "1.50000000")],
  ] as const) {
    const run = await recorded(t, "water_opt");
    await spoil(run);
    const result = await parse(run);
    assert.deepEqual(failed(result.checks), [name]);
    assert.ok(confidence(result.checks) < 1 && confidence(result.checks) > 0.8);
  }
  const run = await recorded(t, "water_opt");
  edit(/full:( +\S+ +\S+) +0\.872/, "full:$1 0.990")(run);
  near((await parse(run)).dipole_z_debye, 0.99 * 2.541746473, 1e-9);
});

test("no orbital left empty: flagged, not reused, and refused above zero", async (t) => {
  const run = await recorded(t, "water_opt");
  await inJson(/,\s+2\.244\d+,\s+6\.84\d+/, "")(run);
  const result = await parse(run);
  assert.deepEqual([result.lumo_ev, result.gap_ev], [null, null]);
  assert.deepEqual(
    [result.quality_flags, failed(result.checks)],
    [["no_virtual_orbital"], ["virtual_orbital"]],
  );
  assert.ok(confidence(result.checks) < 0.8);
  edit(/TOTAL ENERGY +\S+/, "TOTAL ENERGY 2.26")(run);
  await assert.rejects(parse(run), { code: "engine_refused", message: /nonsense/ });
});

test("a small gap is flagged", async (t) => {
  const run = await recorded(t, "water_opt");
  await inJson(/14\.3908\d+/, "0.49")(run);
  const result = await parse(run);
  assert.deepEqual([result.quality_flags, failed(result.checks)], [["small_gap"], ["gap"]]);
});

test("confidence is the weighted share", () => {
  const check = (passed: boolean, weight: number) => ({ name: "x", passed, weight });
  assert.equal(confidence([check(true, 3), check(false, 1)]), 0.75);
  assert.equal(confidence([]), 0);
});
