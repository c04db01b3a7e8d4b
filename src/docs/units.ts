/** Units by the end of a column's name, longest first: `gradient_x_eh_per_bohr` is no `…_bohr`. */
const UNITS: readonly (readonly [suffix: string, unit: string])[] = [
  ["_eh_per_bohr", "Eh/a0"],
  ["_kcal_mol", "kcal/mol"],
  ["_angstrom2", "Å²"],
  ["_angstrom", "Å"],
  ["_seconds", "s"],
  ["_debye", "D"],
  ["_bytes", "B"],
  ["_ev", "eV"],
  ["_eh", "Eh"],
  ["_ms", "ms"],
  ["_k", "K"],
];

const NUMBER = /^(smallint|integer|bigint|real|double precision)(\[\])?$/;

/** The unit that a numeric column's name states; null where it is a count or has none. */
export function unitOf(column: { name: string; type: string }): string | null {
  if (!NUMBER.test(column.type)) return null;
  return UNITS.find(([suffix]) => column.name.endsWith(suffix))?.[1] ?? null;
}

/** All units with the names that carry them, for the legend. */
export function unitLegend(): { suffix: string; unit: string }[] {
  return UNITS.map(([suffix, unit]) => ({ suffix, unit }));
}
