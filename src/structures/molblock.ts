import type { Bond, Geometry } from "./geometry.ts";
import { tooLarge } from "./xyz.ts";

/** What a molblock is written from; lists run over the atoms. Isotopes are mass numbers, 0 for natural. */
export type MolblockParts = {
  name: string;
  geometry: Geometry;
  bonds: Bond[];
  charges: number[];
  isotopes: number[];
  radicals: number[];
};

/**
 * A V2000 molblock marked 3D, coordinates at 4 decimals, LF line ends, no date: equal input, equal bytes.
 * AppError `bad_input` code `too_large` above 999 atoms or bonds, which V2000 cannot count.
 */
export function formatMolblock(parts: MolblockParts): string {
  const { geometry, bonds } = parts;
  const atoms = geometry.elements.length;
  if (atoms > 999 || bonds.length > 999) throw tooLarge(`${atoms} atoms: a V2000 molblock holds 999`);
  const counts = `${pad(atoms)}${pad(bonds.length)}  0  0  0  0  0  0  0  0999 V2000`;
  const atomLines = geometry.elements.map((element, index) => {
    const cells = (geometry.positions_angstrom[index] ?? []).map((value) => fixed4(value).padStart(10));
    return `${cells.join("")} ${element.padEnd(3)} 0  0  0  0  0  0  0  0  0  0  0  0`;
  });
  const bondLines = bonds.map(
    ({ from, to, order }) => `${pad(from + 1)}${pad(to + 1)}${pad(order === 1.5 ? 4 : order)}  0`,
  );
  const tagged = [
    ...tagLines("CHG", parts.charges),
    ...tagLines("ISO", parts.isotopes),
    ...tagLines("RAD", parts.radicals),
  ];
  const name = parts.name.replace(/[\r\n\0]+/g, " ").slice(0, 80);
  return `${[name, "  Aliquot           3D", "", counts, ...atomLines, ...bondLines, ...tagged, "M  END"].join("\n")}\n`;
}

function tagLines(tag: string, values: number[]): string[] {
  const set = values.flatMap((value, index) => (value === 0 ? [] : [`${pad(index + 1, 4)}${pad(value, 4)}`]));
  const lines: string[] = [];
  for (let at = 0; at < set.length; at += 8)
    lines.push(`M  ${tag}${pad(set.slice(at, at + 8).length)}${set.slice(at, at + 8).join("")}`);
  return lines;
}

function pad(value: number, width = 3): string {
  return String(value).padStart(width);
}

function fixed4(value: number): string {
  return value.toFixed(4);
}
