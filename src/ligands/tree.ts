import { connectedParts, neighbourLists } from "../structures/adjacency.ts";
import type { Bond } from "../structures/geometry.ts";

/**
 * A rigid fragment and what turns on it. `axis` is the bond that it turns about, from the atom on the
 * parent's side to its own; null for the root. Atoms ascending; branches by the parent's atom of their axis.
 */
export type Branch = { atoms: number[]; axis: readonly [number, number] | null; branches: Branch[] };

/** Atoms that stay in place to each other when the given bonds turn; each atom is in exactly one. */
export function rigidFragments(
  atoms: number,
  bonds: readonly Bond[],
  turning: readonly boolean[],
): number[][] {
  return connectedParts(
    neighbourLists(
      atoms,
      bonds.filter((_, bond) => !turning[bond]),
    ),
  );
}

type Link = { to: number; axis: readonly [number, number] };

/**
 * The fragments of one molecule as a tree. The root is the fragment whose largest branch has the fewest
 * counted atoms, as few of them as can be then move far when one bond turns; of equals the one with the most
 * counted atoms itself, then the one with the first atom. `counts` says which atoms count.
 */
export function torsionTree(
  fragments: readonly number[][],
  bonds: readonly Bond[],
  turning: readonly boolean[],
  counts: readonly boolean[],
): Branch {
  const links = linkFragments(fragments, bonds, turning);
  const own = fragments.map((atoms) => atoms.filter((atom) => counts[atom]).length);
  const largest = fragments.map((_, fragment) => largestBranch(links, own, fragment));
  const root = [...fragments.keys()].reduce((best, fragment) => {
    const [a, b] = [largest[fragment] ?? 0, largest[best] ?? 0];
    return a < b || (a === b && (own[fragment] ?? 0) > (own[best] ?? 0)) ? fragment : best;
  }, 0);
  return grow(fragments, links, root, null);
}

function linkFragments(
  fragments: readonly number[][],
  bonds: readonly Bond[],
  turning: readonly boolean[],
): Link[][] {
  const home = new Map(
    fragments.flatMap((atoms, fragment) => atoms.map((atom) => [atom, fragment] as const)),
  );
  const links: Link[][] = fragments.map(() => []);
  for (const [bond, { from, to }] of bonds.entries()) {
    if (!turning[bond]) continue;
    const [a = -1, b = -1] = [home.get(from), home.get(to)];
    links[a]?.push({ to: b, axis: [from, to] });
    links[b]?.push({ to: a, axis: [to, from] });
  }
  for (const list of links) list.sort((x, y) => x.axis[0] - y.axis[0] || x.axis[1] - y.axis[1]);
  return links;
}

function largestBranch(links: readonly Link[][], own: readonly number[], root: number): number {
  const weigh = (fragment: number, from: number): number =>
    (links[fragment] ?? []).reduce(
      (sum, { to }) => (to === from ? sum : sum + weigh(to, fragment)),
      own[fragment] ?? 0,
    );
  return Math.max(0, ...(links[root] ?? []).map(({ to }) => weigh(to, root)));
}

function grow(
  fragments: readonly number[][],
  links: readonly Link[][],
  fragment: number,
  by: { from: number; axis: readonly [number, number] } | null,
): Branch {
  const onwards = (links[fragment] ?? []).filter(({ to }) => to !== by?.from);
  return {
    atoms: fragments[fragment] ?? [],
    axis: by?.axis ?? null,
    branches: onwards.map(({ to, axis }) => grow(fragments, links, to, { from: fragment, axis })),
  };
}
