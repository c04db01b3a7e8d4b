import { AppError } from "../errors.ts";
import type { Bond, Geometry } from "./geometry.ts";

/**
 * Covalent radii in Å, by atomic number from 1 (H) to 96 (Cm): Cordero et al., "Covalent radii revisited",
 * Dalton Trans. 2008, 2832, doi:10.1039/b801115j, table 2. C is sp3; Mn, Fe and Co are the low-spin values.
 */
const RADII_TEXT = `H 0.31 He 0.28 Li 1.28 Be 0.96 B 0.84 C 0.76 N 0.71 O 0.66 F 0.57 Ne 0.58 Na 1.66 Mg 1.41
Al 1.21 Si 1.11 P 1.07 S 1.05 Cl 1.02 Ar 1.06 K 2.03 Ca 1.76 Sc 1.70 Ti 1.60 V 1.53 Cr 1.39 Mn 1.39 Fe 1.32
Co 1.26 Ni 1.24 Cu 1.32 Zn 1.22 Ga 1.22 Ge 1.20 As 1.19 Se 1.20 Br 1.20 Kr 1.16 Rb 2.20 Sr 1.95 Y 1.90
Zr 1.75 Nb 1.64 Mo 1.54 Tc 1.47 Ru 1.46 Rh 1.42 Pd 1.39 Ag 1.45 Cd 1.44 In 1.42 Sn 1.39 Sb 1.39 Te 1.38
I 1.39 Xe 1.40 Cs 2.44 Ba 2.15 La 2.07 Ce 2.04 Pr 2.03 Nd 2.01 Pm 1.99 Sm 1.98 Eu 1.98 Gd 1.96 Tb 1.94
Dy 1.92 Ho 1.92 Er 1.89 Tm 1.90 Yb 1.87 Lu 1.87 Hf 1.75 Ta 1.70 W 1.62 Re 1.51 Os 1.44 Ir 1.41 Pt 1.36
Au 1.36 Hg 1.32 Tl 1.45 Pb 1.46 Bi 1.48 Po 1.40 At 1.50 Rn 1.50 Fr 2.60 Ra 2.21 Ac 2.15 Th 2.06 Pa 2.00
U 1.96 Np 1.90 Pu 1.87 Am 1.80 Cm 1.69`;

const PAIRS = RADII_TEXT.split(/\s+/);

/** Element symbols by atomic number: `SYMBOLS[6]` is "C"; index 0 is empty. H to Cm. */
export const SYMBOLS: readonly string[] = ["", ...PAIRS.filter((_, index) => index % 2 === 0)];

/** Covalent radius in Å by element symbol (Cordero et al. 2008). */
export const COVALENT_RADII_ANGSTROM: ReadonlyMap<string, number> = new Map(
  SYMBOLS.slice(1).map((symbol, index) => [symbol, Number(PAIRS[2 * index + 1])] as const),
);

/**
 * How much longer than the sum of the covalent radii a bond may be, in Å. 0.4 keeps stretched bonds
 * (C–C to 1.92) and leaves out contacts: the shortest O···H hydrogen bonds are near 1.5, the limit is 1.37.
 */
export const BOND_TOLERANCE_ANGSTROM = 0.4;

/** Two atoms nearer than this, in Å, are one place written twice: the shortest bond, H–H, is 0.74. */
export const CLOSEST_ANGSTROM = 0.4;

/**
 * The bonds of a geometry from distances alone: `from < to`, order 1 for all, sorted. Two atoms are
 * bonded when they are nearer than the sum of their covalent radii + 0.4 Å. An element without a radius
 * bonds to nothing. O(n²): 5,000 atoms take about 0.1 s.
 */
export function perceiveBonds(geometry: Geometry): Bond[] {
  const radii = geometry.elements.map((element) => COVALENT_RADII_ANGSTROM.get(element) ?? Number.NaN);
  const bonds: Bond[] = [];
  eachPair(geometry, (from, to, distance) => {
    const limit = (radii[from] ?? Number.NaN) + (radii[to] ?? Number.NaN) + BOND_TOLERANCE_ANGSTROM;
    if (distance <= limit) bonds.push({ from, to, order: 1 });
  });
  return bonds;
}

/** A bond list as text that depends on who is bonded to whom only: `0-1 0-2`. */
export function bondText(bonds: Bond[]): string {
  return bonds
    .map(({ from, to }) => [Math.min(from, to), Math.max(from, to)] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .map((pair) => pair.join("-"))
    .join(" ");
}

/**
 * Refuses what no engine may see: no atoms, counts that differ, unknown elements, NaN or infinite
 * coordinates, two atoms in one place (< 0.4 Å). `lineOf` turns an atom's 0-based index into its line in
 * the source, for the error. AppError `bad_input` (`unsupported_element` as code for elements).
 */
export function checkGeometry(geometry: Geometry, lineOf?: (atom: number) => number): void {
  const { elements, positions_angstrom: positions } = geometry;
  if (elements.length === 0) throw new AppError("bad_input", "the structure has no atoms: give at least one");
  if (elements.length !== positions.length)
    throw new AppError("bad_input", `${elements.length} elements but ${positions.length} positions`);
  for (const [index, element] of elements.entries()) {
    const where = `atom ${index + 1}`;
    if (!COVALENT_RADII_ANGSTROM.has(element))
      throw refuse(`${where}: "${element.slice(0, 20)}" is not an element`, index, lineOf, true);
    if (!positions[index]?.every(Number.isFinite))
      throw refuse(`${where} (${element}): the coordinates must be finite numbers in Å`, index, lineOf);
  }
  eachPair(geometry, (from, to, distance) => {
    if (distance >= CLOSEST_ANGSTROM) return;
    const pair = `atoms ${from + 1} (${elements[from]}) and ${to + 1} (${elements[to]})`;
    throw refuse(`${pair} are ${distance.toFixed(3)} Å apart: at least 0.4 Å is needed`, to, lineOf);
  });
}

function refuse(rule: string, atom: number, lineOf?: (atom: number) => number, element = false): AppError {
  const line = lineOf?.(atom);
  const fields = [line === undefined ? { path: `atoms.${atom}`, rule } : { line, rule }];
  const message = line === undefined ? rule : `line ${line}: ${rule}`;
  return new AppError("bad_input", message, element ? { fields, code: "unsupported_element" } : { fields });
}

/** No two radii reach further than this, so most pairs are left out by one subtraction. */
const REACH_ANGSTROM = 6;

function eachPair(geometry: Geometry, visit: (from: number, to: number, distance: number) => void): void {
  const xyz = geometry.positions_angstrom;
  for (const [from, a] of xyz.entries()) {
    for (let to = from + 1; to < xyz.length; to += 1) {
      const b = xyz[to];
      if (b === undefined || Math.abs(a[0] - b[0]) > REACH_ANGSTROM) continue;
      const distance = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
      if (distance <= REACH_ANGSTROM) visit(from, to, distance);
    }
  }
}
