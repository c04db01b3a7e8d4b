import { AppError } from "../errors.ts";
import { BOHR_ANGSTROM } from "../units.ts";
import { perceiveBonds } from "./bonds.ts";
import type { Geometry } from "./geometry.ts";

const NOBLE = new Set(["He", "Ne", "Ar", "Kr", "Xe", "Rn"]);

/**
 * Refuses coordinates that were likely not written in Å: of three atoms or more no two are near enough for a bond, as
 * where they are in bohr (all is 1.9 times as far) or pm. Noble gases need no bonds. What is too near, as in nm, is
 * `checkGeometry`'s. Throws AppError bad_input.
 */
export function checkScale(geometry: Geometry): void {
  const { elements, positions_angstrom: xyz } = geometry;
  if (elements.length < 3 || elements.some((element) => NOBLE.has(element))) return;
  if (perceiveBonds(geometry).length > 0) return;
  let nearest = Number.POSITIVE_INFINITY;
  for (const [from, a] of xyz.entries())
    for (const b of xyz.slice(from + 1))
      nearest = Math.min(nearest, Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
  const rule = `no two atoms are near enough for a bond (the nearest are ${nearest.toFixed(2)} Å apart): coordinates are read as Å, bohr times ${BOHR_ANGSTROM.toFixed(6)}`;
  throw new AppError("bad_input", rule, { fields: [{ path: "/content_base64", rule }] });
}
