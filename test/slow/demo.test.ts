import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { DemoResult } from "../../src/cli/demo-report.ts";
import { DEMO_LIGANDS, DEMO_MOLECULES, DEMO_REDOCKED } from "../../src/demo-molecules.ts";
import { oneDocument, openCliHome, WITHOUT_VINA, WITHOUT_XTB } from "../cli/home.ts";

const home = openCliHome({ after });
const skip = WITHOUT_XTB || WITHOUT_VINA;

test("the demo on a fresh home, and again", { skip }, async () => {
  const first = await home.run(["demo", "--json"]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /made the organization demo/);
  const demo = oneDocument(first.stdout) as DemoResult;
  assert.deepEqual(
    demo.calculations.map(({ name, smiles }) => ({ name, smiles })),
    DEMO_MOLECULES,
  );
  for (const row of demo.calculations) {
    assert.deepEqual([row.converged, row.reused], [true, false], row.name);
    const { energy_eh, gap_ev, dipole_debye } = row;
    assert.ok(energy_eh !== null && energy_eh < 0, row.name);
    assert.ok(gap_ev !== null && gap_ev > 0 && dipole_debye !== null && dipole_debye >= 0, row.name);
  }
  const caffeine = demo.calculations.find(({ name }) => name === "caffeine");
  assert.ok(Math.abs((caffeine?.energy_eh ?? 0) + 42.153937) <= 1e-5, `caffeine: ${caffeine?.energy_eh}`);
  assert.ok(demo.seconds > 0 && demo.cpu_seconds > 0);
  checkRedock(demo);
  assert.deepEqual(
    demo.docking.map(({ name, smiles }) => ({ name, smiles })),
    [DEMO_REDOCKED, ...DEMO_LIGANDS],
  );
  for (const row of demo.docking) {
    const { affinity_kcal_mol: score, affinity_reported_kcal_mol: printed } = row;
    assert.ok(score !== null && score < -4 && printed !== null && Math.abs(printed - score) < 1, row.name);
    assert.ok(row.poses > 0 && !row.reused, row.name);
  }

  const again = await home.run(["demo", "--json"]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /28 of 28 were computed before/);
  const { calculations, docking, redock } = oneDocument(again.stdout) as DemoResult;
  assert.deepEqual(redock, demo.redock);
  assert.deepEqual(
    docking,
    demo.docking.map((row) => ({ ...row, reused: true })),
  );
  assert.deepEqual(
    calculations,
    demo.calculations.map((row) => ({ ...row, reused: true })),
  );
});

/** The bounds of the reference: first pose within 2.5 Å of the crystal, score −9.8 ± 0.3 kcal/mol. */
function checkRedock({ redock }: DemoResult): void {
  const { affinity_kcal_mol, rmsd_angstrom, best_rmsd_angstrom, best_rmsd_rank } = redock;
  assert.ok(rmsd_angstrom !== null && rmsd_angstrom <= 2.5, JSON.stringify(redock));
  assert.ok(affinity_kcal_mol !== null && Math.abs(affinity_kcal_mol + 9.8) <= 0.3, JSON.stringify(redock));
  assert.ok(best_rmsd_angstrom !== null && best_rmsd_angstrom <= rmsd_angstrom);
  assert.ok(best_rmsd_rank !== null && best_rmsd_rank >= 1);
  assert.ok((redock.rmsd_symmetry_mate_angstrom ?? 0) > 5, "the mate lies on the other side");
  assert.deepEqual([redock.waters_kept, redock.seed], [["201"], 42]);
}
