import type { LogConfig } from "kysely";
import type { OrgPrincipal } from "../access/principal.ts";
import { viewerOf } from "../access/principal.ts";
import type { ServerAddress } from "../db/address.ts";
import type { Commit, MetadataDoor, Viewer } from "../db/metadata.ts";
import { PoolBudget, type PoolSettings, type PoolStats } from "../db/pools.ts";
import { isLoginRefused, isPasswordRefused, translateDbError } from "../db/postgres-errors.ts";
import {
  type ResultsDb,
  type ResultsScope,
  resultsKysely,
  takeRoleAndAsk,
  type Writing,
  writeTogether,
} from "../db/results.ts";
import type { Roles } from "../db/roles.ts";
import type { SchemaWindow } from "../db/window.ts";
import { AppError } from "../errors.ts";
import type { Secret } from "../secrets.ts";
import { resultsPassword, withNextCredential } from "./credentials.ts";
import { KnownPlaces } from "./known-places.ts";
import type { OrgPlace } from "./place.ts";
import { loginRefused, poolKey } from "./place-rules.ts";
import { noteCredential } from "./provision-store.ts";
import { type Servers, serverOf } from "./servers.ts";
import { touchDatabase } from "./store.ts";

/** A claim on a task: the one thing besides a checked principal that opens an organization's database. */
export type Lease = { org_id: string; generation: number; worker_id: string };

export type DoorSettings = {
  /** Servers that hold results databases; login and database are filled in per organization. */
  servers: Servers;
  roles: Roles;
  secret: Secret;
  pools: Omit<PoolSettings, "breaks">;
  /** Versions of the results schema that this program works with. */
  window: SchemaWindow;
  /** What is told of statements. */
  log?: LogConfig;
};

const TOUCH_SECONDS = 5;

/** Who acts in a transaction, whether they only read, and what must be so of the place that it is lent at. */
type Errand = {
  role: string;
  viewer: Viewer;
  readOnly?: boolean;
  commit?: Commit;
  allow?: (place: OrgPlace) => void;
};

