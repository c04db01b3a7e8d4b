import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SeedFile } from "./schema.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test breaks files in ways that no type allows
type Entries = any[];

/** A copy of the program's seeds with one file changed; it goes when the test ends. */
export function seedFolder(
  t: { after(clean: () => void): unknown },
  file: SeedFile,
  change: string | ((list: Entries) => void),
): string {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-seeds-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "seeds"), folder, {
    recursive: true,
  });
  const path = join(folder, `${file}.json`);
  if (typeof change === "string") {
    writeFileSync(path, change);
    return folder;
  }
  const list = JSON.parse(readFileSync(path, "utf8")) as Entries;
  change(list);
  writeFileSync(path, JSON.stringify(list));
  return folder;
}
