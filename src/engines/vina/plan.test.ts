import assert from "node:assert/strict";
import { test } from "node:test";
import { Value } from "typebox/value";
import { canonicalJson, signatureOf } from "../../canonical.ts";
import type { Position } from "../../structures/geometry.ts";
import { boxTexts, planVina, vinaArguments, writtenBox } from "./plan.ts";
import { type ReferencePose, type VinaInput, VinaParams, vinaParams } from "./schema.ts";
import { vinaSignature } from "./signature.ts";
import { INSTALL, input, SITE } from "./support.test.ts";

const nicotine = input("nicotine");

test("the arguments, as a person would type them", () => {
  const box = {
    center_angstrom: [-9.4, -0.0001, 1234.56789] as const,
    size_angstrom: [18, 20.5, 22] as const,
  };
  const params = vinaParams({ exhaustiveness: 4, num_modes: 5, energy_range_kcal_mol: 2.5, seed: 7 });
  assert.equal(
    vinaArguments(params, { ...nicotine, box }).join(" "),
    "--receptor receptor.pdbqt --ligand ligand.pdbqt --center_x -9.400 --center_y 0.000 --center_z 1234.568 " +
      "--size_x 18.000 --size_y 20.500 --size_z 22.000 --exhaustiveness 4 --num_modes 5 --energy_range 2.500 " +
      "--seed 7 --cpu 1 --out out.pdbqt",
  );
  assert.deepEqual(boxTexts(box).center, ["-9.400", "0.000", "1234.568"]);
  assert.deepEqual(writtenBox(box), { center_angstrom: [-9.4, 0, 1234.568], size_angstrom: [18, 20.5, 22] });
});

test("the plan: two files, nothing of our environment, limits that grow with the search", () => {
  const plan = planVina(INSTALL, vinaParams(), nicotine);
  assert.deepEqual(plan.files, {
    "receptor.pdbqt": nicotine.receptor_pdbqt,
    "ligand.pdbqt": nicotine.ligand.pdbqt,
  });
  assert.deepEqual([plan.program, plan.env], ["/usr/bin/vina", {}]);
  const limit = (name: string, exhaustiveness: number) =>
    planVina(INSTALL, vinaParams({ exhaustiveness }), input(name)).time_limit_seconds;
  // Measured: amprenavir at exhaustiveness 8 takes 109 CPU s, nicotine 3.3.
  assert.ok(limit("amprenavir", 8) > 15 * 109 && limit("amprenavir", 8) < 3600);
  assert.ok(limit("nicotine", 8) >= 300 && limit("nicotine", 8) < 600);
  const growth = limit("amprenavir", 1008) - limit("amprenavir", 8);
  assert.ok(Math.abs(growth / (limit("amprenavir", 508) - limit("amprenavir", 8)) - 2) < 0.01, "linear");
  const memory = (given: VinaInput) => planVina(INSTALL, vinaParams(), given).memory_limit_bytes;
  // Measured: 0.58 GB resident, and 1.1 GB of addresses for the stack of its thread.
  assert.ok(memory(input("amprenavir")) > 2 * 1.7e9 && memory(input("amprenavir")) < 8e9);
  const wide = { ...SITE, size_angstrom: [90, 90, 90] as const };
  assert.ok(memory({ ...nicotine, box: wide }) > memory(nicotine) + 2 * 0.65e9);
});

test("the parameters: defaults are valid, a random seed and nonsense are not", () => {
  assert.ok(Value.Check(VinaParams, vinaParams()));
  assert.deepEqual(vinaParams().seed, 42);
  for (const wrong of [
    { seed: 0 },
    { seed: -1 },
    { seed: 2 ** 31 },
    { seed: 1.5 },
    { exhaustiveness: 0 },
    { num_modes: 0 },
    { energy_range_kcal_mol: 0 },
    { energy_range_kcal_mol: Number.NaN },
    { cpu: 4 },
  ])
    assert.equal(Value.Check(VinaParams, { ...vinaParams(), ...wrong }), false, JSON.stringify(wrong));
});

