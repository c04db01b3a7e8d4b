import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Bond, Position } from "../structures/geometry.ts";
import type { Ligand, PreparedLigand } from "./ligand.ts";

/** Shared by the tests of this folder; it has none of its own. */
const FIXTURES = join(import.meta.dirname, "fixtures");

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, name), "utf8")) as T;
}

/** Conformers by name: see fixtures/make.mjs. */
export const LIGANDS = readJson<Record<string, Ligand>>("ligands.json");
/** What Meeko makes of the same: see fixtures/meeko.md. */
export const MEEKO = readJson<Record<string, { types: (string | null)[]; torsions: number }>>("meeko.json");

export function ligand(name: string): Ligand {
  const found = LIGANDS[name];
  if (found === undefined) throw new Error(`no ligand ${name}`);
  return found;
}

/** The positions in a PDBQT file, in its order. */
export function positionsOf(pdbqt: string): Position[] {
  return pdbqt
    .split("\n")
    .filter((line) => line.startsWith("ATOM"))
    .map((line) => [30, 38, 46].map((at) => Number(line.slice(at, at + 8))) as [number, number, number]);
}

/** A branch as the file has it: serials of its axis, and of all atoms in it with those of its own branches. */
export type FileBranch = { axis: [number, number]; serials: number[] };

/** The branches of a PDBQT file; throws where the tree is not well formed. */
export function branchesOf(pdbqt: string): FileBranch[] {
  const done: FileBranch[] = [];
  const open: FileBranch[] = [];
  let inRoot = false;
  for (const line of pdbqt.trimEnd().split("\n")) {
    const [word = "", a, b] = line.split(/\s+/);
    const top = open.at(-1);
    if (word === "ROOT") inRoot = true;
    else if (word === "ENDROOT") inRoot = false;
    else if (word === "BRANCH") open.push({ axis: [Number(a), Number(b)], serials: [] });
    else if (word === "ENDBRANCH") {
      if (top === undefined || top.axis.join() !== [a, b].join()) throw new Error(`${line} closes nothing`);
      if (top.serials[0] !== top.axis[1]) throw new Error(`${line}: the first atom is another`);
      done.push(top);
      open.pop();
    } else if (word === "ATOM") {
      if (!inRoot && top === undefined) throw new Error(`${line} is in no fragment`);
      for (const branch of open) branch.serials.push(Number(a));
    }
  }
  if (open.length > 0 || inRoot) throw new Error("a fragment is not closed");
  return done;
}

/** The written atoms with every torsion turned by its angle, in radians, as a docking program does. */
export function turned(prepared: PreparedLigand, angles: readonly number[]): Position[] {
  const positions: Position[] = prepared.atoms.map(
    (atom) => prepared.ligand.geometry.positions_angstrom[atom] ?? [0, 0, 0],
  );
  for (const [index, { axis, serials }] of branchesOf(prepared.pdbqt).entries()) {
    const [from, to] = axis.map((serial) => positions[serial - 1] ?? [0, 0, 0]) as [Position, Position];
    for (const serial of serials)
      positions[serial - 1] = rotateAbout(positions[serial - 1] ?? from, from, to, angles[index] ?? 0);
  }
  return positions;
}

/** A position turned about the line from one point to another (Rodrigues). */
export function rotateAbout(position: Position, from: Position, to: Position, angle: number): Position {
  const [kx, ky, kz] = scale(minus(to, from), 1 / norm(minus(to, from)));
  const [x, y, z] = minus(position, from);
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const along = (kx * x + ky * y + kz * z) * (1 - cosine);
  return [
    from[0] + x * cosine + (ky * z - kz * y) * sine + kx * along,
    from[1] + y * cosine + (kz * x - kx * z) * sine + ky * along,
    from[2] + z * cosine + (kx * y - ky * x) * sine + kz * along,
  ];
}

export function distance(a: Position | undefined, b: Position | undefined): number {
  return a === undefined || b === undefined ? Number.NaN : norm(minus(a, b));
}

/** Six times the volume that three atoms span from a fourth: its sign is the handedness. */
export function signedVolume(centre: Position, a: Position, b: Position, c: Position): number {
  const [u, v, w] = [minus(a, centre), minus(b, centre), minus(c, centre)];
  return (
    u[0] * (v[1] * w[2] - v[2] * w[1]) +
    u[1] * (v[2] * w[0] - v[0] * w[2]) +
    u[2] * (v[0] * w[1] - v[1] * w[0])
  );
}

function minus(a: Position, b: Position): Position {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function scale(a: Position, factor: number): Position {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

function norm(a: Position): number {
  return Math.hypot(...a);
}

const Coordinate = fc.double({ min: -1, max: 1, noNaN: true });
const Heavy = fc.record({
  element: fc.constantFrom("C", "C", "C", "N", "O", "S", "Si", "Cl"),
  parent: fc.nat(),
  order: fc.constantFrom(1, 1, 1, 2, 3),
  hydrogens: fc.nat(3),
  shift: fc.tuple(Coordinate, Coordinate, Coordinate),
  aromatic: fc.boolean(),
});

/**
 * Connected graphs with some rings and any bond orders, atoms 1.1 to 1.9 Å from their neighbours: no molecules,
 * but what the writer takes for some. The SMILES has the atoms in order and says nothing else.
 */
export const AnyLigand: fc.Arbitrary<Ligand> = fc
  .record({
    heavy: fc.array(Heavy, { minLength: 1, maxLength: 24 }),
    closures: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 4 }),
  })
  .map(({ heavy, closures }) => {
    const elements: string[] = heavy.map(({ element }) => element);
    const positions: Position[] = [];
    const bonds: Bond[] = [];
    const place = (parent: number, [x, y, z]: Position): Position => {
      const [px, py, pz] = positions[parent] ?? [0, 0, 0];
      return [px + 1.1 + 0.8 * Math.abs(x), py + y, pz + z];
    };
    for (const [atom, { parent, order, shift }] of heavy.entries()) {
      const by = atom === 0 ? -1 : parent % atom;
      positions.push(place(by, shift));
      if (by >= 0) bonds.push({ from: by, to: atom, order });
    }
    for (const [a, b] of closures) {
      const [from, to] = [a % heavy.length, b % heavy.length].sort((x, y) => x - y) as [number, number];
      if (from !== to && !bonds.some((bond) => bond.from === from && bond.to === to))
        bonds.push({ from, to, order: 1 });
    }
    for (const [atom, { hydrogens, shift }] of heavy.entries())
      for (let count = 0; count < hydrogens; count += 1) {
        bonds.push({ from: atom, to: elements.length, order: 1 });
        elements.push("H");
        positions.push(place(atom, [-count / 3, shift[1] - count, shift[2]]));
      }
    return {
      smiles: heavy.map(({ element }) => `[${element}]`).join(""),
      geometry: { elements, positions_angstrom: positions },
      bonds,
      charges: elements.map(() => 0),
      isotopes: elements.map(() => 0),
      aromatic: elements.map((_, atom) => heavy[atom]?.aromatic ?? false),
    };
  });
