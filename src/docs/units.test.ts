import assert from "node:assert/strict";
import { test } from "node:test";
import { unitLegend, unitOf } from "./units.ts";

test("a number's unit is the end of its name", () => {
  const number = (name: string) => unitOf({ name, type: "double precision" });
  assert.equal(number("energy_eh"), "Eh");
  assert.equal(number("gradient_x_eh_per_bohr"), "Eh/a0");
  assert.equal(number("tpsa_angstrom2"), "Å²");
  assert.equal(number("affinity_kcal_mol"), "kcal/mol");
  assert.equal(number("clogp"), null);
  assert.equal(unitOf({ name: "orbital_energies_ev", type: "double precision[]" }), "eV");
  assert.equal(unitOf({ name: "size_bytes", type: "bigint" }), "B");
  assert.equal(unitOf({ name: "kind_k", type: "text" }), null, "only numbers have units");
});

test("no unit hides another: the longer ending is asked first", () => {
  const suffixes = unitLegend().map(({ suffix }) => suffix);
  for (const [at, suffix] of suffixes.entries())
    assert.equal(
      suffixes.findIndex((other) => suffix.endsWith(other)),
      at,
    );
});
