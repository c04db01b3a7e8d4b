import { newId } from "../ids.ts";
import type { ServerAddress } from "./address.ts";
import { describeCatalog } from "./catalog.ts";
import { withClient } from "./connect.ts";
import { migrateDown, migrateUp } from "./migrate.ts";
import type { Branch, Migration } from "./migrations.ts";
import { ident, type Roles } from "./roles.ts";

export type MigrationTest = { branch: Branch; steps: number; differences: string[] };

/**
 * Takes every migration of a branch up, down to nothing and up again in a scratch database, and compares
 * the two schemas and the emptiness between. The scratch database is dropped whatever happens.
 */
export async function testMigrations(
  admin: ServerAddress,
  roles: Roles,
  branch: Branch,
  migrations: Migration[],
): Promise<MigrationTest> {
  const database = `migrate_test_${newId().replaceAll("-", "")}`;
  return withClient(admin, "aliquot migrate test", async (client) => {
    await client.query(`CREATE DATABASE ${ident(database)} OWNER ${ident(roles.owner)} TEMPLATE template0`);
    try {
      const differences = await withClient(
        { ...admin, database },
        "aliquot migrate test",
        async (scratch) => {
          await migrateUp(scratch, roles, migrations);
          const first = await describeCatalog(scratch);
          await migrateDown(scratch, roles, migrations, { to: 0 });
          const left = (await describeCatalog(scratch)).filter((line) => !line.includes("schema_migrations"));
          await migrateUp(scratch, roles, migrations);
          const second = await describeCatalog(scratch);
          return [
            ...left.map((line) => `left after down: ${line}`),
            ...first.filter((line) => !second.includes(line)).map((line) => `gone: ${line}`),
            ...second.filter((line) => !first.includes(line)).map((line) => `new: ${line}`),
          ];
        },
      );
      return { branch, steps: migrations.length, differences };
    } finally {
      await client.query(`DROP DATABASE IF EXISTS ${ident(database)}`);
    }
  });
}
