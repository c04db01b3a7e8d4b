import type { Canonical } from "../canonical.ts";

/** One leaf that two documents don't share: where it is (RFC 6901), and what each says. Absent is undefined. */
export type Difference = { path: string; here: Canonical | undefined; there: Canonical | undefined };

/** Parts that say what is wrong at a glance come first; exact arguments repeat what stands under its own name. */
const FIRST = ["task", "task_version", "cache_version", "program", "subject"];
const LAST = ["arguments"];

/**
 * Leaves in which two signed documents differ, in the order in which a person would want to hear of them. What is
 * only repeated in the exact arguments is left out where something else differs.
 */
export function differencesOf(here: Canonical, there: Canonical): Difference[] {
  const [ours, theirs] = [leavesOf(here), leavesOf(there)];
  const paths = [...new Set([...ours.keys(), ...theirs.keys()])];
  const found = paths
    .map((path) => ({ path, here: ours.get(path), there: theirs.get(path) }))
    .filter((one) => JSON.stringify(one.here) !== JSON.stringify(one.there))
    .toSorted((a, b) => placeOf(a.path) - placeOf(b.path) || (a.path < b.path ? -1 : 1));
  const named = found.filter(({ path }) => !LAST.includes(rootOf(path)));
  return named.length > 0 ? named : found;
}

function leavesOf(
  value: Canonical,
  path = "",
  leaves = new Map<string, Canonical>(),
): Map<string, Canonical> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) leaves.set(path, value);
  for (const [key, field] of entries) leavesOf(field, `${path}/${escaped(key)}`, leaves);
  return leaves;
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function rootOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function placeOf(path: string): number {
  const root = rootOf(path);
  if (FIRST.includes(root)) return FIRST.indexOf(root);
  return FIRST.length + (LAST.includes(root) ? 1 : 0);
}
