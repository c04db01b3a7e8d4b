import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DEMO_MOLECULES } from "../../src/demo-molecules.ts";
import { oneDocument, openCliHome, WITHOUT_XTB } from "../cli/home.ts";

const home = openCliHome({ after });
const skip = WITHOUT_XTB;

type Demo = { calculations: Row[]; seconds: number; cpu_seconds: number };
type Row = {
  name: string;
  smiles: string;
  energy_eh: number;
  gap_ev: number;
  dipole_debye: number;
  converged: boolean;
  reused: boolean;
};

test("the demo on a fresh home, and again", { skip }, async () => {
  const first = await home.run(["demo", "--json"]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /made the organization demo/);
  const demo = oneDocument(first.stdout) as Demo;
  assert.deepEqual(
    demo.calculations.map(({ name, smiles }) => ({ name, smiles })),
    DEMO_MOLECULES,
  );
  for (const row of demo.calculations) {
    assert.deepEqual([row.converged, row.reused], [true, false], row.name);
    assert.ok(row.energy_eh < 0 && row.gap_ev > 0 && row.dipole_debye >= 0, JSON.stringify(row));
  }
  const caffeine = demo.calculations.find(({ name }) => name === "caffeine");
  assert.ok(Math.abs((caffeine?.energy_eh ?? 0) + 42.153937) <= 1e-5, `caffeine: ${caffeine?.energy_eh}`);
  assert.ok(demo.seconds > 0 && demo.cpu_seconds > 0);

  const again = await home.run(["demo", "--json"]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /20 of 20 were computed before/);
  const { calculations } = oneDocument(again.stdout) as Demo;
  assert.deepEqual(
    calculations,
    demo.calculations.map((row) => ({ ...row, reused: true })),
  );
});
