import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { openIdentifier } from "./identities.ts";
import { loadRdkit, type Rdkit } from "./rdkit.ts";
import type { Identified, Rejected } from "./toolkit.ts";

const identifier = openIdentifier();
let rdkit: Rdkit;
before(async () => {
  rdkit = await loadRdkit();
});

async function ask(
  texts: string[],
  format: "smiles" | "molblock" = "smiles",
): Promise<(Identified | Rejected)[]> {
  const reply = await identifier({ kind: "identify", inputs: texts.map((text) => ({ text, format })) });
  assert.equal(reply.kind, "identified");
  return reply.kind === "identified" ? reply.results : [];
}

async function good(...texts: string[]): Promise<Identified[]> {
  return (await ask(texts)).map((result, index) => {
    assert.ok(result.ok, `${texts[index]}: ${JSON.stringify(result)}`);
    return result;
  });
}

async function keys(...texts: string[]): Promise<string[]> {
  return (await good(...texts)).map((each) => each.species.identity_key);
}

const AMPRENAVIR = "CC(C)CN(C[C@H]([C@H](CC1=CC=CC=C1)NC(=O)O[C@H]2CCOC2)O)S(=O)(=O)C3=CC=C(C=C3)N";
const MIXED = [
  AMPRENAVIR,
  "CC(=O)Oc1ccccc1C(=O)O",
  "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
  "C[C@H](N)[C@@H](C)O |&1:1,3|",
  "C/C=C/C=C\\C(=O)[O-].[Na+]",
  "C[C@H]1CC[C@@H](C)CC1",
  "C[S@](=O)CC",
  "Nc1ccc(cc1)S(=O)(=O)[N-]c1ncccn1",
  "O[C@@H]1CCCC[C@H]1[NH3+].[Cl-]",
  "[O-][N+](=O)c1ccc(/C=N/O)cc1",
  "CC(=O)[N-]S(=O)(=O)c1ccccc1",
  "[2H]C([2H])([2H])OC",
];

test("InChIKeys of design §14 (PubChem CID 2244, 2519, 65016)", async () => {
  const results = await good(MIXED[1]!, MIXED[2]!, AMPRENAVIR);
  assert.deepEqual(
    results.map((each) => each.species.inchikey),
    ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "RYYVLZVUVIJVGH-UHFFFAOYSA-N", "YMARZQAQMVYCKC-OEMFJLHTSA-N"],
  );
  const [aspirin] = results;
  assert.equal(aspirin?.species.formula, "C9H8O4");
  assert.equal(aspirin?.species.compound_key, "BSYNRYMUTXBXSQ-UHFFFAOYSA");
  assert.equal(aspirin?.species.skeleton_key, "BSYNRYMUTXBXSQ");
  assert.match(aspirin?.species.inchi ?? "", /^InChI=1\/C9H8O4\/.*\/f\//);
  assert.ok(Math.abs((aspirin?.species.molecular_weight ?? 0) - 180.159) < 1e-3);
  assert.equal(aspirin?.parent, null);
  assert.equal(aspirin?.compound_parent, null);
  assert.equal(results[2]?.species.stereo_status, "defined");
});

test("racemate, pure isomer and or-group of 3-amino-2-butanol are three, in one skeleton", async () => {
  const drawn = ["&1:1,3", "o1:1,3", "a:1,3"].map((group) => `C[C@H](N)[C@@H](C)O |${group}|`);
  const [racemate, either, absolute, pure] = await good(...drawn, "C[C@H](N)[C@@H](C)O");
  const found = [racemate, either, pure].map((each) => each?.species.identity_key);
  assert.equal(new Set(found).size, 3);
  assert.equal(absolute?.species.identity_key, pure?.species.identity_key);
  assert.equal(new Set([racemate, either, pure].map((each) => each?.species.compound_key)).size, 3);
  assert.equal(new Set([racemate, either, pure].map((each) => each?.species.skeleton_key)).size, 1);
  assert.equal(racemate?.species.identity_kind, "smiles");
  assert.match(racemate?.species.identity_key ?? "", /^S1-[0-9a-f]{32}$/);
  // The other enantiomer, another group number, another atom order: the same racemate.
  const same = await keys(
    "C[C@@H](N)[C@H](C)O |&1:1,3|",
    "C[C@H](N)[C@@H](C)O |&7:1,3|",
    "O[C@H](C)[C@H](C)N |&1:1,3|",
    "O[C@@H](C)[C@@H](C)N |&1:1,3|",
  );
  assert.equal(same[0], found[0]);
  assert.equal(same[1], found[0]);
  assert.equal(same[2], same[3]);
});

