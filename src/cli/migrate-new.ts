import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Branch, migrationsFolder, readMigrations } from "../db/migrations.ts";
import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";

/** `migrate new`: two files with the next number and what to think of. Throws AppError usage, conflict. */
export async function createMigration(
  cli: Pick<Cli, "out">,
  name: string,
  branch: Branch,
  folder = migrationsFolder(),
): Promise<void> {
  if (!/^[a-z][a-z0-9_]{2,79}$/.test(name))
    throw new AppError(
      "usage",
      `"${name.slice(0, 100)}" is no name: a migration is named in 3 to 80 lowercase letters, digits and _, table first: molecules_add_column`,
    );
  const migrations = await readMigrations(branch, folder);
  if (migrations.some((step) => step.name === name))
    throw new AppError(
      "conflict",
      `the ${branch} branch has a migration called ${name} already: choose another name`,
    );
  const version = migrations.length + 1;
  const stem = join(folder, branch, `${String(version).padStart(4, "0")}_${name}`);
  const files = { up: `${stem}.up.sql`, down: `${stem}.down.sql` };
  write(files.up, skeletonUp(name));
  try {
    write(files.down, skeletonDown(name));
  } catch (error) {
    rmSync(files.up); // one without the other would stop every command
    throw error;
  }
  cli.out.result({ branch, version, name, files: [files.up, files.down] }, () =>
    [
      files.up,
      files.down,
      "Write both (CONTRIBUTING.md has a recipe for each kind of change), then:",
      "  make types schema",
      `  aliquot migrate test --branch ${branch}`,
      "In the change whose code first needs it, raise SCHEMA_MIN in src/db/window.ts.",
    ].join("\n"),
  );
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new AppError("conflict", `can't write ${file} (${code}): migrations are made in a checkout`, {
      cause,
    });
  }
}

/** Comments alone: a step without a statement is not applied, so a forgotten file does no harm. */
function skeletonUp(name: string): string {
  const table = tableOf(name);
  const example = name.endsWith("_create")
    ? `-- CREATE TABLE ${table} (
--   ${table.replace(/s$/, "")}_id uuid PRIMARY KEY DEFAULT new_id(),
--   created_at timestamptz NOT NULL DEFAULT now(),
--   updated_at timestamptz NOT NULL DEFAULT now()
-- );
-- CALL finish_table('${table}', 'What it holds.', $\${ "${table.replace(/s$/, "")}_id": "UUIDv7." }$$);
-- CREATE POLICY ${table}_member ON ${table} FOR SELECT TO {member} USING (…);
-- GRANT SELECT ON ${table} TO {member};
`
    : `-- ALTER TABLE ${table} ADD COLUMN …;
-- COMMENT ON COLUMN ${table}.… IS 'What it holds, with its unit; PII: or Confidential: first where it applies.';
`;
  return `-- What changes, and why, while the code before it still runs. First line, where it applies:
--   "-- breaking": programs that do not know this migration must stop
--   "-- no transaction": sent one statement at a time (CREATE INDEX CONCURRENTLY, alone in its file)
-- Roles are {owner}, {system}, {member}. One transaction, with the ledger's row.
${example}`;
}

function skeletonDown(name: string): string {
  const table = tableOf(name);
  const example = name.endsWith("_create")
    ? `-- DROP TABLE ${table};`
    : `-- ALTER TABLE ${table} DROP COLUMN …;`;
  return `-- Takes all of it back, also with rows in the tables: \`aliquot migrate test\` fills them first.
${example}
`;
}

/** The table that a name begins with: up to the verb. */
function tableOf(name: string): string {
  return name.replace(/_(create|add|drop|rename|alter|change|remove|index|fill|validate)(_.*)?$/, "");
}
