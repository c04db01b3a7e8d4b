import type { LogConfig } from "kysely";
import type { OrgPrincipal } from "../access/principal.ts";
import { viewerOf } from "../access/principal.ts";
import type { ServerAddress } from "../db/address.ts";
import { type MetadataDoor, takeRole, type Viewer } from "../db/metadata.ts";
import { PoolBudget } from "../db/pools.ts";
import { translateDbError } from "../db/postgres-errors.ts";
import { type ResultsDb, type ResultsScope, resultsKysely } from "../db/results.ts";
import type { Roles } from "../db/roles.ts";
import { AppError } from "../errors.ts";
import { derivePassword, type Secret } from "../secrets.ts";
import type { OrgPlace } from "./place.ts";
import { selectOptionalPlace, touchDatabase } from "./store.ts";

/** A claim on a task: the one thing besides a checked principal that opens an organization's database. */
export type Lease = { org_id: string; generation: number; worker_id: string };

export type DoorSettings = {
  /** Address of the server that holds results databases; login and database are filled in per organization. */
  server: ServerAddress;
  roles: Roles;
  secret: Secret;
  /** Connections of one organization's pool, and of all of them together. */
  poolSize: number;
  budget: number;
  /** Version of the results schema that this program works with. */
  schemaVersion: number;
  /** What is told of statements (slow ones). */
  log?: LogConfig;
};

const PLACE_SECONDS = 5;
const TOUCH_SECONDS = 5;

/**
 * The only maker of a handle on an organization's database. It lends a transaction, to a principal
 * of whom the policy said yes or to the holder of a lease, and takes it back.
 *
 * Errors: not_found (no such organization), unavailable (its database is down; others go on),
 * org_upgrading (its schema is older than this program's), app_too_old (newer), conflict (suspended).
 */
export class ResultsDoor {
  readonly #metadata: MetadataDoor;
  readonly #settings: DoorSettings;
  readonly #pools: PoolBudget<ResultsDb>;
  readonly #places = new Map<string, { place: OrgPlace; until: number }>();
  readonly #touched = new Map<string, number>();
  /** Set once by context.ts: takes facts to the metadata database after a commit. */
  relay: (orgId: string) => Promise<void> = async () => {};

