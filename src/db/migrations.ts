import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";

export const BRANCHES = ["metadata", "results"] as const;
export type Branch = (typeof BRANCHES)[number];

/** One step of a schema, as its two files say it. */
export type Migration = {
  version: number;
  name: string;
  up: string;
  down: string;
  /** SHA-256 over both files. */
  checksum: string;
  /** First line says `-- breaking`: code that is older than this must stop. */
  breaking: boolean;
  /** False where the first line says `-- no transaction`. */
  transaction: boolean;
};

const FILE = /^(\d{4})_([a-z0-9_]+)\.(up|down)\.sql$/;

/** The folder of migrations in a checkout and in an installed package alike. */
export function migrationsFolder(): string {
  return join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "migrations");
}

/**
 * Migrations of a branch in order. Throws AppError internal on a file with another name, a gap or a
 * duplicate in the numbers, a step without its way down, or a first line that is almost a mark.
 */
export async function readMigrations(branch: Branch, folder = migrationsFolder()): Promise<Migration[]> {
  const files = (await readdir(join(folder, branch))).sort();
  const texts = new Map<string, string>();
  for (const file of files) {
    if (!FILE.test(file)) throw broken(branch, `${file} is not named NNNN_table_change.up.sql or .down.sql`);
    texts.set(file, await readFile(join(folder, branch, file), "utf8"));
  }
  const steps = files.filter((file) => file.endsWith(".up.sql"));
  if (steps.length * 2 !== files.length) throw broken(branch, "a step lacks its .up.sql or .down.sql");
  return steps.map((file, index) => {
    const [, digits = "", name = ""] = FILE.exec(file) ?? [];
    if (Number(digits) !== index + 1)
      throw broken(branch, `number ${digits} of ${file} leaves a gap or stands twice`);
    const up = texts.get(file) ?? "";
    const down = texts.get(file.replace(".up.sql", ".down.sql"));
    if (down === undefined) throw broken(branch, `${file} has no .down.sql`);
    return {
      version: index + 1,
      name,
      up,
      down,
      checksum: sha256(`${up}\0${down}`),
      ...marksOf(up, `migrations/${branch}: ${file}`),
    };
  });
}

/**
 * What the first line of a way up says of it. It has to say so in these very words: prose that happens to hold
 * one of them must not decide whether programs stop. Throws AppError internal.
 */
export function marksOf(up: string, what: string): Pick<Migration, "breaking" | "transaction"> {
  const first = (up.split("\n", 1)[0] ?? "").trimEnd();
  const marks = MARKS[first];
  if (marks !== undefined) return marks;
  if (!/breaking|no[\s_-]*transaction/i.test(first)) return { breaking: false, transaction: true };
  const known = Object.keys(MARKS).map((mark) => `"${mark}"`);
  throw new AppError(
    "internal",
    `${what}: its first line is not ${known.join(", ")}, and holds one of these words: say the mark alone, and the reason on the next line`,
  );
}

const MARKS: Readonly<Record<string, Pick<Migration, "breaking" | "transaction">>> = {
  "-- breaking": { breaking: true, transaction: true },
  "-- no transaction": { breaking: false, transaction: false },
  "-- breaking, no transaction": { breaking: true, transaction: false },
};

function broken(branch: Branch, what: string): AppError {
  return new AppError("internal", `migrations/${branch}: ${what}`);
}