/** Drawings of one species. */
const SAME: [string, ...string[]][] = [
  ["Nc1ccc(cc1)S(=O)(=O)[N-]c1ncccn1", "Nc1ccc(cc1)S(=O)([O-])=Nc1ncccn1"],
  ["C[N+](=O)[O-]", "CN(=O)=O"],
  ["CN=[N+]=[N-]", "CN=N#N", "C[N-][N+]#N"],
  ["C=[N+]=[N-]", "[CH2-][N+]#N"],
  ["CS(C)=O", "C[S+](C)[O-]"],
  ["CS(C)(=O)=O", "C[S+2](C)([O-])[O-]"],
  ["CP(C)(C)=O", "C[P+](C)(C)[O-]"],
  ["C=P(C)(C)C", "[CH2-][P+](C)(C)C"],
  ["CNC(C)=O", "C[NH+]=C(C)[O-]"],
  ["CC(=O)[O-].[Na+]", "CC(=O)O[Na]", "[Na]OC(C)=O"],
  ["C[S@](=O)CC", "C[S@+]([O-])CC"],
  ["c1cc[n+]([O-])cc1", "c1ccn(=O)cc1"],
];

test("drawings of one species are one, in key and in SMILES", async () => {
  for (const drawings of SAME) {
    const results = await good(...drawings);
    assert.equal(new Set(results.map((each) => each.species.identity_key)).size, 1, drawings.join(" "));
    assert.equal(new Set(results.map((each) => each.species.smiles)).size, 1, drawings.join(" "));
  }
});

test("normalising is idempotent: the SMILES of a species names that species", async () => {
  const all = [...SAME.flat(), ...MIXED];
  const first = await good(...all);
  const again = await good(...first.map((each) => each.species.smiles));
  for (const [index, each] of first.entries()) {
    assert.deepEqual(again[index]?.species, each.species, all[index]);
    assert.deepEqual(again[index]?.compound_parent, each.compound_parent, all[index]);
  }
});

test("species apart, compound shared: acids and amines with their ions", async () => {
  const pairs: [string, string][] = [
    ["Nc1ccc(cc1)S(=O)(=O)Nc1ncccn1", "Nc1ccc(cc1)S(=O)(=O)[N-]c1ncccn1"],
    ["c1nnn[nH]1", "c1nnn[n-]1"],
    ["OB(O)c1ccccc1", "OB([O-])c1ccccc1"],
    ["OB(O)c1ccccc1", "O[B-](O)(O)c1ccccc1"],
    ["CC(=O)NO", "CC(=O)N[O-]"],
    ["CC(=O)NO", "CC(=O)[N-]O"],
    ["CC(=O)O", "CC(=O)[O-]"],
    ["CCN", "CC[NH3+]"],
    ["NCC(=O)O", "[NH3+]CC(=O)[O-]"],
    ["CC[N+](=O)[O-]", "CC=[N+]([O-])[O-]"],
    ["C[C@H](N)C(=O)O", "C[C@H]([NH3+])C(=O)O"],
    ["c1ccncc1", "c1cc[nH+]cc1"],
    ["C[N+](C)(C)CC(=O)O", "C[N+](C)(C)CC(=O)[O-]"],
  ];
  for (const [one, other] of pairs) {
    const [a, b] = await good(one, other);
    assert.notEqual(a?.species.identity_key, b?.species.identity_key, one);
    assert.equal(a?.species.compound_key, b?.species.compound_key, one);
    assert.equal(a?.species.skeleton_key, b?.species.skeleton_key, one);
    assert.equal(b?.compound_parent?.identity_key, a?.species.identity_key, one);
  }
});

test("a guanidinium may neutralise to another tautomer, of the same compound", async () => {
  const [base, ion] = await good("NC(N)=NC", "NC(=[NH2+])NC");
  assert.equal(ion?.species.compound_key, base?.species.compound_key);
  assert.equal(ion?.compound_parent?.charge, 0);
});

test("nitro, N-oxide, azide and quaternary nitrogen stay charged", async () => {
  for (const text of [
    "C[N+](=O)[O-]",
    "C[N+](C)(C)[O-]",
    "CN=[N+]=[N-]",
    "C[N+](C)(C)C",
    "[C-]#[O+]",
    "F[B-](F)(F)F",
  ]) {
    const [result] = await good(text);
    assert.equal(result?.compound_parent, null, text);
  }
});

