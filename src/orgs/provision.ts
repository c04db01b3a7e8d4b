import type pg from "pg";
import { withClient } from "../db/connect.ts";
import { KeptClients } from "../db/kept.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import type { Migration } from "../db/migrations.ts";
import { closeDatabase, ident, mendLoginRole, type Roles } from "../db/roles.ts";
import { AppError, toAppError } from "../errors.ts";
import type { Secret } from "../secrets.ts";
import { resultsPassword } from "./credentials.ts";
import { dropResults, lockPlace } from "./drop.ts";
import { identifyDatabase } from "./identify.ts";
import { isUnfinished, Notes } from "./notes.ts";
import type { OrgPlace } from "./place.ts";
import type { ProvisionSettings } from "./provision-settings.ts";
import { activateOrganization, noteCredential, noteFailure, type StepNote } from "./provision-store.ts";
import { type Servers, serverOf, serversOf } from "./servers.ts";
import { selectOptionalPlace } from "./store.ts";
import { ensureTemplate, templateName } from "./template.ts";

/** An organization whose place is in the directory, or about to be. */
export type Intent = Pick<OrgPlace, "org_id" | "name" | "server_address" | "role_name" | "database_name">;

/** What belongs into the transaction that turns an organization active: its audit, the answer. */
export type WhenActive = (tx: MetadataTx, place: OrgPlace) => Promise<void>;

/**
 * Makes results databases: requested → role → database → grants → verified → active. What each step does
 * may be done again and changes nothing where it was done, so a provisioning that was cut short is repeated
 * from its beginning; the notes only say how far it got, and one that a crash took away does no harm.
 */
export class Provisioner implements AsyncDisposable {
  readonly #metadata: MetadataDoor;
  readonly #settings: ProvisionSettings;
  readonly #clients = new KeptClients();

  constructor(metadata: MetadataDoor, settings: ProvisionSettings) {
    this.#metadata = metadata;
    this.#settings = settings;
  }

  /** Where the database of a new organization will be, and what it and its login role are called. */
  placeFor(orgId: string): { server_address: string; database_name: string; role_name: string } {
    const { server_address, nameOf } = this.#settings.names;
    return { server_address, database_name: nameOf(orgId), role_name: nameOf(orgId) };
  }

