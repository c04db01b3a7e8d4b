import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import type { Ligand } from "../../src/ligands/ligand.ts";
import type { Bond, Position } from "../../src/structures/geometry.ts";
import { isomorphisms } from "../../src/structures/isomorphisms.ts";
import { formatMolblock } from "../../src/structures/molblock.ts";
import { symmetricRmsd } from "../../src/structures/rmsd.ts";
import { ROOT } from "../house/sources.ts";

/**
 * Symmetric RMSD against Open Babel's obrms 3.1.1, which like ours superposes nothing, takes heavy atoms and
 * the least over the molecule's automorphisms, and does not look at bond orders.
 */
const LIGANDS = JSON.parse(readFileSync(join(ROOT, "src/ligands/fixtures/ligands.json"), "utf8")) as Record<
  string,
  Ligand
>;
const CASES = [
  "acetate",
  "dimethyl_sulfone",
  "nitrobenzene",
  "trifluoroethyl_phosphate",
  "guanidinium",
  "thioanisole",
  "tri_tert_butylbenzene",
  "tetramethylsilane_ether",
  "cubane",
  "adamantane",
  "methane",
  "water",
  "caffeine",
  "ibuprofen",
  "celecoxib",
  "imatinib",
  "amprenavir",
];
/** To this many Å both agree. */
const TOLERANCE = 0.01;

const installed = (process.env["PATH"] ?? "")
  .split(delimiter)
  .some((path) => existsSync(join(path, "obrms")));
const skip = installed ? false : "obrms is not installed";
const folder = mkdtempSync(join(tmpdir(), "aliquot-obrms-"));
after(() => rmSync(folder, { recursive: true, force: true }));

type Placed = Pick<Ligand, "geometry" | "bonds" | "charges">;

function write(file: string, { geometry, bonds, charges }: Placed): string {
  const none = charges.map(() => 0);
  const text = formatMolblock({ name: "", geometry, bonds, charges, isotopes: none, radicals: none });
  const path = join(folder, file);
  writeFileSync(path, `${text}$$$$\n`);
  return path;
}

async function obrms(reference: Placed, pose: Placed): Promise<number> {
  const { stdout } = await promisify(execFile)("obrms", [write("a.sdf", reference), write("b.sdf", pose)]);
  // `RMSD name:name 1.23456`
  return Number(stdout.trim().split(/\s+/).at(-1));
}

/** The same numbers on every run: park and miller's generator. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Positions at four decimals, as a molblock keeps them, each moved by up to `size`/2 along each axis. */
function moved(
  { geometry, bonds, charges }: Placed,
  place: (atom: number) => Position,
  size: number,
  next: () => number,
): Placed {
  const positions = geometry.elements.map((_, atom) => {
    const [x, y, z] = place(atom).map((value) => Number((value + size * (next() - 0.5)).toFixed(4)));
    return [x ?? 0, y ?? 0, z ?? 0] as const;
  });
  return { geometry: { ...geometry, positions_angstrom: positions }, bonds, charges };
}

/** The atoms in another order, hydrogens among the others. */
function shuffled({ geometry, bonds, charges }: Placed, next: () => number): Placed {
  const keys = charges.map((_, atom) => [next(), atom] as const).sort((a, b) => a[0] - b[0]);
  const order = keys.map(([, atom]) => atom);
  const move = <T>(list: readonly T[]) => order.flatMap((atom) => list.slice(atom, atom + 1));
  const rename = (bond: Bond): Bond => {
    const ends = [order.indexOf(bond.from), order.indexOf(bond.to)];
    return { from: Math.min(...ends), to: Math.max(...ends), order: bond.order };
  };
  return {
    geometry: { elements: move(geometry.elements), positions_angstrom: move(geometry.positions_angstrom) },
    bonds: bonds.map(rename),
    charges: move(charges),
  };
}

for (const name of CASES)
  test(`${name}: the RMSD of obrms`, { skip }, async (t) => {
    const ligand = LIGANDS[name];
    assert.ok(ligand);
    const next = numbers(CASES.indexOf(name) + 1);
    const { elements, positions_angstrom: positions } = ligand.geometry;
    const at = (atom: number): Position => positions[atom] ?? [0, 0, 0];
    const heavy = [...elements.keys()].filter((atom) => elements[atom] !== "H");
    const { maps } = isomorphisms({ elements, bonds: ligand.bonds }, { elements, bonds: ligand.bonds });
    const swaps = [maps.at(-1), maps[Math.floor(maps.length / 2)]].map(
      (map) => new Map(heavy.map((atom, index) => [atom, map?.[index] ?? atom])),
    );
    const poses = [
      // Equal atoms in each other's place, where an RMSD atom by atom would be large.
      ...swaps.map((images) => moved(ligand, (atom) => at(images.get(atom) ?? atom), 0.4, next)),
      // Turned over, and far off.
      moved(ligand, (atom) => [at(atom)[0], -at(atom)[1], -at(atom)[2]], 0.4, next),
      moved(ligand, at, 6, next),
    ].map((pose) => shuffled(pose, next));
    const compared: string[] = [];
    for (const pose of poses) {
      const ours = symmetricRmsd(ligand, pose)?.rmsd_angstrom ?? Number.NaN;
      const theirs = await obrms(ligand, pose);
      compared.push(`${ours.toFixed(4)} (${theirs.toFixed(4)})`);
      assert.ok(Math.abs(ours - theirs) < TOLERANCE, `${ours} Å is not ${theirs} Å`);
    }
    t.diagnostic(
      `${String(maps.length).padStart(5)} automorphisms; ours (obrms) in Å: ${compared.join(", ")}`,
    );
  });
