import type pg from "pg";
import { withClient } from "../db/connect.ts";
import { ident } from "../db/roles.ts";
import { AppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";
import type { ProvisionSettings } from "./provision-settings.ts";
import { serverOf, serversOf } from "./servers.ts";

const PLACE_LOCK = 7_242_004;

const PATIENCE_MS = 60_000;

/**
 * Until the session ends, nobody else makes, mends or drops this organization's database. Taken on the
 * server that has it, so that a statement of a killed process is over before the next one begins.
 * Throws AppError unavailable where another holds it for longer than our patience.
 */
export async function lockPlace(
  client: pg.ClientBase,
  orgId: string,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  try {
    // One statement: who makes an organization waits for each.
    await client.query("SELECT set_config('lock_timeout', $3, false), pg_advisory_lock($1, hashtext($2))", [
      PLACE_LOCK,
      orgId,
      String(patienceMs),
    ]);
  } catch (cause) {
    if ((cause as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw cause;
    const holder = await holderOf(client, orgId);
    throw new AppError(
      "unavailable",
      `the organization's database is being made, mended or dropped by ${holder} for more than ${patienceMs / 1000} s: try again when it is done`,
      { cause },
    );
  }
}

const LOCK_NOT_AVAILABLE = "55P03";

async function holderOf(client: pg.ClientBase, orgId: string): Promise<string> {
  const found = await client.query<{ pid: number; name: string }>(
    `SELECT l.pid, a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid::bigint = hashtext($2)::bigint & 4294967295`,
    [PLACE_LOCK, orgId],
  );
  const [holder] = found.rows;
  return holder === undefined ? "another process" : `server process ${holder.pid} (${holder.name})`;
}

/**
 * Removes an organization's database, with whoever is connected to it, and its login role. What is not
 * there is not missed, so it may be repeated after a crash and serves a half-made organization too. The
 * directory is the caller's: an organization that is no longer `provisioning` is not made again by one that
 * waits. Throws AppError unavailable (the server is away).
 */
export async function dropResults(settings: ProvisionSettings, place: OrgPlace): Promise<void> {
  const { database_name, role_name } = place;
  const server = serverOf(place, serversOf(settings));
  await withClient(server, "aliquot drop", async (client) => {
    await lockPlace(client, place.org_id);
    const role = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role_name]);
    // Only who is a member of a role may end its sessions; without the right to log in none comes back.
    if (role.rowCount === 1) {
      await client.query(`ALTER ROLE ${ident(role_name)} NOLOGIN; GRANT ${ident(role_name)} TO CURRENT_USER`);
    }
    await client.query(`DROP DATABASE IF EXISTS ${ident(database_name)} WITH (FORCE)`);
    await client.query(`DROP ROLE IF EXISTS ${ident(role_name)}`);
  });
}
