import { type MigrationTest, testMigrations } from "../db/migrate-test.ts";
import type { Branch } from "../db/migrations.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";

const SAID_AT_MOST = 50;

/** `migrate test`: exit 1 where a way up or down fails, leaves something, or a table could not be filled. */
export async function runMigrateTest(cli: Cli, branches: readonly Branch[]): Promise<void> {
  const { admin, roles, migrations } = await cli.context({ prepare: false });
  const items: MigrationTest[] = [];
  for (const branch of branches) {
    const tell = (done: number, note: string) =>
      cli.out.progress(done, migrations[branch].length, `${branch}: ${note}`);
    items.push(await testMigrations(admin, roles, branch, migrations[branch], tell));
  }
  cli.out.result({ items, next_cursor: null }, () =>
    items
      .map(({ branch, steps, tables, rows, differences }) => {
        const head = `${branch}: ${steps} migrations up, down and up again, each alone and all together, with ${rows} rows in ${tables} tables`;
        if (differences.length === 0) return `${head}: no difference`;
        const more = differences.length - SAID_AT_MOST;
        return [
          `${head}: ${differences.length} differences`,
          ...differences.slice(0, SAID_AT_MOST).map((line) => `  ${line}`),
          ...(more > 0 ? [`  and ${more} more`] : []),
        ].join("\n");
      })
      .join("\n"),
  );
  if (items.some((item) => item.differences.length > 0)) throw new ExitWith(1);
}
