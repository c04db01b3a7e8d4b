import type { ServerAddress } from "../db/address.ts";
import { withClient } from "../db/connect.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import { migrateUp, readLedger } from "../db/migrate.ts";
import type { Migration } from "../db/migrations.ts";
import { closeDatabase, ensureLoginRole, ident, type Roles } from "../db/roles.ts";
import { AppError, toAppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import { derivePassword, type Secret } from "../secrets.ts";
import type { OrgPlace } from "./place.ts";
import { selectOptionalPlace, updateDatabaseState, updateOrganizationStatus } from "./store.ts";

export type ProvisionSettings = {
  /** The administrator (CREATEDB, CREATEROLE) of the server that gets the databases. */
  admin: ServerAddress;
  roles: Roles;
  secret: Secret;
  migrations: Migration[];
};

/** What belongs into the transaction that turns an organization active: its audit. */
export type WhenActive = (tx: MetadataTx, place: OrgPlace) => Promise<void>;

/** Held while the template is made, so that two commands make one. */
const TEMPLATE_LOCK = 7_242_002;
const PROVISION_LOCK = 7_242_004;
const STEPS = ["requested", "role", "database", "grants", "verified"];

/**
 * Makes results databases: requested → role → database → grants → verified → active. Each step may be
 * repeated and notes that it was done, so a killed provisioning goes on where it stopped.
 */
export class Provisioner {
  readonly #metadata: MetadataDoor;
  readonly #settings: ProvisionSettings;

  constructor(metadata: MetadataDoor, settings: ProvisionSettings) {
    this.#metadata = metadata;
    this.#settings = settings;
  }

  /**
   * Takes an organization's database from wherever it stands to active. Calling it on an active one
   * changes nothing. Throws AppError unavailable (server away; noted, resumable), not_found.
   */
  async provision(orgId: string, whenActive: WhenActive = async () => {}): Promise<OrgPlace> {
    try {
      return await withClient(this.#settings.admin, "aliquot provisioning", async (client) => {
        // Two at once on one organization: the second waits and finds the work done.
        await client.query("SELECT pg_advisory_lock($1, hashtext($2))", [PROVISION_LOCK, orgId]);
        const place = await this.#place(orgId);
        if (place.state === "active") return place;
        await this.#steps(client, place, whenActive);
        return this.#place(orgId);
      });
    } catch (error) {
      const failure = toAppError(error);
      await this.#metadata.system((tx) => updateDatabaseState(tx, orgId, { last_error: failure.message }));
      throw failure;
    }
  }

  async #place(orgId: string): Promise<OrgPlace> {
    const place = await this.#metadata.system((tx) => selectOptionalPlace(tx, orgId));
    if (place === undefined) throw new AppError("not_found", "no such organization");
    return place;
  }

  async #steps(client: Client, place: OrgPlace, whenActive: WhenActive): Promise<void> {
    const { roles } = this.#settings;
    const done = STEPS.indexOf(place.state);
    if (done < 0)
      throw new AppError(
        "conflict",
        `the database of organization ${place.name} is ${place.state}: it is not made again`,
      );
    if (done < 1) {
      await ensureLoginRole(client, roles, { name: place.role_name, password: this.#password(place) });
      await this.#note(place, { state: "role" });
    }
    if (done < 2) {
      const template = await this.ensureTemplate();
      await createDatabase(client, place.database_name, template, roles.owner);
      // Its own ledger, not our count: a database that was made before an upgrade is of the older schema.
      const made = await withClient(
        { ...this.#settings.admin, database: place.database_name },
        "aliquot provisioning",
        readLedger,
      );
      await this.#note(place, { state: "database", schema_version: made.length });
    }
    if (done < 3) {
      await closeDatabase(client, roles, place.database_name, place.role_name);
      await this.#note(place, { state: "grants" });
    }
    if (done < 4) {
      await this.#identify(place);
      await this.#note(place, { state: "verified" });
    }
    await this.#metadata.system(async (tx) => {
      await updateDatabaseState(tx, place.org_id, { state: "active" });
      await updateOrganizationStatus(tx, place.org_id, "active");
      await whenActive(tx, place);
    });
  }

  /** Logs in as the organization will, says whose database this is, and makes its partitions. */
  async #identify(place: OrgPlace): Promise<void> {
    const login = {
      user: place.role_name,
      password: this.#password(place).reveal(),
      database: place.database_name,
    };
    await withClient({ ...this.#settings.admin, ...login }, "aliquot provisioning", async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT set_config('role', $1, true)", [this.#settings.roles.system]);
      await client.query(
        "INSERT INTO database_identity (org_id, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [place.org_id, place.generation],
      );
      const row = await client.query("SELECT org_id, generation FROM database_identity");
      if (row.rows[0]?.org_id !== place.org_id) {
        throw new AppError("conflict", `database ${place.database_name} belongs to another organization`);
      }
      await client.query("SELECT ensure_partitions()");
      await client.query("COMMIT");
    });
  }

  /**
   * The template of this program's schema: made aside and renamed, so that its name means it is whole.
   * Nobody may connect to it, which is what lets it be cloned at any time. Returns its name.
   */
  async ensureTemplate(): Promise<string> {
    const { admin, roles, migrations } = this.#settings;
    const fingerprint = sha256(migrations.map((step) => step.checksum).join("\n")).slice(0, 12);
    const name = `${roles.owner.replace(/owner$/, "")}template_${migrations.length}_${fingerprint}`;
    await withClient(admin, "aliquot provisioning", async (client) => {
      if (await databaseExists(client, name)) return;
      await client.query("SELECT pg_advisory_lock($1)", [TEMPLATE_LOCK]);
      if (await databaseExists(client, name)) return;
      const aside = `${name}_making`;
      await client.query(`DROP DATABASE IF EXISTS ${ident(aside)} WITH (FORCE)`);
      await client.query(
        `CREATE DATABASE ${ident(aside)} OWNER ${ident(roles.owner)} TEMPLATE template0 ENCODING 'UTF8'`,
      );
      await client.query(`REVOKE ALL ON DATABASE ${ident(aside)} FROM PUBLIC`);
      await withClient({ ...admin, database: aside }, "aliquot provisioning", (made) =>
        migrateUp(made, roles, migrations),
      );
      await client.query(`ALTER DATABASE ${ident(aside)} ALLOW_CONNECTIONS false`);
      await client.query(`ALTER DATABASE ${ident(aside)} RENAME TO ${ident(name)}`);
    });
    return name;
  }

  #password(place: OrgPlace): Secret {
    return derivePassword(this.#settings.secret, `results:${place.org_id}:${place.credential_version}`);
  }

  async #note(place: OrgPlace, change: { state: string; schema_version?: number }): Promise<void> {
    await this.#metadata.system((tx) => updateDatabaseState(tx, place.org_id, change));
  }
}

type Client = Parameters<Parameters<typeof withClient>[2]>[0];

async function databaseExists(client: Client, name: string): Promise<boolean> {
  const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
  return found.rowCount === 1;
}

async function createDatabase(client: Client, name: string, template: string, owner: string): Promise<void> {
  if (await databaseExists(client, name)) return;
  // WAL_LOG: no checkpoint before and after, which on a disk is three times faster for a small template.
  await client.query(
    `CREATE DATABASE ${ident(name)} OWNER ${ident(owner)} TEMPLATE ${ident(template)} STRATEGY WAL_LOG`,
  );
}
