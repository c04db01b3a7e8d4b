import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openToolkit } from "./toolkit.ts";

const toolkit = openToolkit();
after(() => toolkit[Symbol.asyncDispose]());

/** Atoms of the conformer (canonical SMILES, then hydrogens); small letters are aromatic. */
const CASES: [string, string, string][] = [
  ["Cc1ccccc1", `Ccccccc${"H".repeat(8)}`, "toluene"],
  ["c1c[nH]cn1", "ccncnHHHH", "imidazole"],
  ["O=c1cc[nH]cc1", "OcccnccHHHHH", "4-pyridone: the ring is, its oxygen is not"],
  ["c1ccsc1", "cccscHHHH", "thiophene"],
  ["[2H]c1ccccc1", "HccccccHHHHH", "a heavy hydrogen is an atom of the SMILES"],
  ["O=C1C=CC(=O)C=C1", "OCCCCOCCHHHH", "benzoquinone is not"],
  ["CC(=O)[O-]", "CCOOHHH", "an anion"],
];

for (const [smiles, expected, what] of CASES)
  test(`aromatic atoms of ${smiles} (${what})`, async () => {
    const { molblock, geometry } = await toolkit.embed(smiles, { seed: 42 });
    const aromatic = await toolkit.aromaticAtoms(molblock);
    assert.equal(aromatic.length, geometry.elements.length);
    const found = geometry.elements.map((element, atom) =>
      aromatic[atom] ? element.toLowerCase() : element,
    );
    assert.equal(found.join(""), expected);
  });

/** One ring of carbons with hydrogens first: a molblock need not put its heavy atoms in front. */
test("the answer is by the molblock's own numbers, also with hydrogens between", async () => {
  const atom = (symbol: string) =>
    `    0.0000    0.0000    0.0000 ${symbol}   0  0  0  0  0  0  0  0  0  0  0  0`;
  const bond = (from: number, to: number, order: number) =>
    [from, to, order, 0].map((value) => String(value).padStart(3)).join("");
  const lines = ["", "", "", " 12 12  0  0  0  0  0  0  0  0999 V2000"];
  for (let n = 0; n < 6; n += 1) lines.push(atom("H"), atom("C"));
  for (let n = 0; n < 6; n += 1)
    lines.push(bond(2 * n + 1, 2 * n + 2, 1), bond(2 * n + 2, 2 * ((n + 1) % 6) + 2, 1 + (n % 2)));
  const aromatic = await toolkit.aromaticAtoms([...lines, "M  END", ""].join("\n"));
  assert.deepEqual(
    aromatic,
    Array.from({ length: 12 }, (_, index) => index % 2 === 1),
  );
});

test("what is no molblock is refused, and the next one is read", async () => {
  const empty = "\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n";
  for (const [text, expected] of [
    ["", { kind: "bad_input" }],
    ["CCO", { kind: "engine_refused", code: "unparsable_input", message: /M {2}END/ }],
    ["x\nM  END\n", { kind: "engine_refused", code: "unparsable_input", message: /RDKit can read/ }],
    [empty, { kind: "bad_input", message: /no atoms/ }],
    ["M  END".padStart(300_000), { kind: "engine_refused", code: "too_large" }],
  ] as const)
    await assert.rejects(toolkit.aromaticAtoms(text), expected);
  const { molblock } = await toolkit.embed("CO", { seed: 42 });
  assert.deepEqual(await toolkit.aromaticAtoms(molblock), [false, false, false, false, false, false]);
});
