import assert from "node:assert/strict";
import { test } from "node:test";
import { elementOf, isMetal } from "./elements.ts";

test("standard residues take the element from residue and atom, whatever the columns say", () => {
  const cases = [
    ["ALA", " CA ", "CA", "C"],
    ["ALA", "CA  ", "", "C"],
    ["HIS", " NE2", "NE", "N"],
    ["MET", " SD ", "10", "S"],
    ["PHE", " OXT", "", "O"],
    ["ILE", " CD ", "CD", "C"],
    ["LEU", " OT1", "", "O"],
  ] as const;
  for (const [residue, name, field, element] of cases) assert.equal(elementOf(residue, name, field), element);
});

test("hydrogens are known by all their names, deuterium among them", () => {
  for (const name of [" H  ", "1HB ", "HD11", " HA2", " D  ", " DA ", "DD21", "3HG1"])
    assert.equal(elementOf("LEU", name, ""), "H", name);
  assert.equal(elementOf("HOH", " D1 ", " D"), "H");
  assert.equal(elementOf("LIG", "H101", ""), "H");
  assert.equal(elementOf("LIG", " HO2", ""), "H");
});

test("columns 77–78 count only where they are a symbol that the name begins with", () => {
  assert.equal(elementOf("LIG", "CL1 ", "CL"), "Cl");
  assert.equal(elementOf("LIG", "CL1 ", " C"), "C");
  assert.equal(elementOf("LIG", " C1 ", "86"), "C");
  assert.equal(elementOf("LIG", " C1 ", " N"), "C");
  assert.equal(elementOf("LIG", " C1 ", "XX"), "C");
  assert.equal(elementOf("CA ", "CA  ", "CA"), "Ca");
});

test("without them the alignment of the name tells calcium from an alpha carbon", () => {
  assert.equal(elementOf("LIG", "CA  ", ""), "Ca");
  assert.equal(elementOf("LIG", " CA ", ""), "C");
  assert.equal(elementOf("CA", " CA ", ""), "Ca");
  assert.equal(elementOf("HEM", "FE  ", ""), "Fe");
  assert.equal(elementOf("LIG", "CL12", ""), "Cl");
  assert.equal(elementOf("LIG", "CA12", ""), "C");
  assert.equal(elementOf("ZN", " ZN ", ""), "Zn");
  assert.equal(elementOf("LIG", " X1 ", ""), "");
});

test("metals are told from what ligands are made of", () => {
  for (const metal of ["Zn", "MG", "ca", "Fe", "Na", "K", "Hg", "Al", "Gd"]) assert.ok(isMetal(metal), metal);
  for (const other of ["C", "CL", "Br", "I", "Se", "B", "Si", "D", "X", ""])
    assert.ok(!isMetal(other), other);
});
