import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TSchema } from "typebox";
import { Errors } from "typebox/value";
import { AppError, type FieldError } from "../errors.ts";
import { seedProblems } from "./check.ts";
import { SEED_FILES, type SeedFile, type Seeds } from "./schema.ts";

export type { Seeds } from "./schema.ts";

const MOST_TOLD = 20;

/** The folder that comes with the program. */
function ownFolder(): string {
  return join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "seeds");
}

/**
 * The files of a folder (`seeds/`), checked each by its schema and then against one another.
 * Throws AppError bad_input that names file, place and rule of everything that is wrong.
 */
export async function readSeeds(folder: string = ownFolder()): Promise<Seeds> {
  const files = Object.keys(SEED_FILES) as SeedFile[];
  const read = await Promise.all(files.map((name) => readSeed(folder, name)));
  const problems = read.flatMap((file) => file.problems);
  if (problems.length > 0) throw refusal(problems);
  const seeds = Object.fromEntries(read.map(({ name, value }) => [name, value])) as Seeds;
  const more = seedProblems(seeds);
  if (more.length > 0) throw refusal(more);
  return seeds;
}

type Read = { name: SeedFile; value: unknown; problems: FieldError[] };

async function readSeed(folder: string, name: SeedFile): Promise<Read> {
  const path = `seeds/${name}.json`;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, `${name}.json`), "utf8"));
  } catch (error) {
    const rule =
      error instanceof SyntaxError
        ? `is no JSON: ${error.message.replace(/\s+/g, " ")}`
        : `can't be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`;
    return { name, value: undefined, problems: [{ path, rule }] };
  }
  const schema: TSchema = SEED_FILES[name];
  const problems = [...Errors(schema, value)].map(({ instancePath, message }) => {
    const found = at(value, instancePath);
    const said = typeof found === "string" ? ` (it is "${found.slice(0, 60)}")` : "";
    const rule = message === "schema is false" ? "is not known here" : message;
    return { path: `${path}${instancePath}`, rule: `${rule}${said}` };
  });
  return { name, value, problems };
}

/** What stands at a JSON pointer. */
function at(value: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

function refusal(problems: FieldError[]): AppError {
  const [first] = problems;
  const others = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new AppError("bad_input", `${first?.path} ${first?.rule}${others}: put the file right`, {
    fields: problems.slice(0, MOST_TOLD),
  });
}
