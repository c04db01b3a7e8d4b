import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** An import of one file of `src/` by another; `types` where it is gone at run time. */
export type Edge = { from: string; to: string; types: boolean };

/** Files of ours below a folder of the checkout, as `folder/path.ts`, but the generated ones; none where it is absent. */
export function sourceFiles(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  const entries = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return entries
    .map((entry) => posix.join(folder, entry.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".ts") && !path.startsWith("src/db/tables/"))
    .sort();
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
}

export function readSource(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

const STATEMENT = /^(?:import|export)\s+(type\s)?[^;"]*?from\s+"(\.[^"]+)";/gm;
const BARE = /^import\s+"(\.[^"]+)";/gm;
const LATE = /(?<!typeof )\bimport\("(\.[^"]+)"\)/g;
const LATE_TYPES = /\btypeof import\("(\.[^"]+)"\)/g;

/** What a text of `src/` imports from its own kind, in whatever way. */
export function importsOf(path: string, text: string): Edge[] {
  const edge = (target: string, types: boolean): Edge => ({
    from: path,
    to: posix.join(posix.dirname(path), target),
    types,
  });
  return [
    ...[...text.matchAll(STATEMENT)].map(([, type, target = ""]) => edge(target, type !== undefined)),
    ...[...text.matchAll(BARE)].map(([, target = ""]) => edge(target, false)),
    ...[...text.matchAll(LATE)].map(([, target = ""]) => edge(target, false)),
    ...[...text.matchAll(LATE_TYPES)].map(([, target = ""]) => edge(target, true)),
  ];
}
