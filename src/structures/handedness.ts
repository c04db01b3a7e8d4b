import type { Bond, Geometry, Position } from "./geometry.ts";
import { add, cross, dot, NOWHERE, norm, subtract } from "./vectors.ts";

type Bonded = { geometry: Geometry; bonds: Bond[] };

/** A tetrahedral carbon's neighbours span 4 Å³ or more with it; below this a centre is flat and decides nothing. */
const FLAT_ANGSTROM3 = 1;
const FLAT_ANGSTROM2 = 0.3;
/** With three bonds these keep the side of their lone pair; an amine turns over many times a microsecond. */
const LASTING_PYRAMIDS = new Set(["P", "S", "As", "Se", "Te"]);

/**
 * Whether two geometries of one constitution have the same stereo, atom `i` of `one` being atom `map[i]` of
 * `other` (−1 or absent: not there). Each atom of `one` with four bonds, and each pyramid of a
 * sulfoxide, sulfonium or phosphine, has the same handedness in both, the sign of the volume that three
 * neighbours span with it; each C=C of `one` has its neighbours on the same sides. Bond orders are those of
 * `one`. Imines are left out: many turn freely through a tautomer.
 */
export function sameStereo(one: Bonded, other: Bonded, map: readonly number[]): boolean {
  const pairs = new Map(map.flatMap((twin, atom) => (twin >= 0 ? [[atom, twin] as const] : [])));
  const neighbours = one.geometry.elements.map((): number[] => []);
  for (const { from, to } of one.bonds) {
    neighbours[from]?.push(to);
    neighbours[to]?.push(from);
  }
  const agree = (measure: (geometry: Geometry, at: (atom: number) => number) => number, flat: number) => {
    const here = measure(one.geometry, (atom) => atom);
    const there = measure(other.geometry, (atom) => pairs.get(atom) ?? -1);
    return Math.min(Math.abs(here), Math.abs(there)) < flat || here > 0 === there > 0;
  };
  const shared = (atom: number, without = -1) =>
    (neighbours[atom] ?? []).filter((next) => next !== without && pairs.has(next));
  const centres = [...pairs.keys()].every((atom) => {
    const around = shared(atom).slice(0, 3);
    if (!isCentre(one.geometry.elements[atom], neighbours[atom]) || around.length < 3) return true;
    return agree((geometry, at) => volume(geometry, at(atom), around.map(at)), FLAT_ANGSTROM3);
  });
  if (!centres) return false;
  return one.bonds.every(({ from, to, order }) => {
    const carbons = one.geometry.elements[from] === "C" && one.geometry.elements[to] === "C";
    if (order !== 2 || !carbons || !pairs.has(from) || !pairs.has(to)) return true;
    const [left] = shared(from, to);
    const [right] = shared(to, from);
    if (left === undefined || right === undefined) return true;
    return agree((geometry, at) => side(geometry, [at(left), at(from), at(to), at(right)]), FLAT_ANGSTROM2);
  });
}

function isCentre(element = "", neighbours: number[] = []): boolean {
  return neighbours.length === 4 || (neighbours.length === 3 && LASTING_PYRAMIDS.has(element));
}

/** Signed volume in Å³ of the parallelepiped from a centre to three neighbours. */
function volume(geometry: Geometry, centre: number, around: number[]): number {
  const [a, b, c] = around.map((atom) => vector(geometry, centre, atom));
  return a === undefined || b === undefined || c === undefined ? 0 : dot(a, cross(b, c));
}

/** In Å²: above 0 where the outer two of four atoms in a row lie on one side of the middle bond, below 0 else. */
function side(geometry: Geometry, [a = -1, b = -1, c = -1, d = -1]: number[]): number {
  const axis = vector(geometry, b, c);
  const length = norm(axis);
  const across = (ends: Position): Position => add(ends, axis, -dot(ends, axis) / length ** 2);
  return dot(across(vector(geometry, b, a)), across(vector(geometry, c, d)));
}

function vector({ positions_angstrom: places }: Geometry, from: number, to: number): Position {
  return subtract(places[to] ?? NOWHERE, places[from] ?? NOWHERE);
}