const base = signatureOf(vinaSignature(INSTALL, vinaParams(), nicotine));
const sign = (given: VinaInput, partial: Partial<VinaParams> = {}) =>
  signatureOf(vinaSignature(INSTALL, vinaParams(partial), given));

function reference(name: string): ReferencePose {
  const { geometry, bonds } = input(name).ligand.ligand;
  return { geometry, bonds, mate: null };
}

test("the signature is stable text without paths, CPUs or limits", () => {
  assert.equal(sign(input("nicotine")), base);
  const text = canonicalJson(vinaSignature(INSTALL, vinaParams(), nicotine));
  assert.match(text, /"box_center_angstrom":\["9\.400","16\.100","9\.200"\]/);
  assert.match(text, /"energy_range_kcal_mol":"3\.000"/);
  assert.match(text, /"receptor_sha256":"[0-9a-f]{64}"/);
  assert.doesNotMatch(text, /usr|cpu|limit|host/);
});

test("what decides the result changes the signature", () => {
  const nudge = ([x, y, z]: Position, by: number): Position => [x + by, y, z];
  const moved = structuredClone(nicotine);
  moved.ligand.ligand.geometry.positions_angstrom = moved.ligand.ligand.geometry.positions_angstrom.map((p) =>
    nudge(p, 1e-6),
  );
  const charged = structuredClone(nicotine);
  charged.ligand.ligand.charges[0] = 1;
  const doubled = structuredClone(nicotine);
  doubled.ligand.ligand.bonds[0]!.order = 2;
  const labelled = structuredClone(nicotine);
  labelled.ligand.ligand.isotopes[0] = 13;
  const mate = reference("caffeine").geometry.positions_angstrom.map((p) => nudge(p, 1));
  const variants = [
    signatureOf(vinaSignature({ ...INSTALL, version: "1.2.5" }, vinaParams(), nicotine)),
    signatureOf(vinaSignature({ ...INSTALL, fingerprint: "0".repeat(64) }, vinaParams(), nicotine)),
    sign({ ...nicotine, receptor_pdbqt: `${nicotine.receptor_pdbqt}\n` }),
    sign({ ...nicotine, ligand: { ...nicotine.ligand, pdbqt: `${nicotine.ligand.pdbqt}\n` } }),
    ...[moved, charged, doubled, labelled, input("caffeine")].map((given) => sign(given)),
    sign({ ...nicotine, box: { ...SITE, center_angstrom: nudge(SITE.center_angstrom, 0.001) } }),
    sign({ ...nicotine, box: { ...SITE, size_angstrom: nudge(SITE.size_angstrom, 0.001) } }),
    sign({ ...nicotine, reference: reference("caffeine") }),
    sign({ ...nicotine, reference: reference("nicotine") }),
    sign({ ...nicotine, reference: { ...reference("caffeine"), mate } }),
    ...[{ exhaustiveness: 9 }, { num_modes: 8 }, { energy_range_kcal_mol: 3.5 }, { seed: 43 }].map(
      (partial) => sign(nicotine, partial),
    ),
  ];
  assert.equal(new Set([base, ...variants]).size, variants.length + 1);
});

test("what does not decide it does not", () => {
  const elsewhere = { ...INSTALL, path: "/opt/vina", env: { HOME: "/root" } };
  assert.equal(signatureOf(vinaSignature(elsewhere, vinaParams(), nicotine)), base);
  const [x, y, z] = SITE.center_angstrom;
  assert.equal(sign({ ...nicotine, box: { ...SITE, center_angstrom: [x + 1e-5, y, z] } }), base);
  const reversed = structuredClone(nicotine);
  reversed.ligand.ligand.bonds = reversed.ligand.ligand.bonds
    .map(({ from, to, order }) => ({ from: to, to: from, order }))
    .reverse();
  assert.equal(sign(reversed), base);
});

test("a middle of negative zero is signed as zero", () => {
  const at = (zero: number) => sign({ ...nicotine, box: { ...SITE, center_angstrom: [zero, zero, zero] } });
  assert.equal(at(-0), at(0));
  assert.equal(at(-0.0004), at(0));
});
