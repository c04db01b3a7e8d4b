import assert from "node:assert/strict";
import { test } from "node:test";
import { openIdentifier } from "./identities.ts";
import { type Identity, openToolkit } from "./toolkit.ts";

const identifier = openIdentifier();

async function ask(smiles: string, most = 8) {
  const reply = await identifier({ kind: "isomers", smiles, most });
  assert.ok(reply.kind === "isomers");
  return reply.answer;
}

async function listed(smiles: string, most = 8): Promise<string[]> {
  const answer = await ask(smiles, most);
  assert.ok(answer.ok, `${smiles}: ${JSON.stringify(answer)}`);
  const found = answer.isomers.map((each) => each.smiles);
  assert.deepEqual(found, [...new Set(found)].sort(), "distinct and sorted");
  assert.equal(new Set(answer.isomers.map((each) => each.identity_key)).size, found.length);
  assert.ok(answer.isomers.every((each) => each.undefined_centres === 0));
  assert.equal(new Set(answer.isomers.map((each) => each.skeleton_key)).size, 1);
  return found;
}

async function identities(texts: string[]): Promise<Identity[]> {
  const inputs = texts.map((text) => ({ text, format: "smiles" as const }));
  const reply = await identifier({ kind: "identify", inputs });
  assert.ok(reply.kind === "identified");
  return reply.results.map((result, index) => {
    assert.ok(result.ok, texts[index]);
    return result.species;
  });
}

