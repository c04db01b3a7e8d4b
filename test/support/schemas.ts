import { readMigrations } from "../../src/db/migrations.ts";
import { rolesOf } from "../../src/db/roles.ts";
import { readSchemas } from "../../src/docs/read.ts";
import type { Schema } from "../../src/docs/schema.ts";
import { testServer } from "./server.ts";

/** Both branches as the migrations make them, in the order of BRANCHES. */
export async function migratedSchemas(): Promise<Schema[]> {
  const server = await testServer();
  const migrations = {
    metadata: await readMigrations("metadata"),
    results: await readMigrations("results"),
  };
  return readSchemas(server.admin, rolesOf("aliquot_"), migrations);
}
