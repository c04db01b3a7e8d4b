import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMolblock } from "../structures/sdf.ts";
import { openIdentifier } from "./identities.ts";
import { loadRdkit, withMol } from "./rdkit.ts";
import { type Identity, openToolkit } from "./toolkit.ts";

const identifier = openIdentifier();

async function identities(texts: string[]): Promise<Identity[]> {
  const inputs = texts.map((text) => ({ text, format: "smiles" as const }));
  const reply = await identifier({ kind: "identify", inputs });
  assert.ok(reply.kind === "identified");
  return reply.results.map((result, index) => {
    assert.ok(result.ok, texts[index]);
    return result.species;
  });
}

/** A drawing with every mark (`?`) set every way. */
function drawings(pattern: string): string[] {
  const parts = pattern.split("?");
  return Array.from({ length: 2 ** (parts.length - 1) }, (_, n) =>
    parts.map((part, bit) => (bit === 0 ? part : `${(n >> (bit - 1)) & 1 ? "@@" : "@"}${part}`)).join(""),
  );
}

const INOSITOL = "O[C?H]1[C?H](O)[C?H](O)[C?H](O)[C?H](O)[C?H]1O";

/** Species among the drawings, as textbooks count them. */
const FAMILIES: [number, string, string][] = [
  [9, INOSITOL, "the inositols"],
  [4, "O[C?H]1[C?H](O)[C?H](O)[C?H]1O", "cyclobutanetetrols"],
  [4, "F[C?H]1[C?H](F)[C?H](F)[C?H](F)[C?H]1F", "pentafluorocyclopentanes"],
  [32, "CO[C?H]1[C?H](O)[C?H](O)[C?H](O)[C?H](O)[C?H]1O", "inositols, one methylated"],
  [2, "C[C?]1(C(=O)O)C[C?](C)(C(=O)O)C[C?](C)(C(=O)O)C1", "Kemp's triacid"],
  [4, "O[C?H]1[C?H](O)[C?H](O)CCC1", "cyclohexane-1,2,3-triols"],
  [5, "OC(=O)[C?H]1[C?H](c2ccccc2)[C?H](C(=O)O)[C?H]1c1ccccc1", "truxillic acids"],
  [2, "CCC1=C(C)CN(C1=O)C(=O)NCCc1ccc(cc1)S(=O)(=O)NC(=O)N[C?H]1CC[C?H](C)CC1", "glimepirides"],
  [4, "OC[C?H](O)[C?H](O)[C?H](O)CO", "pentitols: the middle mark of the arabitols says nothing"],
  [10, "OC[C?H](O)[C?H](O)[C?H](O)[C?H](O)CO", "hexitols"],
  [4, "CN1[C?H]2CC[C?H]1C[C?H](O)C2", "tropines"],
];

for (const [species, pattern, what] of FAMILIES)
  test(`one text for each species, which reads as itself: ${what}`, async () => {
    const first = await identities(drawings(pattern));
    const again = await identities(first.map((each) => each.smiles));
    const texts = first.map((each) => each.smiles);
    assert.deepEqual(
      again.map((each) => [each.identity_key, each.smiles]),
      first.map((each) => [each.identity_key, each.smiles]),
    );
    assert.equal(new Set(first.map((each) => each.identity_key)).size, species);
    assert.equal(new Set(texts).size, species, "one text a key");
  });

/** CIP codes of a text's or molblock's marked atoms, heavy atoms counted from 0. */
type Codes = [number, string][];

test("a conformer's atoms are those of the species' SMILES, in order and in configuration", async () => {
  await using toolkit = openToolkit();
  const rdkit = await loadRdkit();
  const codes = (text: string): Codes => {
    const read = withMol(
      rdkit,
      text,
      (mol) => (JSON.parse(mol.get_stereo_tags()) as { CIP_atoms: Codes }).CIP_atoms,
    );
    return (read ?? []).toSorted((a, b) => a[0] - b[0]);
  };
  const isomers = new Map(
    (await identities(drawings(INOSITOL))).map((each) => [each.identity_key, each.smiles]),
  );
  // OpenChemLib makes the mirror image of myo-inositol and of this tetramethylcyclobutane: both are meso.
  for (const smiles of [...isomers.values(), "C[C@H]1[C@H](C)[C@@H](C)[C@H]1C"]) {
    const made = await toolkit.embed(smiles, { seed: 42 });
    const elements = parseMolblock(made.molblock).geometry.elements.filter((element) => element !== "H");
    assert.deepEqual(
      elements,
      [...smiles.matchAll(/[CNO]/g)].map(([symbol]) => symbol),
      smiles,
    );
    assert.deepEqual(codes(made.molblock), codes(smiles), smiles);
  }
});
