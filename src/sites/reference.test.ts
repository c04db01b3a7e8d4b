import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { person } from "../../test/support/context.ts";
import { BOX, createSite, HPV, prepareHpv } from "../../test/support/docking.ts";
import { openLab } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { listMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { perceiveBonds } from "../structures/bonds.ts";
import type { Bond, Geometry, Position } from "../structures/geometry.ts";
import { formatMolblock } from "../structures/molblock.ts";
import { parseXyz } from "../structures/xyz.ts";
import { checkReferenceIs, matePositions, readReference } from "./reference.ts";
import type { ReferenceWish } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");

type Ligand = { geometry: Geometry; bonds: Bond[] };
const CHIRAL = "C[C@H](O)F";
let receptor: Awaited<ReturnType<typeof prepareHpv>>;
let ligand: Ligand;

before(async () => {
  receptor = await prepareHpv(context, scientist);
  const { geometry, bonds } = await context.toolkit.embed(CHIRAL, { seed: 7 });
  ligand = { geometry: moved(geometry, ([x, y, z]) => [x + 9.4, y + 16.1, z + 9.2]), bonds };
});

function moved(geometry: Geometry, move: (position: Position) => Position): Geometry {
  return { elements: geometry.elements, positions_angstrom: geometry.positions_angstrom.map(move) };
}

/** Without hydrogens and with its atoms the other way round, as another program might write it. */
function foreign({ geometry, bonds }: Ligand): Ligand {
  const heavy = geometry.elements.flatMap((element, atom) => (element === "H" ? [] : [atom])).toReversed();
  return {
    geometry: {
      elements: heavy.map((atom) => geometry.elements[atom] ?? ""),
      positions_angstrom: heavy.map((atom) => geometry.positions_angstrom[atom] ?? [0, 0, 0]),
    },
    bonds: bonds.flatMap(({ from, to, order }) => {
      const [a, b] = [heavy.indexOf(from), heavy.indexOf(to)];
      return a < 0 || b < 0 ? [] : [{ from: Math.min(a, b), to: Math.max(a, b), order }];
    }),
  };
}

function sdf({ geometry, bonds }: Ligand): ReferenceWish {
  const none = geometry.elements.map(() => 0);
  const text = formatMolblock({ name: "x", geometry, bonds, charges: none, isotopes: none, radicals: none });
  return { file_name: "probe.sdf", content_base64: Buffer.from(text).toString("base64") };
}

let serial = 0;
const create = (reference: ReferenceWish, more = {}) =>
  createSite(context, scientist, receptor, { ...BOX, name: `site ${++serial}`, reference, ...more });
const refused =
  (says: RegExp, code = "bad_input") =>
  (error: unknown) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, says);
    return true;
  };
const referenceOf = async (id: string | null) =>
  (
    await context.superuser<{ molecule_id: string | null; format: string; name: string; visibility: string }>(
      "SELECT molecule_id, format, name, visibility FROM structures WHERE structure_id = $1",
      [id],
      org.database_name,
    )
  )[0];

test("a file of its own is a reference, known by its atoms alone", async () => {
  const site = await create(sdf(ligand));
  assert.deepEqual(
    [site.report.reference, site.report.reference_heavy_atoms, site.report.notes],
    ["probe.sdf", 4, []],
  );
  assert.deepEqual(await referenceOf(site.reference_structure_id), {
    molecule_id: null,
    format: "sdf",
    name: "probe.sdf",
    visibility: "organization",
  });
});

test("a box goes around a file's ligand too, and one in another frame misses the receptor", async () => {
  const around = { center_angstrom: undefined, size_angstrom: undefined };
  const site = await create(sdf(ligand), around);
  assert.deepEqual([site.size_x_angstrom, site.size_y_angstrom, site.size_z_angstrom], [18, 18, 18]);
  assert.ok(Math.abs(site.center_x_angstrom - 9.4) < 1.5);
  const elsewhere = { ...ligand, geometry: moved(ligand.geometry, ([x, y, z]) => [x + 200, y, z]) };
  await assert.rejects(
    create(sdf(elsewhere), around),
    refused(/no atom of the receptor/, "box_misses_receptor"),
  );
  await assert.rejects(create(sdf(elsewhere)), refused(/probe\.sdf lies outside the box/));
});

test("what it is said to be is accepted where it is that, however its file has it, and registered", async () => {
  const site = await create({ ...sdf(ligand), smiles: CHIRAL });
  const row = await referenceOf(site.reference_structure_id);
  const { items } = await perform(context, listMolecules, colleague, {});
  assert.equal(items.find((molecule) => molecule.molecule_id === row?.molecule_id)?.smiles, CHIRAL);
  const other = await create({ ...sdf(foreign(ligand)), smiles: "O[C@@H](C)F" });
  assert.equal((await referenceOf(other.reference_structure_id))?.molecule_id, row?.molecule_id);
  const again = await create({ ...sdf(ligand), smiles: "F[C@@H](O)C" });
  assert.equal(again.reference_structure_id, site.reference_structure_id, "kept once");
  const unknown = await create(sdf(ligand));
  assert.notEqual(unknown.reference_structure_id, site.reference_structure_id, "known and unknown are two");
});