  constructor(metadata: MetadataDoor, settings: DoorSettings) {
    this.#metadata = metadata;
    this.#settings = settings;
    this.#pools = new PoolBudget(settings.poolSize, settings.budget, (pool) =>
      resultsKysely(pool, settings.log),
    );
  }

  /** Lends a read-only transaction with a person's eyes. */
  async read<T>(principal: OrgPrincipal, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    return this.#lend(
      await this.#openPlace(principal.org_id),
      this.#settings.roles.member,
      viewerOf(principal),
      true,
      work,
    );
  }

  /** Lends a transaction with a person's eyes and hands. A suspended organization takes no writes. */
  async transact<T>(principal: OrgPrincipal, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    const place = await this.#openPlace(principal.org_id);
    if (place.status !== "active") {
      throw new AppError(
        "conflict",
        `organization ${place.name} is ${place.status}: nothing can be changed in it now`,
      );
    }
    return this.#lend(place, this.#settings.roles.member, viewerOf(principal), false, work);
  }

  /** Lends a transaction to the worker that holds a lease in this organization. */
  async forLease<T>(lease: Lease, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    // A worker's facts are looked after like a submission's; without the metadata database work goes on.
    await this.touch(lease.org_id).catch(() => {});
    const place = await this.#openPlace(lease.org_id);
    if (place.generation !== lease.generation) {
      throw new AppError("lost_lease", "the database of this lease was replaced by a newer generation");
    }
    return this.#lend(place, this.#settings.roles.system, machine(place.org_id), false, work);
  }

  /** Lends a transaction to the relay and the reconciler, which carry facts and read no chemistry. */
  async forMachinery<T>(orgId: string, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    const place = await this.#openPlace(orgId);
    return this.#lend(place, this.#settings.roles.system, machine(orgId), false, work);
  }

  /** Says that a submission is about to commit, so that the reconciler will look, at most once in 5 s. */
  async touch(orgId: string): Promise<void> {
    if ((this.#touched.get(orgId) ?? 0) > Date.now()) return;
    await this.#metadata.system((tx) => touchDatabase(tx, orgId));
    this.#touched.set(orgId, Date.now() + TOUCH_SECONDS * 1000);
  }

  /** Forgets what is known of an organization's place (after provisioning, suspending, migrating). */
  forget(orgId: string): void {
    this.#places.delete(orgId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pools[Symbol.asyncDispose]();
  }

  async #openPlace(orgId: string): Promise<OrgPlace> {
    const known = this.#places.get(orgId);
    if (known !== undefined && known.until > Date.now()) return known.place;
    const place = await this.#findPlace(orgId, known?.place);
    if (place === undefined || place.status === "deleted")
      throw new AppError("not_found", "no such organization");
    checkPlace(place, this.#settings.schemaVersion);
    this.#places.set(orgId, { place, until: Date.now() + PLACE_SECONDS * 1000 });
    return place;
  }

  /** The directory's word; the last one known while the directory can't be asked, so that runs are recorded. */
  async #findPlace(orgId: string, known: OrgPlace | undefined): Promise<OrgPlace | undefined> {
    try {
      return await this.#metadata.system((tx) => selectOptionalPlace(tx, orgId));
    } catch (error) {
      if (known !== undefined && error instanceof AppError && error.kind === "unavailable") return known;
      throw error;
    }
  }

  async #lend<T>(
    place: OrgPlace,
    role: string,
    viewer: Viewer,
    readOnly: boolean,
    work: (scope: ResultsScope) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#pools.use(
        poolKey(place),
        this.#address(place),
        (db) => this.#verify(db, place),
        (db) =>
          db
            .transaction()
            .setAccessMode(readOnly ? "read only" : "read write")
            .execute(async (tx) => {
              await takeRole(role, viewer).execute(tx);
              return work({ org_id: place.org_id, generation: place.generation, tx });
            }),
      );
    } catch (error) {
      throw translateDbError(error);
    }
  }

  #address(place: OrgPlace): ServerAddress {
    const purpose = `results:${place.org_id}:${place.credential_version}`;
    return {
      ...this.#settings.server,
      user: place.role_name,
      password: derivePassword(this.#settings.secret, purpose).reveal(),
      database: place.database_name,
    };
  }

  /** The database says whose it is; one that was swapped or restored elsewhere is refused. */
  async #verify(db: ResultsDb, place: OrgPlace): Promise<void> {
    const row = await db.transaction().execute(async (tx) => {
      await takeRole(this.#settings.roles.system, machine(place.org_id)).execute(tx);
      return tx.selectFrom("database_identity").select(["org_id", "generation"]).executeTakeFirst();
    });
    if (row?.org_id === place.org_id && row.generation === place.generation) return;
    throw new AppError(
      "unavailable",
      `the database of organization ${place.name} is not the one the directory names`,
    );
  }
}

function machine(orgId: string): Viewer {
  return { user_id: "", org_id: orgId, is_org_admin: false };
}

function poolKey(place: OrgPlace): string {
  return `${place.org_id}:${place.generation}:${place.credential_version}`;
}

function checkPlace(place: OrgPlace, schemaVersion: number): void {
  if (place.state !== "active") {
    throw new AppError(
      "unavailable",
      `the database of organization ${place.name} is not ready (${place.state}): \`aliquot org create "${place.name}"\` finishes it`,
    );
  }
  if (place.schema_version < schemaVersion) {
    throw new AppError(
      "org_upgrading",
      `organization ${place.name} waits for its migration: run \`aliquot migrate up\``,
    );
  }
  if (place.schema_version > schemaVersion) {
    throw new AppError(
      "app_too_old",
      `organization ${place.name} has a newer schema than this program: use a newer Aliquot`,
    );
  }
}
