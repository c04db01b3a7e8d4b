import { AppError } from "../../errors.ts";
import { checkGeometry } from "../../structures/bonds.ts";
import { atomicNumber, LAST_ELEMENT, valenceElectrons } from "./elements.ts";
import type { XtbInput, XtbParams } from "./schema.ts";

/** xtb itself has no limit; cost grows with the cube, and 200 atoms already take minutes to optimise. */
export const MAX_ATOMS = 200;

/**
 * Refuses what xtb would take without a word and answer with nonsense, a crash or an endless run: a spin
 * the electrons can't have, elements beyond radon, no atoms, atoms in one place, NaN. Throws AppError
 * `engine_refused` (codes `unsupported_element`, `electron_parity`, `too_large`) or `bad_input` from the
 * geometry. GFN-FF has no spin, but is asked only about species that exist.
 */
export function checkXtbInput(params: XtbParams, input: XtbInput): void {
  const { elements } = input.geometry;
  refuseElements(elements);
  checkGeometry(input.geometry);
  if (elements.length > MAX_ATOMS && !params.large) {
    const rule = `${elements.length} atoms are more than ${MAX_ATOMS}: ask for a large run on purpose`;
    throw new AppError("engine_refused", rule, { code: "too_large", fields: [{ path: "/geometry", rule }] });
  }
  checkElectrons(elements, input.charge, input.multiplicity);
}

/** Unpaired electrons of a multiplicity 2S + 1. */
export function unpairedElectrons(multiplicity: number): number {
  return multiplicity - 1;
}

/**
 * Refuses elements that xtb has no parameters for, and a charge or multiplicity that such atoms can't have. Throws
 * AppError engine_refused, code unsupported_element or electron_parity.
 */
export function checkElectrons(elements: string[], charge: number, multiplicity: number): void {
  refuseElements(elements);
  if (!Number.isSafeInteger(charge)) throw spin("charge", `the charge must be a whole number, not ${charge}`);
  if (!Number.isSafeInteger(multiplicity) || multiplicity < 1)
    throw spin("multiplicity", `the multiplicity must be 1, 2, 3, …, not ${multiplicity}`);
  const numbers = elements.map((element) => atomicNumber(element) ?? 0);
  const electrons = sum(numbers) - charge;
  const valence = sum(numbers.map(valenceElectrons)) - charge;
  if (valence < 0) {
    throw spin("charge", `charge ${charge} takes ${-valence} electrons more than the valence shells hold`);
  }
  const unpaired = unpairedElectrons(multiplicity);
  if ((electrons - unpaired) % 2 !== 0 || unpaired > valence) {
    const leaves = `charge ${charge} leaves ${electrons} electrons (${valence} of them valence)`;
    const rule = `${leaves}, which multiplicity ${multiplicity} can't have: use ${possible(electrons, valence)}`;
    throw spin("multiplicity", rule);
  }
}

function refuseElements(elements: string[]): void {
  const unknown = elements.find((element) => atomicNumber(element) === undefined);
  if (unknown !== undefined) throw unsupported(unknown);
}

/** The multiplicities that such a count of electrons can have, lowest first, two of them named. */
function possible(electrons: number, valence: number): string {
  const first = (electrons % 2) + 1;
  const fitting = [first, first + 2, first + 4].filter((multiplicity) => multiplicity - 1 <= valence);
  return `${fitting.slice(0, 2).join(" or ")}${fitting.length > 2 ? "…" : ""}`;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function spin(path: string, rule: string): AppError {
  return new AppError("engine_refused", rule, {
    code: "electron_parity",
    fields: [{ path: `/${path}`, rule }],
  });
}

function unsupported(element: string): AppError {
  const rule = `xtb has no parameters for "${element.slice(0, 20)}": it knows H to Rn (Z 1–${LAST_ELEMENT})`;
  return new AppError("engine_refused", rule, {
    code: "unsupported_element",
    fields: [{ path: "/geometry/elements", rule }],
  });
}