/** Takes an organization's facts to the metadata database: now, or in a moment with those of others. */
export type Relay = { (orgId: string): Promise<void>; soon(orgId: string): Promise<void> };

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
  readonly #places: KnownPlaces;
  readonly #touched = new Map<string, number>();
  /** The day on which each organization was last written to by this process. */
  readonly #written = new Map<string, string>();
  /** Set once by context.ts: takes facts to the metadata database after a commit. */
  relay: Relay = Object.assign(async () => {}, { soon: async () => {} });

  constructor(metadata: MetadataDoor, settings: DoorSettings) {
    this.#metadata = metadata;
    this.#settings = settings;
    this.#places = new KnownPlaces(metadata, settings.window);
    this.#pools = new PoolBudget({ ...settings.pools, breaks: true }, (pool) =>
      resultsKysely(pool, settings.log),
    );
  }

  /** Lends a read-only transaction with a person's eyes. */
  async read<T>(principal: OrgPrincipal, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    return this.#lend(principal.org_id, { ...this.#person(principal), readOnly: true }, work);
  }

  /**
   * Lends a transaction with a person's eyes and hands. A suspended organization takes no writes, nor does
   * one that is about to be deleted.
   */
  async transact<T>(principal: OrgPrincipal, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    const allow = ({ name, status }: OrgPlace) => {
      if (status === "active") return;
      throw new AppError("conflict", `organization ${name} is ${status}: nothing can be changed in it now`);
    };
    return this.#lend(principal.org_id, { ...this.#person(principal), allow }, work);
  }

  /** Lends a transaction to the worker that holds a lease in this organization. */
  async forLease<T>(lease: Lease, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    // A worker's facts are looked after like a submission's; without the metadata database work goes on.
    await this.touch(lease.org_id).catch(() => {});
    const allow = ({ generation }: OrgPlace) => {
      if (generation === lease.generation) return;
      throw new AppError("lost_lease", "the database of this lease was replaced by a newer generation");
    };
    return this.#lend(lease.org_id, { ...this.#machine(lease.org_id), allow }, work);
  }

  /** Lends a transaction to the relay and the reconciler, which carry facts and read no chemistry. */
  async forMachinery<T>(
    orgId: string,
    work: (scope: ResultsScope) => Promise<T>,
    commit: Commit = "durable",
  ): Promise<T> {
    return this.#lend(orgId, { ...this.#machine(orgId), commit }, work);
  }

  /**
   * Where the operator's own program logs in to an organization's database: the shell alone asks, because
   * what it does there does not pass this door. The database has said before whose it is.
   */
  async loginAddress(orgId: string): Promise<ServerAddress> {
    await this.forMachinery(orgId, async () => {});
    return this.#address(await this.#places.open(orgId));
  }

  /** Says that a submission is about to commit, so that the reconciler will look, at most once in 5 s. */
  async touch(orgId: string): Promise<void> {
    if ((this.#touched.get(orgId) ?? 0) > performance.now()) return;
    await this.#metadata.system((tx) => touchDatabase(tx, orgId));
    this.#touched.set(orgId, performance.now() + TOUCH_SECONDS * 1000);
  }

  /** True once a day (UTC): whoever writes first looks after what must be there before the month ends. */
  isFirstWriteToday(orgId: string): boolean {
    const today = new Date().toISOString().slice(0, 10);
    if (this.#written.get(orgId) === today) return false;
    this.#written.set(orgId, today);
    return true;
  }

  /**
   * Forgets what is known of an organization's place (after provisioning, suspending, migrating), also that
   * its database could not be reached. Other processes know it within 5 s.
   */
  forget(orgId: string): void {
    this.#places.forget(orgId);
    this.#pools.retry(`${orgId}:`);
  }

  /** Connections of this process to all results databases. */
  stats(): PoolStats {
    return this.#pools.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pools[Symbol.asyncDispose]();
  }

  #person(principal: OrgPrincipal): Errand {
    return { role: this.#settings.roles.member, viewer: viewerOf(principal) };
  }

  #machine(orgId: string): Errand {
    return {
      role: this.#settings.roles.system,
      viewer: { user_id: "", org_id: orgId, is_org_admin: false },
    };
  }

  /**
   * Lends a transaction at the organization's place. Where the server does not know that place any more, or
   * the database is another one, the directory is asked again: the organization may have moved within the
   * seconds that a place is known for. If it says the same, the error stands.
   */
  async #lend<T>(orgId: string, errand: Errand, work: (scope: ResultsScope) => Promise<T>): Promise<T> {
    const place = await this.#places.open(orgId);
    const attempt = { begun: false, foreign: false };
    try {
      return await this.#lendAt(place, errand, attempt, work);
    } catch (error) {
      const stale = attempt.foreign || (!attempt.begun && isLoginRefused(error));
      if (!stale) throw translateDbError(error);
      this.#places.forget(orgId);
      const fresh = await this.#places.open(orgId);
      if (poolKey(fresh) !== poolKey(place)) {
        return await this.#lendAt(fresh, errand, attempt, work).catch((again: unknown) => {
          throw translateDbError(again);
        });
      }
      if (!isPasswordRefused(error)) throw translateDbError(error);
      return await this.#lendAhead(fresh, error, errand, work);
    }
  }

  /**
   * A rotation that was cut short left the server one credential ahead of the directory: who is let in with
   * that one notes it. Where it is refused too, the first refusal stands.
   */
  async #lendAhead<T>(
    place: OrgPlace,
    refusal: unknown,
    errand: Errand,
    work: (scope: ResultsScope) => Promise<T>,
  ): Promise<T> {
    const next = withNextCredential(place);
    const attempt = { begun: false, foreign: false };
    const done = await this.#lendAt(next, errand, attempt, work).catch((again: unknown) => {
      throw isPasswordRefused(again) ? loginRefused(place, refusal) : translateDbError(again);
    });
    // It is committed: a directory that is away now hears of it another time.
    await this.#metadata
      .system((tx) => noteCredential(tx, next.org_id, next.credential_version))
      .catch(() => {});
    this.#places.forget(next.org_id);
    return done;
  }

  /** The database says whose it is before anything is asked of it; another one is refused. */
  async #lendAt<T>(
    place: OrgPlace,
    errand: Errand,
    attempt: { begun: boolean; foreign: boolean },
    work: (scope: ResultsScope) => Promise<T>,
  ): Promise<T> {
    errand.allow?.(place);
    const { org_id, generation } = place;
    return this.#pools
      .handle(poolKey(place), () => this.#address(place))
      .transaction()
      .setAccessMode(errand.readOnly === true ? "read only" : "read write")
      .execute(async (tx) => {
        const identity = await takeRoleAndAsk(tx, errand.role, errand.viewer, errand.commit);
        attempt.foreign = identity?.org_id !== org_id || identity.generation !== generation;
        if (attempt.foreign) {
          throw new AppError(
            "unavailable",
            `the database of organization ${place.name} is not the one the directory names`,
          );
        }
        attempt.begun = true;
        const atEnd: Writing[] = [];
        const done = await work({ org_id, generation, tx, queued_tasks: place.queued_tasks, atEnd });
        await writeTogether(tx, atEnd);
        return done;
      });
  }

  #address(place: OrgPlace): ServerAddress {
    return {
      ...serverOf(place, this.#settings.servers),
      user: place.role_name,
      password: resultsPassword(this.#settings.secret, place).reveal(),
      database: place.database_name,
    };
  }
}