  /**
   * Takes an organization's database from wherever it stands to active. Calling it on an active one
   * changes nothing. Throws AppError unavailable (server away; noted, resumable), not_found, conflict (it
   * is being deleted).
   */
  async provision(orgId: string, whenActive: WhenActive = async () => {}): Promise<OrgPlace> {
    const place = await this.provisionIntent(this.#place(orgId), whenActive);
    if (place === undefined) throw new AppError("not_found", "no such organization");
    return place;
  }

  /**
   * The same of an organization whose intent is being written: the connection opens meanwhile. Undefined
   * where the intent turns out to be none. Throws also what kept it from being written.
   */
  async provisionIntent(
    intent: Promise<Intent | undefined>,
    whenActive: WhenActive,
  ): Promise<OrgPlace | undefined> {
    try {
      return await this.#locked(intent, async (client, { org_id, role_name, database_name }) => {
        const look = lookAround(client, [templateName(this.#settings), role_name, database_name]);
        const [place, there] = await Promise.all([this.#place(org_id), look]);
        if (place.state === "active") return place;
        if (!isUnfinished(place.state) || place.status !== "provisioning") {
          throw new AppError(
            "conflict",
            `organization ${place.name} is ${place.status} and its database ${place.state}: it is not made again`,
          );
        }
        return this.#activate(place, await this.#takeSteps(client, place, there), whenActive);
      });
    } catch (error) {
      const failure = toAppError(error);
      const { org_id } = (await intent) ?? {};
      if (org_id === undefined) return undefined;
      // Where the directory is away too, the first error is the one to tell.
      await this.#metadata.system((tx) => noteFailure(tx, org_id, failure.message)).catch(() => {});
      throw failure;
    }
  }

  /**
   * Gives an organization's login role its next password: the server first, the directory after it. Killed
   * between the two, the server is one version ahead; said again, it sets the same password again and
   * notes it, with what `whenNoted` writes. Sessions that are open stay. Returns the version. A login that is
   * not there is not made: it may have been dropped a moment ago. Throws AppError not_found, conflict, unavailable.
   */
  async rotate(
    orgId: string,
    whenNoted: (tx: MetadataTx, version: number) => Promise<void> = async () => {},
  ): Promise<number> {
    const rotated = await this.#locked(this.#place(orgId), async (client) => {
      // As it is now that nobody else changes it.
      const place = await this.#place(orgId);
      const inUse = place.status === "active" || place.status === "suspended";
      if (!inUse || place.state !== "active") {
        throw new AppError(
          "conflict",
          `organization ${place.name} is ${place.status} and its database ${place.state}: only one in use has credentials to rotate`,
        );
      }
      const next = { ...place, credential_version: place.credential_version + 1 };
      await setPassword(client, this.#settings.roles, this.#login(next));
      this.#settings.onStep?.("credential", "done");
      await this.#metadata.system(async (tx) => {
        await noteCredential(tx, orgId, next.credential_version);
        await whenNoted(tx, next.credential_version);
      });
      this.#settings.onStep?.("credential", "noted");
      return next.credential_version;
    });
    if (rotated === undefined) throw new AppError("not_found", "no such organization");
    return rotated;
  }

  /** The servers that hold results databases, as their administrator. */
  servers(): Servers {
    return serversOf(this.#settings);
  }

  /** Removes an organization's database and login role, whole or half-made: see `dropResults`. */
  async drop(place: OrgPlace): Promise<void> {
    await dropResults(this.#settings, place);
  }

  /** The template of this program's schema, on the server that gets new databases. Returns its name. */
  async ensureTemplate(): Promise<string> {
    const server = this.#settings.results ?? this.#settings.admin;
    return withClient(server, "aliquot provisioning", (client) =>
      ensureTemplate(client, server, this.#settings),
    );
  }

  /** Closes the connections that it kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients[Symbol.asyncDispose]();
  }

  /** Lends the administrator's connection to an organization's server: two at once on one take turns. */
  async #locked<T>(
    intent: Promise<Intent | undefined>,
    work: (client: pg.Client, intent: Intent) => Promise<T>,
  ): Promise<T | undefined> {
    const servers = serversOf(this.#settings);
    intent.catch(() => {}); // seen where it is awaited
    // With one server there is nothing to wait for.
    const known = servers.results === undefined ? undefined : await intent;
    const server = known === undefined ? servers.metadata : serverOf(known, servers);
    return this.#clients.lend(server, "aliquot provisioning", async (client) => {
      const place = await intent;
      if (place === undefined) return undefined;
      serverOf(place, servers); // throws where it lies on a server that is not ours
      await lockPlace(client, place.org_id);
      return work(client, place);
    });
  }

  /** Each may be done again. What is learned at the last one belongs to the transaction that makes it active. */
  async #takeSteps(client: pg.Client, place: OrgPlace, there: There): Promise<StepNote> {
    const { roles, migrations } = this.#settings;
    const server = serverOf(place, serversOf(this.#settings));
    const notes = new Notes(this.#metadata, place, this.#settings.onStep);
    try {
      // First, because it also makes the group roles on a server that has none yet.
      if (!there.template) await ensureTemplate(client, server, this.#settings);
      await mendLoginRole(client, roles, this.#login(place), there.role);
      notes.add({ state: "role" });
      if (there.database === null) {
        await createDatabase(client, place.database_name, templateName(this.#settings), roles.owner);
      }
      notes.add({ state: "database" });
      await closeDatabase(client, roles, place.database_name, place.role_name);
      if (there.database !== "open") {
        await client.query(`ALTER DATABASE ${ident(place.database_name)} ALLOW_CONNECTIONS true`);
      }
      notes.add({ state: "grants" });
      const { name: user, password } = this.#login(place);
      const login = { ...server, user, password: password.reveal(), database: place.database_name };
      const schema_version = await identifyDatabase(login, roles, place);
      this.#settings.onStep?.("verified", "done");
      return {
        state: "verified",
        schema_version,
        breaking_version: lastBreaking(migrations, schema_version),
      };
    } finally {
      await notes.written();
    }
  }

  /** The last two steps in one transaction: nobody needs to see a database that is verified and not in use. */
  async #activate(place: OrgPlace, verified: StepNote, whenActive: WhenActive): Promise<OrgPlace> {
    const made = { ...place, ...verified, state: "active", status: "active" };
    await this.#metadata.system(async (tx) => {
      if (!(await activateOrganization(tx, place.org_id, verified))) {
        throw new AppError("conflict", `organization ${place.name} was deleted while it was made`);
      }
      await whenActive(tx, made);
    });
    this.#settings.onStep?.("active", "noted");
    return made;
  }

  async #place(orgId: string): Promise<OrgPlace> {
    return this.#metadata.system((tx) => placeIn(tx, orgId));
  }

  #login(place: OrgPlace): { name: string; password: Secret } {
    return { name: place.role_name, password: resultsPassword(this.#settings.secret, place) };
  }
}

async function placeIn(tx: MetadataTx, orgId: string): Promise<OrgPlace> {
  const place = await selectOptionalPlace(tx, orgId);
  if (place === undefined) throw new AppError("not_found", "no such organization");
  return place;
}

/** Of a login role that is there. Throws AppError conflict where it is not. */
async function setPassword(
  client: pg.ClientBase,
  roles: Roles,
  login: { name: string; password: Secret },
): Promise<void> {
  const found = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [login.name]);
  if (found.rowCount === 0)
    throw new AppError(
      "conflict",
      `the login role ${login.name} is not on the server: it was dropped by hand, and there is no credential to rotate`,
    );
  await mendLoginRole(client, roles, login, true);
}

type There = { template: boolean; role: boolean; database: "open" | "shut" | null };

/** What of a provisioning is there already. */
async function lookAround(client: pg.ClientBase, names: [string, string, string]): Promise<There> {
  // What this session commits reaches the disk with the next commit that waits for it: CREATE DATABASE always
  // does, and so does that of the identity, which comes last. Where the database is there already neither may
  // come (its identity stands), so each commit waits for itself.
  const found = await client.query<There>(
    `SELECT set_config('synchronous_commit', CASE WHEN EXISTS (SELECT FROM pg_database WHERE datname = $3)
         THEN current_setting('synchronous_commit') ELSE 'off' END, false),
       EXISTS (SELECT FROM pg_database WHERE datname = $1) AS template,
       EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS role,
       (SELECT CASE WHEN datallowconn THEN 'open' ELSE 'shut' END FROM pg_database WHERE datname = $3) AS database`,
    names,
  );
  return found.rows[0] ?? { template: false, role: false, database: null };
}

async function createDatabase(
  client: pg.ClientBase,
  name: string,
  template: string,
  owner: string,
): Promise<void> {
  // WAL_LOG: no checkpoint before and after, which on a disk is three times faster for a small template.
  // Shut until it is told who may connect: rights are not cloned, and a new database is everybody's.
  await client.query(
    `CREATE DATABASE ${ident(name)} OWNER ${ident(owner)} TEMPLATE ${ident(template)} STRATEGY WAL_LOG
     ALLOW_CONNECTIONS false`,
  );
}

/** The highest migration marked breaking that a schema of this version has; 0 where none is. */
function lastBreaking(migrations: Migration[], version: number): number {
  return migrations.findLast((step) => step.breaking && step.version <= version)?.version ?? 0;
}
