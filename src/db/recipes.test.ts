import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type pg from "pg";
import { withMigration } from "../../test/support/fleet.ts";
import { ask, testServer } from "../../test/support/server.ts";
import { withClient } from "./connect.ts";
import { migrateUp } from "./migrate.ts";
import { type Migration, readMigrations } from "./migrations.ts";
import { rolesOf } from "./roles.ts";

/** The recipes of CONTRIBUTING.md, on a table as finish_table() leaves it: forced row security, two policies. */

const roles = rolesOf("aliquot_");
const TABLES = `
  CREATE TABLE plates (plate_id uuid PRIMARY KEY DEFAULT new_id(), name text);
  CALL finish_table('plates', 'Plates.', $\${"plate_id": "UUIDv7.", "name": "As people call it."}$$);
  CREATE TABLE wells (well_id uuid PRIMARY KEY DEFAULT new_id(), plate_id uuid, status text NOT NULL CHECK (status IN ('empty', 'full')), volume_ul double precision);
  CALL finish_table('wells', 'Wells.', $\${"well_id": "UUIDv7.", "plate_id": "The plate.", "status": "empty or full.", "volume_ul": "In microlitres."}$$);`;

type Lab = {
  /** Applies a migration of this text. */
  up(text: string): Promise<void>;
  /** As the machinery: what old code does meanwhile. */
  system(text: string): Promise<pg.QueryResult>;
};

