import { Kysely, type LogConfig, PostgresDialect, sql, type Transaction } from "kysely";
import type pg from "pg";
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
 * The door to the metadata database. It lends a transaction that has taken a role; the login itself
 * may do nothing (NOINHERIT), so there is no way around the choice.
 */
export class MetadataDoor {
  readonly #db: MetadataDb;
  readonly #roles: Roles;

  constructor(pool: pg.Pool, roles: Roles, log: LogConfig = []) {
    this.#db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }), log });
    this.#roles = roles;
  }

  /** As the machinery: every row. Errors of the database come as AppError. */
  async system<T>(work: (tx: MetadataTx) => Promise<T>): Promise<T> {
    return this.#lend(this.#roles.system, { user_id: "", org_id: null, is_org_admin: false }, work);
  }

  /** As a person: rows that the policies show to `viewer`. */
  async member<T>(viewer: Viewer, work: (tx: MetadataTx) => Promise<T>): Promise<T> {
    return this.#lend(this.#roles.member, viewer, work);
  }

  async #lend<T>(role: string, viewer: Viewer, work: (tx: MetadataTx) => Promise<T>): Promise<T> {
    try {
      return await this.#db.transaction().execute(async (tx) => {
        await takeRole(role, viewer).execute(tx);
        return work(tx);
      });
    } catch (error) {
      throw translateDbError(error);
    }
  }
}

/** `SET LOCAL ROLE` and the three settings that policies read, in one statement. */
export function takeRole(role: string, viewer: Viewer): ReturnType<typeof sql> {
  return sql`SELECT set_config('role', ${role}, true),
    set_config('app.current_org_id', ${viewer.org_id ?? ""}, true),
    set_config('app.current_user_id', ${viewer.user_id}, true),
    set_config('app.is_org_admin', ${viewer.is_org_admin ? "on" : "off"}, true)`;
}
