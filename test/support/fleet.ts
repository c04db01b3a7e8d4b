import { withClient } from "../../src/db/connect.ts";
import { type Migration, marksOf } from "../../src/db/migrations.ts";
import { ident } from "../../src/db/roles.ts";
import { newId, sha256 } from "../../src/ids.ts";
import { ensureTemplate } from "../../src/orgs/template.ts";
import type { TestContext } from "./context.ts";

export type FleetMember = { org_id: string; name: string; database_name: string };

/**
 * Organizations with real results databases and without what fleets don't need: login roles and owners. They
 * are clones of the template, two at a time, and stand in the directory as provisioning would leave them.
 */
export async function makeFleet(
  context: Pick<TestContext, "admin" | "roles" | "migrations" | "superuser">,
  count: number,
  said: (done: number) => void = () => {},
): Promise<FleetMember[]> {
  const { admin, roles, migrations, superuser } = context;
  const settings = { roles, migrations: migrations.results };
  const template = await withClient(admin, "fleet", (client) => ensureTemplate(client, admin, settings));
  // Ids of one millisecond are in no order: sorted, the first of the list is the first of the directory.
  const ids = Array.from({ length: count }, newId).sort();
  const members = ids.map((org_id, n) => ({
    org_id,
    name: `Fleet ${String(n).padStart(4, "0")}`,
    database_name: `results_${org_id.replaceAll("-", "")}`,
  }));
  const queue = members.entries();
  const hand = () =>
    withClient(admin, "fleet", async (client) => {
      for (const [index, { database_name }] of queue) {
        await client.query(
          `CREATE DATABASE ${ident(database_name)} OWNER ${ident(roles.owner)} TEMPLATE ${ident(template)} STRATEGY FILE_COPY`,
        );
        said(index + 1);
      }
    });
  await Promise.all([hand(), hand()]);
  await superuser(
    `WITH server AS (
       INSERT INTO database_servers (name, address) VALUES ('default', 'metadata')
       ON CONFLICT (name) DO UPDATE SET address = excluded.address RETURNING server_id
     ), fleet AS (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS f (org_id uuid, name text, database_name text)
     ), made AS (
       INSERT INTO organizations (org_id, name, slug, status) SELECT org_id, name, 'f-' || org_id, 'active' FROM fleet
       RETURNING org_id
     )
     INSERT INTO org_databases (org_id, server_id, database_name, role_name, state, schema_version)
     SELECT f.org_id, s.server_id, f.database_name, f.database_name, 'active', $2 FROM fleet f JOIN made USING (org_id), server s`,
    [JSON.stringify(members), migrations.results.length],
  );
  return members;
}

/** One more migration after `migrations`, as a file of that text would give it. */
export function withMigration(migrations: Migration[], name: string, up: string, down: string): Migration[] {
  const next: Migration = {
    version: migrations.length + 1,
    name,
    up,
    down,
    checksum: sha256(`${up}\0${down}`),
    ...marksOf(up, name),
  };
  return [...migrations, next];
}
