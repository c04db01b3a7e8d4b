import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { AppError, type ChemistryCode } from "../errors.ts";
import { bondText, perceiveBonds } from "../structures/bonds.ts";
import { parseMolblock } from "../structures/sdf.ts";
import { openToolkit } from "./toolkit.ts";

const toolkit = openToolkit();
after(() => toolkit[Symbol.asyncDispose]());

const smiles = (text: string) => ({ text, format: "smiles" as const });

test("a batch keeps its order and one bad record spoils nothing", async () => {
  const inputs = Array.from({ length: 450 }, (_, index) => smiles("C".repeat(1 + (index % 20))));
  for (const [at, text] of [
    [0, ""],
    [7, "C1CC"],
    [199, "C".repeat(1_000)],
    [200, "*"],
    [449, "x".repeat(10_000)],
  ] as const)
    inputs[at] = smiles(text);
  const results = await toolkit.identify(inputs);
  assert.equal(results.length, 450);
  for (const [index, result] of results.entries()) {
    const bad = [0, 7, 199, 200, 449].includes(index);
    assert.equal(result.ok, !bad, `${index}`);
    if (result.ok) assert.equal(result.species.smiles, inputs[index]?.text);
  }
  assert.deepEqual(await toolkit.identify([]), []);
});

test("a 3D structure is the molecule that was drawn, right-handed, in the molblock as in the geometry", async () => {
  for (const text of [
    "C[C@H](N)C(=O)O",
    "C[C@@H](F)Cl",
    "C/C=C\\C",
    "CC(=O)[O-]",
    "[2H]C([2H])([2H])O",
    "C[S@](=O)CC",
  ]) {
    const made = await toolkit.embed(text, { seed: 42 });
    const [drawn, back] = await toolkit.identify([smiles(text), { text: made.molblock, format: "molblock" }]);
    assert.ok(drawn?.ok && back?.ok);
    assert.equal(back.species.identity_key, drawn.species.identity_key, text);
    const read = parseMolblock(made.molblock);
    assert.deepEqual(read.geometry, made.geometry);
    assert.equal(read.charge, drawn.species.charge);
    assert.deepEqual(
      perceiveBonds(made.geometry).map(({ from, to }) => `${from}-${to}`),
      made.bonds.map(({ from, to }) => `${from}-${to}`),
      "every bond is where its atoms are near, and nowhere else",
    );
    assert.equal(bondText(perceiveBonds(made.geometry)), bondText(perceiveBonds(read.geometry)));
    assert.equal(made.minimised, true);
    assert.equal(made.generator, "openchemlib 9.25.0 seed 42 MMFF94s+");
  }
});

test("stereo that is no choice may come out of 3D either way", async () => {
  for (const text of ["CN(C)C(=N)NC(=N)N", "C1C2CC3CC1CC(C2)C3", "CC(N)=NO", "CP(=O)(O)OC"])
    assert.ok((await toolkit.embed(text, { seed: 42 })).minimised, text);
});

test("atoms in line are minimised too; one and two atoms need no force field", async () => {
  const line = await toolkit.embed("O=C=O", { seed: 42 });
  assert.equal(line.minimised, true);
  for (const [text, atoms] of [
    ["[Na+]", 1],
    ["[He]", 1],
    ["[H][H]", 2],
    ["Cl", 2],
  ] as const) {
    const made = await toolkit.embed(text, { seed: 42 });
    assert.equal(made.geometry.elements.length, atoms);
    assert.deepEqual([made.minimised, made.force_field], [false, "none"]);
  }
});

test("the same seed gives the same bytes in another process, another seed other bytes", async () => {
  const script = `
    import { openToolkit } from ${JSON.stringify(new URL("./toolkit.ts", import.meta.url).href)};
    await using toolkit = openToolkit();
    await toolkit.embed("CCO", { seed: 1 });
    process.stdout.write((await toolkit.embed("OC(=O)CCN", { seed: 42 })).molblock);`;
  const other = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  // OpenChemLib would use again what another molecule and another seed left behind in this process.
  await toolkit.embed("NCCC(=O)O", { seed: 7 });
  const ester = await toolkit.embed("NCCC(=O)OC", { seed: 7 });
  // Written otherwise, the same species.
  assert.equal((await toolkit.embed("NCCC(=O)O", { seed: 42 })).molblock, other.stdout);
  // The smallest molecules have one likeliest conformer whatever the seed; the ester has several.
  assert.notEqual((await toolkit.embed("NCCC(=O)OC", { seed: 42 })).molblock, ester.molblock);
});

const REFUSED: [string, ChemistryCode, RegExp][] = [
  ["CC(O)C(N)F", "undefined_stereo", /2 stereocentres or double bonds are not defined/],
  ["CC=CC", "undefined_stereo", /1 stereocentre or double bond is not defined/],
  ["C[C@H](N)CC |&1:1|", "undefined_stereo", /mixture/],
  ["CCN.Cl", "ambiguous_parent", /several parts/],
  ["CB(O)O", "embedding_failed", /no parameters/],
  ["C[Se]C", "embedding_failed", /no parameters/],
  ["C1CC", "unparsable_input", /RDKit/],
  ["*", "unsupported_element", /dummy/],
];

test("what has no single structure is refused with its reason", async () => {
  for (const [text, code, message] of REFUSED) {
    const error = await toolkit.embed(text, { seed: 42 }).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof AppError, text);
    assert.deepEqual([error.kind, error.code], ["engine_refused", code], text);
    assert.match(error.message, message);
  }
});

test("bad seeds and time limits are refused", async () => {
  for (const options of [
    { seed: 1.5 },
    { seed: -1 },
    // To OpenChemLib 0 is "another each time".
    { seed: 0 },
    { seed: 2 ** 31 },
    { seed: Number.NaN },
    { seed: 1, timeLimitSeconds: 0 },
    { seed: 1, timeLimitSeconds: Number.NaN },
  ])
    await assert.rejects(toolkit.embed("C", options), { kind: "bad_input" });
  await assert.rejects(toolkit.embed("", { seed: 1 }), { kind: "bad_input" });
});

test("an embedding that takes too long is ended, and the next one works", async () => {
  const slow = toolkit.embed("CCCCCCCCCc1ccc(cc1)CCCCCCCCCCc1ccncc1", { seed: 42, timeLimitSeconds: 0.02 });
  await assert.rejects(slow, {
    kind: "engine_refused",
    code: "embedding_failed",
    message: /took longer than 0.02 s/,
  });
  assert.ok((await toolkit.embed("CCO", { seed: 42 })).minimised);
});
