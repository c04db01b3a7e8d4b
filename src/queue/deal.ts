/** A lane that may be served now, as dealing sees it. */
export type Dealt = {
  org_id: string;
  /** Virtual time at which its next task starts, counted from its engine's clock: 0 or more. */
  start: number;
  weight: number;
  /** Tasks that it may get at most; `Infinity` without a quota. */
  most: number;
};

/** What a lane of the smallest weight gets is still something, and no weight makes a step that a number can't hold. */
export const LEAST_WEIGHT = 0.001;

/** How far a lane's virtual time moves on when `tasks` of it are taken. */
export function cost(tasks: number, weight: number): number {
  return tasks / Math.max(weight, LEAST_WEIGHT);
}

/**
 * How many of `count` tasks each lane gets, in their order: start-time fair queuing (Goyal, Vin, Cheng 1996). The
 * k-th task of a lane starts at `start + k / weight`, and those that start first are taken; between equals the
 * lane that was named first. `rooms` are tasks that an organization may still get, all its lanes together.
 */
export function deal(
  lanes: Dealt[],
  count: number,
  rooms: ReadonlyMap<string, number> = new Map(),
): number[] {
  const taken = lanes.map(() => 0);
  const left = new Map(rooms);
  for (let n = 0; n < count; n++) {
    const next = firstToStart(lanes, taken, left);
    const lane = lanes[next];
    if (lane === undefined) break;
    taken[next] = (taken[next] ?? 0) + 1;
    const room = left.get(lane.org_id);
    if (room !== undefined) left.set(lane.org_id, room - 1);
  }
  return taken;
}

function firstToStart(lanes: Dealt[], taken: number[], rooms: ReadonlyMap<string, number>): number {
  let [found, first] = [-1, Number.POSITIVE_INFINITY];
  for (const [index, { org_id, start, weight, most }] of lanes.entries()) {
    const had = taken[index] ?? 0;
    const at = start + cost(had, weight);
    if (at < first && had < most && (rooms.get(org_id) ?? 1) > 0) [found, first] = [index, at];
  }
  return found;
}