test("an ion has the formula and charge that are drawn", async () => {
  const [acetate, zwitterion, methyl] = await good("CC(=O)[O-]", "[NH3+]CC(=O)[O-]", "[CH3]");
  assert.deepEqual([acetate?.species.formula, acetate?.species.charge], ["C2H3O2", -1]);
  assert.deepEqual([zwitterion?.species.formula, zwitterion?.species.charge], ["C2H5NO2", 0]);
  assert.deepEqual([methyl?.species.formula, methyl?.species.radical_electrons], ["CH3", 1]);
});

test("identity does not depend on how the SMILES is written", async () => {
  const drawn = await good(...MIXED);
  await fc.assert(
    fc.asyncProperty(fc.nat(MIXED.length - 1), fc.nat(40), async (index, root) => {
      const mol = rdkit.get_mol(MIXED[index]!.split(" ")[0]!)!;
      const atom = root % mol.get_num_atoms(true);
      const text = mol.get_smiles(JSON.stringify({ rootedAtAtom: atom, canonical: false }));
      mol.delete();
      if (MIXED[index]!.includes("|")) return;
      const [result] = await good(text);
      assert.deepEqual(result, drawn[index], text);
    }),
    { numRuns: 60, seed: 42 },
  );
});

test("identity does not depend on the order of atoms and bonds in a molblock", async () => {
  const drawn = await good(...MIXED.filter((text) => !text.includes("|")));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(drawn.length - 1),
      fc.infiniteStream(fc.nat(1_000_000)),
      async (index, stream) => {
        const species = drawn[index]!.species;
        const mol = rdkit.get_mol(species.smiles)!;
        mol.set_new_coords();
        const block = mol.get_molblock();
        mol.delete();
        const [result] = await ask([shuffleMolblock(block, stream)], "molblock");
        assert.ok(result?.ok, JSON.stringify(result));
        assert.equal(result.species.identity_key, species.identity_key);
        assert.equal(result.species.smiles, species.smiles);
        assert.equal(result.species.compound_key, species.compound_key);
      },
    ),
    { numRuns: 40, seed: 42 },
  );
});

/** The same molecule with its atom and bond lines in another order. */
function shuffleMolblock(block: string, stream: Iterator<number>): string {
  const lines = block.split("\n");
  const [atoms, bonds] = [Number(lines[3]!.slice(0, 3)), Number(lines[3]!.slice(3, 6))];
  const order = shuffle([...Array(atoms).keys()], stream);
  const place = new Map(order.map((atom, index) => [atom, index]));
  const move = (text: string) => String(place.get(Number(text) - 1)! + 1).padStart(3);
  const bondLines = lines
    .slice(4 + atoms, 4 + atoms + bonds)
    .map((line) => `${move(line.slice(0, 3))}${move(line.slice(3, 6))}${line.slice(6)}`);
  const tail = lines
    .slice(4 + atoms + bonds)
    .map((line) =>
      /^M {2}(CHG|ISO|RAD)/.test(line)
        ? line.slice(0, 9) +
          line.slice(9).replace(/(.{4})(.{4})/g, (_, atom, value) => ` ${move(atom)}${value}`)
        : line,
    );
  return [
    ...lines.slice(0, 4),
    ...order.map((atom) => lines[4 + atom]),
    ...shuffle(bondLines, stream),
    ...tail,
  ].join("\n");
}

function shuffle<T>(list: T[], stream: Iterator<number>): T[] {
  const keyed = list.map((value) => [stream.next().value as number, value] as const);
  return keyed.sort((a, b) => a[0] - b[0]).map(([, value]) => value);
}

test("metals, huge molecules: a key from SMILES, decided from the record alone", async () => {
  const [salt, platin, chain, limit] = await good(
    "CC(=O)[O-].[Na+]",
    "N[Pt](N)(Cl)Cl",
    "C".repeat(151),
    "C".repeat(150),
  );
  for (const each of [salt, platin, chain]) assert.match(each?.species.identity_key ?? "", /^S1-/);
  assert.equal(limit?.species.identity_kind, "inchi");
  assert.deepEqual([salt?.species.has_metal, chain?.species.has_metal], [true, false]);
  assert.match(chain?.species.compound_key ?? "", /^S1-/);
  assert.match(chain?.species.skeleton_key ?? "", /^S1-/);
});
