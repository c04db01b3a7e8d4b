import {
  Kysely,
  type LogConfig,
  PostgresDialect,
  type PostgresPool,
  type RawBuilder,
  sql,
  type Transaction,
} from "kysely";
import pg from "pg";
import type { ServerAddress } from "./address.ts";
import type { PoolBudget, PoolStats } from "./pools.ts";
import { translateDbError } from "./postgres-errors.ts";
import type { Roles } from "./roles.ts";
import type { DB } from "./tables/metadata.ts";

/** A handle on the shared database that may read. */
export type MetadataDb = Kysely<DB>;
/** A transaction on the shared database: writes, or anything that must not stand alone. */
export type MetadataTx = Transaction<DB>;

/** Whose rows a transaction may see: a person in an organization. */
export type Viewer = { user_id: string; org_id: string | null; is_org_admin: boolean };

/**
 * How sure a commit is when it returns: `durable` outlives a crash of the server. `soon` is on its disk within a
 * moment, and lost if the server crashes before: for what is done again, or found out, where it was lost. Later
 * readers see either at once, and what is committed after it never outlives it.
 */
export type Commit = "durable" | "soon";

const NOBODY: Viewer = { user_id: "", org_id: null, is_org_admin: false };

/**
 * The door to the metadata database. It lends a transaction that has taken a role; the login itself
 * may do nothing (NOINHERIT), so there is no way around the choice.
 */
export class MetadataDoor {
  readonly #pools: PoolBudget<MetadataDb>;
  readonly #address: ServerAddress;
  readonly #roles: Roles;

  constructor(pools: PoolBudget<MetadataDb>, address: ServerAddress, roles: Roles) {
    this.#pools = pools;
    this.#address = address;
    this.#roles = roles;
  }

  /**
   * As the machinery: every row. `first` travels in the message that begins the transaction, a round trip less; it has
   * no values of its own (`sql.lit`), and `work` is given its rows. Errors of the database come as AppError.
   */
  async system<T, R = never>(
    work: (tx: MetadataTx, rows: R[]) => Promise<T>,
    commit: Commit = "durable",
    first?: RawBuilder<R>,
  ): Promise<T> {
    return this.#lend(this.#roles.system, NOBODY, { work, commit, first });
  }

  /** As a person: rows that the policies show to `viewer`. */
  async member<T>(viewer: Viewer, work: (tx: MetadataTx) => Promise<T>): Promise<T> {
    return this.#lend(this.#roles.member, viewer, { work, commit: "durable" });
  }

  /** Its connections, as this process has them. */
  stats(): PoolStats {
    return this.#pools.stats();
  }

  async #lend<R, T>(
    role: string,
    viewer: Viewer,
    errand: {
      first?: RawBuilder<R> | undefined;
      work: (tx: MetadataTx, rows: R[]) => Promise<T>;
      commit: Commit;
    },
  ): Promise<T> {
    const { first, work, commit } = errand;
    const taken = takeRole(role, viewer, commit);
    try {
      const db = this.#pools.handle("metadata", () => this.#address);
      const transaction =
        role === this.#roles.system ? db.transaction().setAccessMode("read write") : db.transaction();
      return await transaction.execute(async (tx) => {
        if (first === undefined) await taken.execute(tx);
        const rows = first === undefined ? [] : (await sql<R>`${taken}; ${first}`.execute(tx)).rows;
        return work(tx, rows);
      });
    } catch (error) {
      throw translateDbError(error);
    }
  }
}

export function metadataKysely(pool: PostgresPool, log: LogConfig = []): MetadataDb {
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }), log });
}

/**
 * `SET LOCAL ROLE` and the three settings that policies read, in one statement. Its values stand in the text,
 * so that it travels in one message with the BEGIN before it (db/lent.ts) and with what results.ts adds.
 */
export function takeRole(role: string, viewer: Viewer, commit?: Commit): ReturnType<typeof sql> {
  return sql.raw(roleText(role, viewer, commit));
}

export function roleText(role: string, viewer: Viewer, commit: Commit = "durable"): string {
  const settings = {
    role,
    "app.current_org_id": viewer.org_id ?? "",
    "app.current_user_id": viewer.user_id,
    "app.is_org_admin": viewer.is_org_admin ? "on" : "off",
    ...(commit === "soon" ? { synchronous_commit: "off" } : {}),
  };
  const set = Object.entries(settings).map(
    ([name, value]) => `set_config('${name}', ${pg.escapeLiteral(value)}, true)`,
  );
  return `SELECT ${set.join(", ")}`;
}
