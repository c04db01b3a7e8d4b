import { SYMBOLS } from "../structures/bonds.ts";

/** H, B, C, N, O, halogens, Si, P, S, Ge, As, Se, Te and the noble gases: what InChI never cuts off as a metal. */
const NON_METALS = new Set([
  1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 52, 53, 54, 85, 86,
]);

/** Whether an atomic number is a metal, as InChI sees it (Sb and Po are, Ge, As and Te are not). */
export function isMetal(z: number): boolean {
  return z > 0 && !NON_METALS.has(z);
}

/** The symbol of an atomic number; elements above Cm, which no engine here knows, as `Z97`. */
export function symbolOf(z: number): string {
  return SYMBOLS[z] || `Z${z}`;
}

/** Counts by symbol as a Hill formula: C, H, then the rest by alphabet; all by alphabet without carbon. */
export function hillFormula(counts: ReadonlyMap<string, number>): string {
  return hillOrder([...counts.keys()])
    .map((symbol) => (counts.get(symbol) === 1 ? symbol : `${symbol}${counts.get(symbol)}`))
    .join("");
}

/** Symbols in Hill order. */
export function hillOrder(symbols: string[]): string[] {
  const first = symbols.includes("C") ? ["C", "H"].filter((symbol) => symbols.includes(symbol)) : [];
  return [...first, ...symbols.filter((symbol) => !first.includes(symbol)).sort()];
}