const WRONG: [what: string, smiles: string, says: RegExp, code?: string][] = [
  ["another formula", "CCO", /\(C2FO\) is not "CCO" \(C2O\): atoms or bonds differ/],
  ["the same formula with other bonds", "OCCF", /\(C2FO\) is not "OCCF" \(C2FO\): atoms or bonds differ/],
  ["the mirror image", "C[C@@H](O)F", /is not "C\[C@@H\]\(O\)F": its stereo is another/],
  ["open stereo", "CC(O)F", /stereo/, "undefined_stereo"],
  ["no SMILES", "C[C@H](O", /is not a molecule/],
  ["a salt", `${CHIRAL}.Cl`, /has several parts/, "ambiguous_parent"],
];

for (const [what, smiles, says, code] of WRONG) {
  test(`a reference said to be ${what} is refused, and no site or molecule is made`, async () => {
    const count = () =>
      context.superuser(
        "SELECT (SELECT count(*) FROM binding_sites) AS s, (SELECT count(*) FROM registrations) AS r",
        [],
        org.database_name,
      );
    const before = await count();
    for (const file of [ligand, foreign(ligand)])
      await assert.rejects(create({ ...sdf(file), smiles }), refused(says, code));
    assert.deepEqual(await count(), before);
  });
}

test("a residue of the crystal is checked like a file", async () => {
  await assert.rejects(create({ residue: "478", smiles: "CCO" }), refused(/\(C25N3O6S\) is not "CCO"/));
});

test("the crystal's amprenavir is the drawn one, and not its mirror image", () => {
  const geometry = parseXyz(readFileSync(join(import.meta.dirname, "../../examples/amprenavir.xyz")));
  const drawn = { geometry, bonds: perceiveBonds(geometry) };
  const crystal = readReference("pdb", HPV, "478");
  checkReferenceIs(crystal, drawn, "amprenavir");
  const mirror = { ...drawn, geometry: moved(geometry, ([x, y, z]) => [-x, y, z]) };
  assert.throws(() => checkReferenceIs(crystal, mirror, "x"), refused(/its stereo is another/));
  checkReferenceIs({ ...crystal, geometry: moved(crystal.geometry, ([x, y, z]) => [x, -y, z]) }, mirror, "x");
});

test("a molecule of more symmetry than can be searched is not refused for its stereo", () => {
  // Seven CF3 groups on a chain: the maps that are tried all leave the first of them as it is.
  const groups = [0, 1, 2, 3, 4, 5, 6];
  const elements = groups.flatMap(() => ["C", "C", "F", "F", "F"]);
  const positions_angstrom = groups.flatMap((n): Position[] => [
    [1.5 * n, 0, 0],
    [1.5 * n, 1.5, 0],
    [1.5 * n + 1, 2, 0.5],
    [1.5 * n - 1, 2, 0.5],
    [1.5 * n, 2, -1.2],
  ]);
  const bonds = groups.flatMap((n) => [
    ...(n === 0 ? [] : [{ from: 5 * n - 5, to: 5 * n, order: 1 }]),
    { from: 5 * n, to: 5 * n + 1, order: 1 },
    ...[2, 3, 4].map((fluorine) => ({ from: 5 * n + 1, to: 5 * n + fluorine, order: 1 })),
  ]);
  const drawn = { geometry: { elements, positions_angstrom }, bonds };
  const mirror = { label: "", bonds, geometry: moved(drawn.geometry, ([x, y, z]) => [x, y, -z]) };
  checkReferenceIs(mirror, drawn, "x");
  const shorter = { ...drawn, bonds: bonds.slice(1) };
  assert.throws(() => checkReferenceIs(mirror, shorter, "x"), refused(/atoms or bonds differ/));
});

test("a private reference and what it is are its owner's", async () => {
  const smiles = "C[C@@H](O)F";
  const mirror = { ...ligand, geometry: moved(ligand.geometry, ([x, y, z]) => [18.8 - x, y, z]) };
  const site = await create({ ...sdf(mirror), smiles }, { visibility: "private" });
  const row = await referenceOf(site.reference_structure_id);
  assert.equal(row?.visibility, "private");
  const sees = async (who: typeof scientist) =>
    (await perform(context, listMolecules, who, { limit: 1000 })).items.some(
      (molecule) => molecule.molecule_id === row?.molecule_id,
    );
  assert.deepEqual([await sees(scientist), await sees(colleague)], [true, false]);
});

test("a file without a ligand in it is refused", async () => {
  const file = (text: string): ReferenceWish => ({ content_base64: Buffer.from(text).toString("base64") });
  for (const text of [
    "hello\n",
    "\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n",
    "2\n\nC 0 0 0\nO 0 0 1.2\n",
  ])
    await assert.rejects(create(file(text)), (error: AppError) => error.kind === "bad_input", text);
});

test("the reference's image lies where the receptor's two-fold axis takes it, and back", () => {
  const { report } = receptor.preparation;
  const { geometry } = readReference("pdb", HPV, "478");
  const mate = matePositions(geometry, report);
  assert.ok(mate !== null);
  assert.ok(mate.some((position, atom) => distance(position, geometry.positions_angstrom[atom]) > 3));
  const back = matePositions({ ...geometry, positions_angstrom: mate }, report) ?? [];
  for (const [atom, position] of back.entries())
    assert.ok(distance(position, geometry.positions_angstrom[atom]) < 0.1);
  assert.equal(matePositions(geometry, { ...report, symmetry: null }), null);
});

function distance(a: Position, b: Position = [0, 0, 0]): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
