import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultsOf } from "../engines/defaults.ts";
import { xtbParams } from "../engines/xtb/schema.ts";
import { differences } from "./differ.ts";

test("a protocol is told by what is not the default, and by what has none where it differs", () => {
  const { large: _large, ...usual } = xtbParams();
  const vina = {
    exhaustiveness: 8,
    num_modes: 9,
    energy_range_kcal_mol: 3,
    scoring: "vina",
    conformers: "1",
  };
  const protocols = [
    { task: "xtb.optimize", program: "xtb", params: usual },
    { task: "xtb.optimize", program: "xtb", params: { ...usual, method: "gfn1", solvent: "water" } },
    { task: "xtb.single_point", program: "xtb", params: { ...usual, task: "single_point" } },
    { task: "vina.dock", program: "vina", params: vina },
    { task: "vina.dock", program: "vina", params: { ...vina, exhaustiveness: 4, conformers: "2" } },
    { task: "other.run", program: "other", params: { basis: "small" } },
  ];
  assert.deepEqual(
    [...differences(protocols, defaultsOf).values()],
    [
      {},
      { method: "gfn1", solvent: "water" },
      {},
      { conformers: "1" },
      { exhaustiveness: 4, conformers: "2" },
      {},
    ],
  );
});
