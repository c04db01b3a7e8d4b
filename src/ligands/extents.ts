import type { Position } from "../structures/geometry.ts";

const AXIS_PAIRS = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;
/** More than is needed: what is left of the covariances falls quadratically. */
const SWEEPS = 30;

/**
 * Length, width and thickness of a set of points in Å, longest first: how far they reach along their
 * principal axes. One point measures 0 × 0 × 0. The points themselves are turned, plane by plane, until
 * their coordinates do not vary together (Jacobi's method on the covariance matrix).
 */
export function principalExtents(points: readonly Position[]): [number, number, number] {
  const turned = points.map((point) => [...point] as [number, number, number]);
  for (const axis of [0, 1, 2] as const) {
    const mean = turned.reduce((sum, point) => sum + point[axis], 0) / turned.length;
    for (const point of turned) point[axis] -= mean;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) for (const [p, q] of AXIS_PAIRS) decorrelate(turned, p, q);
  const reach = ([0, 1, 2] as const).map((axis) => {
    const along = turned.map((point) => point[axis]);
    return Math.max(...along) - Math.min(...along);
  });
  const [length = 0, width = 0, thickness = 0] = reach.sort((a, b) => b - a);
  return [length, width, thickness];
}

function decorrelate(points: [number, number, number][], p: 0 | 1 | 2, q: 0 | 1 | 2): void {
  let [pp, qq, pq] = [0, 0, 0];
  for (const point of points) {
    pp += point[p] ** 2;
    qq += point[q] ** 2;
    pq += point[p] * point[q];
  }
  // Only the smaller of the two solutions converges: an angle of at most an eighth of a turn.
  const angle = pq === 0 ? 0 : 0.5 * Math.atan((2 * pq) / (pp - qq));
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  for (const point of points) {
    const [x, y] = [point[p], point[q]];
    point[p] = cosine * x + sine * y;
    point[q] = cosine * y - sine * x;
  }
}
