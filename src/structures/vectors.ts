import type { Position } from "./geometry.ts";

/** `a` and `factor` times `b`. */
export function add(a: Position, b: Position, factor = 1): Position {
  return [a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]];
}

export function subtract(a: Position, b: Position): Position {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

/** What a missing atom is at: nothing is near it and nothing is equal to it. */
export const NOWHERE: Position = [Number.NaN, Number.NaN, Number.NaN];

export function dot(a: Position, b: Position): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Position, b: Position): Position {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Distance in the unit of the positions; NaN where one of the two is missing. */
export function distance(a: Position = NOWHERE, b: Position = NOWHERE): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** The square of the distance; NaN where one of the two is missing. */
export function squaredDistance(a: Position = NOWHERE, b: Position = NOWHERE): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}

export function norm(a: Position): number {
  return Math.hypot(...a);
}

/** The vector at length 1; null where it has no direction. */
export function unit(a: Position): Position | null {
  const length = Math.hypot(...a);
  return length < 1e-6 ? null : [a[0] / length, a[1] / length, a[2] / length];
}

/** The part of `a` that is perpendicular to the unit vector `axis`, at length 1; any such vector where `a` has none. */
export function perpendicular(a: Position, axis: Position): Position {
  const own = unit(add(a, axis, -dot(a, axis)));
  if (own !== null) return own;
  // The coordinate axis along which `axis` reaches least is never parallel to it.
  const sizes = axis.map(Math.abs);
  const least = sizes.indexOf(Math.min(...sizes));
  return perpendicular([least === 0 ? 1 : 0, least === 1 ? 1 : 0, least === 2 ? 1 : 0], axis);
}