async function withLab(work: (lab: Lab) => Promise<void>): Promise<void> {
  const { admin, superuser } = await testServer();
  const database = `recipes_${randomBytes(5).toString("hex")}`;
  await ask(admin, admin.database, `CREATE DATABASE ${database} OWNER aliquot_owner TEMPLATE template0`);
  try {
    const [functions] = await readMigrations("results");
    await withClient({ ...admin, database }, "aliquot tests", async (client) => {
      let migrations: Migration[] = functions === undefined ? [] : [functions];
      const up = async (text: string) => {
        migrations = withMigration(migrations, `step_${migrations.length + 1}`, text, "SELECT 1;");
        try {
          await migrateUp(client, roles, migrations);
        } catch (error) {
          migrations = migrations.slice(0, -1); // written anew, as one would
          throw error;
        }
      };
      await up(TABLES);
      await withClient({ ...superuser, database }, "aliquot tests", async (other) => {
        await other.query("GRANT USAGE ON SCHEMA public TO aliquot_system; SET ROLE aliquot_system");
        await other.query("INSERT INTO plates (name) VALUES ('one'), (NULL)");
        await other.query(
          "INSERT INTO wells (status, volume_ul) SELECT 'empty', g FROM generate_series(-1, 8) g",
        );
        await work({ up, system: (text) => other.query(text) });
      });
    });
  } finally {
    await ask(superuser, "postgres", `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  }
}

test("a column: added nullable, old rows filled by the migration, then NOT NULL by way of a CHECK", () =>
  withLab(async ({ up, system }) => {
    await up("ALTER TABLE wells ADD COLUMN unit text; COMMENT ON COLUMN wells.unit IS 'Unit.';");
    await system("INSERT INTO wells (status) VALUES ('full')"); // old code goes on
    await up("ALTER TABLE wells ADD CONSTRAINT wells_unit CHECK (unit IS NOT NULL) NOT VALID;");
    await assert.rejects(system("INSERT INTO wells (status) VALUES ('full')"), /wells_unit/, "new rows obey");
    await assert.rejects(
      up("ALTER TABLE wells VALIDATE CONSTRAINT wells_unit;"),
      /wells_unit/,
      "old rows don't",
    );
    await up("UPDATE wells SET unit = 'ul' WHERE unit IS NULL;");
    const left = await system("SELECT count(*) AS n FROM wells WHERE unit IS NULL");
    assert.equal(left.rows[0]?.n, 0, "row security hides no row from the owner");
    await up("ALTER TABLE wells VALIDATE CONSTRAINT wells_unit;");
    await up("ALTER TABLE wells ALTER unit SET NOT NULL; ALTER TABLE wells DROP CONSTRAINT wells_unit;");
    await assert.rejects(system("INSERT INTO wells (status) VALUES ('full')"), /null value in column "unit"/);
  }));

test("without its policy the owner would fill nothing, and would not be told", () =>
  withLab(async ({ up, system }) => {
    await up("DROP POLICY wells_owner ON wells;");
    await up("UPDATE wells SET volume_ul = 7;");
    const found = await system("SELECT count(*) AS n FROM wells WHERE volume_ul = 7");
    assert.equal(found.rows[0]?.n, 1, "the one that had it before");
  }));

test("a CHECK and a foreign key: NOT VALID first, VALIDATE in a migration of its own sees every row", () =>
  withLab(async ({ up, system }) => {
    await up("ALTER TABLE wells ADD CONSTRAINT wells_volume CHECK (volume_ul >= 0) NOT VALID;");
    await assert.rejects(system("INSERT INTO wells (status, volume_ul) VALUES ('full', -2)"), /wells_volume/);
    await assert.rejects(up("ALTER TABLE wells VALIDATE CONSTRAINT wells_volume;"), /wells_volume/);
    await system("UPDATE wells SET volume_ul = 0 WHERE volume_ul < 0");
    await up("ALTER TABLE wells VALIDATE CONSTRAINT wells_volume;");
    await system("UPDATE wells SET plate_id = gen_random_uuid() WHERE volume_ul = 3");
    await up(
      "ALTER TABLE wells ADD CONSTRAINT wells_plate FOREIGN KEY (plate_id) REFERENCES plates NOT VALID;",
    );
    await assert.rejects(
      system("UPDATE wells SET plate_id = gen_random_uuid() WHERE volume_ul = 4"),
      /wells_plate/,
    );
    await assert.rejects(up("ALTER TABLE wells VALIDATE CONSTRAINT wells_plate;"), /wells_plate/);
    await system(
      "UPDATE wells SET plate_id = (SELECT plate_id FROM plates LIMIT 1) WHERE plate_id IS NOT NULL",
    );
    await up("ALTER TABLE wells VALIDATE CONSTRAINT wells_plate;");
  }));

test("a closed list: a word more in one file; a word less once no row has it", () =>
  withLab(async ({ up, system }) => {
    const list = (words: string) =>
      `ALTER TABLE wells DROP CONSTRAINT wells_status_check, ADD CONSTRAINT wells_status_check CHECK (status IN (${words}));`;
    await up(list("'empty', 'full', 'lost'"));
    await system("UPDATE wells SET status = 'lost' WHERE volume_ul = 1");
    await assert.rejects(up(list("'empty', 'full'")), /wells_status_check/);
    await up(`UPDATE wells SET status = 'empty' WHERE status = 'lost'; ${list("'empty', 'full'")}`);
  }));

test("an index for a large table: concurrently, alone in its file, as the owner", () =>
  withLab(async ({ up, system }) => {
    await up(
      "-- no transaction\nDROP INDEX CONCURRENTLY IF EXISTS wells_volume;\nCREATE INDEX CONCURRENTLY wells_volume ON wells (volume_ul);",
    );
    const found = await system("SELECT indisvalid FROM pg_index WHERE indexrelid = 'wells_volume'::regclass");
    assert.equal(found.rows[0]?.indisvalid, true);
  }));

test("a policy: the new one beside the old one in one file, so that no moment is without", () =>
  withLab(async ({ up, system }) => {
    await up(
      "CREATE POLICY wells_machine ON wells TO {system} USING (volume_ul > 5) WITH CHECK (true); DROP POLICY wells_system ON wells;",
    );
    assert.equal((await system("SELECT count(*) AS n FROM wells")).rows[0]?.n, 3);
  }));
