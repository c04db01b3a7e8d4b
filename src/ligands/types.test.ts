import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import type { Ligand } from "./ligand.ts";
import { LIGANDS, ligand, MEEKO } from "./support.test.ts";
import { autodockTypes, unsupportedByVina } from "./types.ts";

test("every atom has the type that Meeko gives it", () => {
  assert.ok(Object.keys(LIGANDS).length > 40);
  assert.deepEqual(Object.keys(LIGANDS), Object.keys(MEEKO));
  for (const [name, each] of Object.entries(LIGANDS))
    assert.deepEqual(autodockTypes(each), MEEKO[name]?.types, name);
  const found = new Set(Object.values(LIGANDS).flatMap(autodockTypes));
  for (const type of ["A", "C", "N", "NA", "OA", "S", "SA", "P", "F", "Cl", "Br", "I", "Si", "HD", null])
    assert.ok(found.has(type), `no molecule has ${type}`);
});

/** The element of one atom of methane's conformer changed. */
function made(element: string): Ligand {
  const { geometry, ...rest } = ligand("ethane");
  return { ...rest, geometry: { ...geometry, elements: [element, ...geometry.elements.slice(1)] } };
}

test("an element without a type is refused by name and number", () => {
  for (const element of ["B", "Se", "As", "Na", "Mg", "Zn", "Fe", "Pt", "He"]) {
    const refused = (error: unknown) =>
      error instanceof AppError &&
      error.kind === "engine_refused" &&
      error.code === "unsupported_element" &&
      error.message.startsWith(`atom 1 is ${element},`);
    assert.throws(() => autodockTypes(made(element)), refused, element);
    assert.deepEqual(unsupportedByVina(["C", element, "H", element]), [element]);
  }
  for (const element of ["Si", "P", "F", "Cl", "Br", "I", "At"])
    assert.equal(autodockTypes(made(element))[0], element);
  assert.deepEqual(unsupportedByVina(["H", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I"]), []);
});

test("hydrogen alone is refused: no score looks at it", () => {
  const hydrogen: Ligand = {
    smiles: "[H][H]",
    geometry: {
      elements: ["H", "H"],
      positions_angstrom: [
        [0, 0, 0],
        [0, 0, 0.74],
      ],
    },
    bonds: [{ from: 0, to: 1, order: 1 }],
    charges: [0, 0],
    isotopes: [0, 0],
    aromatic: [false, false],
  };
  assert.throws(() => autodockTypes(hydrogen), /hydrogen only/);
});