/** Stereoisomers that textbooks count; where there is no mark, RDKit's own enumerator counts the same. */
const COUNTS: [number, string, string][] = [
  [1, "CCO", "nothing open"],
  [2, "CC(O)F", "one centre"],
  [4, "CC(N)C(C)O", "3-amino-2-butanol"],
  [3, "OC(=O)C(O)C(O)C(=O)O", "tartaric acid: two and meso"],
  [4, "CC(O)C(O)C(C)O", "pseudoasymmetric: two, and two meso"],
  [4, "OCC(O)C(O)C(O)CO", "xylitol, ribitol and two arabinitols (RDKit: 6)"],
  [2, "CC=CC", "2-butene"],
  [3, "CC=CC=CC", "EE, EZ, ZZ"],
  [4, "CC=CC(O)C=CC", "a centre only if one arm is E and one Z"],
  [2, "CC=NO", "an oxime"],
  [1, "CNC(=NC#N)NCCSCc1nc[nH]c1C", "cimetidine: tautomers are no isomers"],
  [1, "CC(=O)NC", "an amide"],
  [1, "CC=C=CC", "an allene is not seen"],
  [2, "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "ibuprofen"],
  [2, "CN1CCCC1c1cccnc1", "nicotine"],
  [2, "CC(C)NCC(O)COc1cccc2ccccc12", "propranolol"],
  [2, "CC1=CCC(CC1)C(C)=C", "limonene"],
  [3, "CC1CCCCC1C", "1,2-dimethylcyclohexane"],
  [2, "CC1CCC(C)CC1", "1,4-dimethylcyclohexane"],
  [4, "CC1C(C)C(C)C1C", "1,2,3,4-tetramethylcyclobutane (RDKit: 5)"],
  [2, "C1CCC2CCCCC2C1", "decalin"],
  [2, "CC(O)N.Cl", "a salt"],
  [2, "CS(=O)CC", "a sulfoxide"],
  [1, "CC(C)=C1CCC(C)CC1", "equal ends make no axis"],
];

/** Bicycles. Where RDKit's enumerator embeds in,out ones as well, they lie 28 kcal/mol (MMFF94) and more higher. */
const BRIDGED: [number, string, string][] = [
  [2, "CC1(C)C2CCC1(C)C(=O)C2", "camphor"],
  [2, "CC1=CCC2CC1C2(C)C", "α-pinene"],
  [4, "OC1CC2CCC1C2", "2-norbornanol"],
  [2, "CN1C2CCC1CC(O)C2", "tropine and pseudotropine"],
  [4, "CN1C2CCC1CC(C2)OC(=O)C(CO)c1ccccc1", "hyoscyamine and its exo form"],
  [8, "COC(=O)C1C2CCC(CC1OC(=O)c1ccccc1)N2C", "cocaine"],
  [1, "CC12CC3CC(C)(C1)CC(N)(C3)C2", "memantine"],
  [2, "FC12CC3(Cl)CC(Br)(C1)CC(I)(C3)C2", "an adamantane with four different corners"],
  [1, "C1NCC2CC1c1cc3nccnc3cc12", "varenicline"],
  [4, "CN1CCC23CCCCC2C1Cc1ccc(O)cc13", "levorphanol, dextrorphan and their trans forms"],
  [6, "C1CCN2CC3CC(CN4CCCCC34)C2C1", "the sparteines"],
  [2, "CCC(=O)C1=CCCC2CCC1N2", "homoanatoxin"],
  [1, "C1CCC2OC2C1", "cyclohexene oxide"],
  [1, "C1=CC=CC=CC=C1", "cyclooctatetraene"],
  [1, "FS(F)(F)(F)(F)c1ccccc1", "an aryl-SF5"],
  [8, "OC1CCCC2CCCCC1C2", "a bicycle large enough to be in,out"],
  [2, "C1CC2C1C1CCC21", "syn and anti of two fusions"],
  [2, "OC1C2CCCC1CC2", "syn and anti on a bridge"],
  [2, "CC1CN2CCC1CC2", "a quinuclidine: its nitrogen is no choice"],
];

for (const [count, smiles, what] of [...COUNTS, ...BRIDGED])
  test(`isomers of ${smiles} (${what}): ${count}`, async () =>
    assert.equal((await listed(smiles)).length, count));

test("the isomers that are kept are those that exist", async () => {
  for (const drawn of [
    "CC1(C)[C@@H]2CC[C@@]1(C)C(=O)C2",
    "CN1[C@H]2CC[C@@H]1[C@H]([C@H](C2)OC(=O)C3=CC=CC=C3)C(=O)OC",
    "CN1CC[C@]23[C@@H]4[C@H]1CC5=C2C(=C(C=C5)O)O[C@H]3[C@H](C=C4)O",
    "COC1=CC2=C(C=CN=C2C=C1)[C@H]([C@@H]3C[C@@H]4CCN3C[C@@H]4C=C)O",
    "CN1CC[C@@]23CCCC[C@@H]2[C@@H]1CC4=C3C=C(C=C4)OC",
    "C1C[C@@H]2[C@H](C[C@H]1N2)C3=CN=C(C=C3)Cl",
  ]) {
    const flat = drawn.replace(/@/g, "").replace(/\[CH?\]/g, "C");
    const answer = await ask(flat, 16);
    assert.ok(answer.ok, flat);
    const keys = answer.isomers.map((each) => each.identity_key);
    const [own] = await identities([drawn]);
    assert.ok(keys.includes(own?.identity_key ?? ""), drawn);
  }
});

test("what is drawn stays, also a bicycle that nobody would list", async () => {
  assert.deepEqual(await listed("C[C@H](N)C(C)O"), ["C[C@H](N)[C@@H](C)O", "C[C@H](N)[C@H](C)O"]);
  assert.deepEqual(await listed("C/C=C/C=CC"), ["C/C=C/C=C/C", "C/C=C\\C=C\\C"]);
  const strained = "CC1(C)[C@H]2CC[C@@]1(C)C(=O)C2";
  assert.deepEqual(await listed(strained), [strained]);
  assert.equal((await listed(strained.replace("=O", "=NO"))).length, 2);
});

test("another drawing gives the same isomers in the same order", async () => {
  assert.deepEqual(await listed("CC(N)C(C)O"), await listed("OC(C)C(C)N"));
  assert.deepEqual(await listed("OC1CC2CCC1C2"), await listed("C1C2CC(O)C(C2)C1"));
});

test("& and o groups are expanded into what they stand for", async () => {
  const both = ["C[C@H](N)[C@@H](C)O", "C[C@H](O)[C@@H](C)N"];
  assert.deepEqual(await listed("C[C@H](N)[C@@H](C)O |&1:1,3|"), both);
  assert.deepEqual(await listed("C[C@H](N)[C@@H](C)O |o1:1,3|"), both);
  assert.equal((await listed("C[C@H](N)[C@@H](C)O |&1:1,&2:3|")).length, 4);
  assert.equal((await listed("C[C@H](N)C(C)O |&1:1|")).length, 4, "one drawn in a group, one open");
  assert.deepEqual(await listed("C[C@H](O)[C@@H](C)O |&1:1,3|"), ["C[C@H](O)[C@@H](C)O"], "meso");
});

test("more isomers than are wanted are counted, and above seven open centres not even that", async () => {
  const inositol = await ask("OC1C(O)C(O)C(O)C(O)C1O");
  assert.ok(!inositol.ok && inositol.code === "undefined_stereo");
  assert.deepEqual([inositol.open_centres, inositol.isomers], [6, 9]);
  assert.match(inositol.message, /6 stereocentres or double bonds are open .* 9 isomers, more than 8/);
  assert.equal((await listed("OC1C(O)C(O)C(O)C(O)C1O", 9)).length, 9);
  const long = await ask(`C${"C(O)C(F)".repeat(15)}C`);
  assert.ok(!long.ok && long.code === "undefined_stereo");
  assert.deepEqual([long.open_centres, long.isomers], [30, null]);
});

test("bridgeheads drawn so that nothing is left, and rings that RDKit cannot read, are refused", async () => {
  const cage = await ask("F[C@]12C[C@@]3(Cl)CC(Br)(C1)CC(I)(C3)C2");
  assert.ok(!cage.ok && cage.code === "undefined_stereo");
  assert.deepEqual([cage.open_centres, cage.isomers], [2, 0]);
  const ring = await ask("FC1C(F)C(F)C(F)C1F");
  assert.ok(!ring.ok && ring.code === "undefined_stereo");
  assert.match(ring.message, /draw the one you mean/);
});

test("asked of the toolkit: refusals are values, a bad number is an error", async () => {
  await using toolkit = openToolkit();
  const answer = await toolkit.isomers("CC(O)F", { most: 8 });
  assert.ok(answer.ok && answer.open_centres === 1);
  for (const [text, code] of [
    ["C1CC", "unparsable_input"],
    ["", "bad_input"],
    ["C".repeat(3_000), "too_large"],
    ["C*", "unsupported_element"],
  ] as const) {
    const refused = await toolkit.isomers(text, { most: 8 });
    assert.deepEqual([refused.ok, !refused.ok && refused.code], [false, code], text.slice(0, 20));
  }
  for (const most of [0, 1.5, Number.NaN])
    await assert.rejects(toolkit.isomers("CC(O)F", { most }), { kind: "bad_input" });
});
