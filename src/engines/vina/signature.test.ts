import assert from "node:assert/strict";
import { test } from "node:test";
import { type Canonical, signatureOf } from "../../canonical.ts";
import { differencesOf } from "../../result-cache/difference.ts";
import type { Position } from "../../structures/geometry.ts";
import { vinaResultHash } from "./result-hash.ts";
import { type VinaInput, type VinaParams, type VinaPose, vinaParams } from "./schema.ts";
import { vinaSignature } from "./signature.ts";
import { INSTALL, input, SITE } from "./support.test.ts";

const nicotine = input("nicotine");
const { geometry, bonds } = input("caffeine").ligand.ligand;
const reference = { geometry, bonds, mate: null };
const sign = (partial: Partial<VinaParams> = {}, change: Partial<VinaInput> = {}, install = INSTALL) =>
  vinaSignature(install, vinaParams(partial), { ...nicotine, ...change });
const base = sign();

const reached = (changed: Canonical) =>
  differencesOf(base, changed)
    .map(({ path }) => path.split("/")[1] ?? "")
    .filter((root, at, all) => all.indexOf(root) === at);

test("the signature of a whole document is this, on every machine and in every year", () => {
  assert.equal(signatureOf(base), "bc096d7cd7b879e7c5515ceb58913d9c42e1fa0459253711a70349cf552b846e");
  assert.equal(
    signatureOf(sign({ seed: 7 }, { reference })),
    "4cad9236778cba6eb26bd92ef00180fbd78e3620e0ddb7341e7a09c9b047e7f7",
  );
});

test("each thing that decides the result changes its own part of the document and no other, and every part is reached", () => {
  const shifted = ([x, y, z]: Position): Position => [x + 0.001, y, z];
  const labelled = structuredClone(nicotine.ligand);
  labelled.ligand.isotopes[0] = 13;
  const cases: [Canonical, string[]][] = [
    [sign({}, {}, { ...INSTALL, version: "1.2.5" }), ["program"]],
    [sign({}, {}, { ...INSTALL, fingerprint: "1".repeat(64) }), ["program"]],
    [sign({}, { receptor_pdbqt: `${nicotine.receptor_pdbqt}\n` }), ["receptor_sha256"]],
    [sign({}, { ligand: { ...nicotine.ligand, pdbqt: `${nicotine.ligand.pdbqt}\n` } }), ["ligand_sha256"]],
    [sign({}, { ligand: labelled }), ["ligand_atoms_sha256"]],
    [sign({}, { box: { ...SITE, center_angstrom: shifted(SITE.center_angstrom) } }), ["box_center_angstrom"]],
    [sign({}, { box: { ...SITE, size_angstrom: shifted(SITE.size_angstrom) } }), ["box_size_angstrom"]],
    [sign({}, { reference }), ["reference_sha256"]],
    [sign({ exhaustiveness: 9 }), ["exhaustiveness"]],
    [sign({ num_modes: 8 }), ["num_modes"]],
    [sign({ energy_range_kcal_mol: 3.001 }), ["energy_range_kcal_mol"]],
    [sign({ seed: 43 }), ["seed"]],
  ];
  for (const [changed, parts] of cases) assert.deepEqual(reached(changed), parts);
  const constant = [
    ...["task", "task_version", "cache_version", "arguments", "scoring", "conformers", "ligand_writer"],
    ...["grid_spacing_angstrom", "min_rmsd_angstrom"],
  ];
  assert.deepEqual(
    [...new Set(cases.flatMap(([, parts]) => parts)), ...constant].toSorted(),
    Object.keys(base as object).toSorted(),
  );
  const signatures = [base, ...cases.map(([changed]) => changed)].map(signatureOf);
  assert.equal(new Set(signatures).size, signatures.length);
});

test("who runs it where is not signed", () => {
  assert.deepEqual(sign({}, {}, { ...INSTALL, path: "/elsewhere/vina", env: { HOSTNAME: "a" } }), base);
  assert.doesNotMatch(JSON.stringify(base), /cpu/);
});

test("the same poses have the same hash; another score, order or number has not", () => {
  const pose = (affinity: number): VinaPose => ({
    ...{ pose_rank: 1, affinity_kcal_mol: affinity, affinity_reported_kcal_mol: affinity },
    ...{ inter_kcal_mol: affinity - 1, intra_kcal_mol: -0.5, unbound_kcal_mol: -0.5 },
    ...{ rmsd_lb_angstrom: 0, rmsd_ub_angstrom: 0 },
    ...{ rmsd_reference_angstrom: null, rmsd_symmetry_mate_angstrom: null },
  });
  const hash = (...scores: number[]) => vinaResultHash({ outcome: "poses", poses: scores.map(pose) });
  assert.equal(hash(-7.1, -6.9), hash(-7.1, -6.9));
  const others = [
    hash(-7.2, -6.9),
    hash(-6.9, -7.1),
    hash(-7.1),
    vinaResultHash({ outcome: "no_favourable_pose", poses: [] }),
  ];
  assert.equal(new Set([hash(-7.1, -6.9), ...others]).size, 5);
});
