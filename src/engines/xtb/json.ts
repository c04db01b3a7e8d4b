import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { AppError } from "../../errors.ts";

const numbers = Type.Array(Type.Number());

/**
 * The keys of `xtbout.json` that we read, in xtb 6.5.1's own spelling. After an optimisation its `dipole`
 * and `electronic energy` are those of the FIRST geometry; everything else is of the last.
 */
const Schema = Type.Object({
  /** Eh, 8 decimals. */
  "total energy": Type.Number(),
  /** LUMO − HOMO, but one level alone where the other does not exist. */
  "HOMO-LUMO gap/eV": Type.Number(),
  /** e·a0, about the coordinate origin. */
  dipole: numbers,
  /** Mulliken, e. */
  "partial charges": numbers,
  /** GFN2 only; e·a0 per atom. */
  "atomic dipole moments": Type.Optional(Type.Array(numbers)),
  /** Valence electrons. */
  "number of electrons": Type.Integer(),
  "number of unpaired electrons": Type.Integer(),
  "orbital energies/eV": numbers,
  "fractional occupation": numbers,
  method: Type.String(),
  "xtb version": Type.String(),
});
export type XtbJson = Static<typeof Schema>;

/**
 * `xtbout.json` with its numbers proved finite. Throws AppError `engine_refused` where xtb wrote NaN or
 * overflowed (its JSON is then none), `crashed` where the file is cut short or of another shape.
 */
export function readXtbJson(text: string): XtbJson {
  if (/\bNaN\b|\bInfinity\b|\*\*\*/.test(text)) {
    throw new AppError("engine_refused", "xtb's result is not a finite number: look at the geometry");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError("crashed", "xtb left an xtbout.json that is cut short or no JSON", { cause });
  }
  if (Value.Check(Schema, value)) return value;
  const [first] = Value.Errors(Schema, value);
  throw new AppError(
    "crashed",
    `xtb's xtbout.json is not as 6.5.1 writes it: ${first?.message ?? "unknown"}`,
  );
}

/** `6.5.1` out of `6.5.1 (unknown)`: the bracket holds the commit that packagers rarely know. */
export function plainVersion(text: string): string {
  return text.trim().split(/\s+/)[0] ?? text;
}
