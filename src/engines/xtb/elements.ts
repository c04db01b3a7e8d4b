import { SYMBOLS } from "../../structures/bonds.ts";

/**
 * The elements that GFN1, GFN2 and GFN-FF are parametrised for: hydrogen to radon. xtb 6.5.1 does not
 * refuse the rest but dies of SIGSEGV.
 */
export const LAST_ELEMENT = 86;

/**
 * Standard atomic weights in u, by atomic number from 1. IUPAC 2021 (Prohaska et al., Pure Appl. Chem. 94,
 * 573, 2022, doi:10.1515/pac-2019-0603), abridged; for elements without a stable isotope (Tc, Pm, Po, At,
 * Rn) the mass number of the longest-lived one.
 */
const WEIGHTS = `1.008 4.0026 6.94 9.0122 10.81 12.011 14.007 15.999 18.998 20.180
22.990 24.305 26.982 28.085 30.974 32.06 35.45 39.95 39.098 40.078
44.956 47.867 50.942 51.996 54.938 55.845 58.933 58.693 63.546 65.38
69.723 72.630 74.922 78.971 79.904 83.798 85.468 87.62 88.906 91.224
92.906 95.95 97 101.07 102.91 106.42 107.87 112.41 114.82 118.71
121.76 127.60 126.90 131.29 132.91 137.33 138.91 140.12 140.91 144.24
145 150.36 151.96 157.25 158.93 162.50 164.93 167.26 168.93 173.05
174.97 178.49 180.95 183.84 186.21 190.23 192.22 195.08 196.97 200.59
204.38 207.2 208.98 209 210 222`
  .split(/\s+/)
  .map(Number);

const NUMBERS = new Map(
  SYMBOLS.map((symbol, number) => [symbol, number] as const).slice(1, LAST_ELEMENT + 1),
);

/** Atomic number of a symbol written as `Cl`; undefined beyond radon and for what is no element. */
export function atomicNumber(symbol: string): number | undefined {
  return NUMBERS.get(symbol);
}

/** Standard atomic weight in u by symbol; NaN where `atomicNumber` knows none. */
export function atomicWeight(symbol: string): number {
  return WEIGHTS[(NUMBERS.get(symbol) ?? 0) - 1] ?? Number.NaN;
}

/**
 * Electrons that GFN1 and GFN2 treat (the rest is core): the group for s, p and d block, but 2 for Zn, Cd
 * and Hg, and 3 for La to Lu, whose f electrons are in the core. Read off xtb 6.5.1's "number of electrons"
 * for each single atom; Bannwarth et al., J. Chem. Theory Comput. 15, 1652 (2019), §2.
 */
export function valenceElectrons(number: number): number {
  if (number <= 2) return number;
  const core = [54, 36, 18, 10, 2].find((count) => number > count) ?? 2;
  const outer = number - core;
  if (core === 2 || core === 10) return outer;
  if (core === 54 && outer >= 3 && outer <= 17) return 3;
  const group = core === 54 && outer > 17 ? outer - 14 : outer;
  return group <= 11 ? group : group - 10;
}
