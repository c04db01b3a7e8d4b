import type pg from "pg";
import { AppError } from "../errors.ts";
import type { Secret } from "../secrets.ts";
import { isForbidden } from "./postgres-errors.ts";
import { scramVerifier } from "./scram.ts";

/**
 * The roles of an installation. The first three can't log in: `owner` owns, migrates and backs up,
 * `system` is the machinery, `member` stands for people. Each database has one login role, NOINHERIT
 * member of `system` and `member`, that can do nothing until its transaction takes one of them.
 */
export type Roles = { owner: string; system: string; member: string; app: string };

export function rolesOf(prefix: string): Roles {
  return {
    owner: `${prefix}owner`,
    system: `${prefix}system`,
    member: `${prefix}member`,
    app: `${prefix}app`,
  };
}

/** An identifier, quoted. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string, quoted. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * Makes the group roles where they are missing and joins `owner`, so that we may act as it. CREATEROLE is
 * enough where we made them; roles of another administrator must be shared by him.
 * Throws AppError unavailable, with what to ask for.
 */
export async function ensureGroupRoles(client: pg.ClientBase, roles: Roles): Promise<void> {
  const groups = [roles.owner, roles.system, roles.member];
  const found = await client.query<{ rolname: string }>(
    "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)",
    [groups],
  );
  const there = new Set(found.rows.map((row) => row.rolname));
  const missing = groups.filter((role) => !there.has(role));
  try {
    if (missing.length > 0) {
      await client.query(missing.map((role) => `CREATE ROLE ${ident(role)} NOLOGIN`).join("; "));
    }
    // Since PostgreSQL 16 who made a role administers it and is no member of it yet.
    const joined = await client.query("SELECT pg_has_role($1, 'USAGE') AS joined", [roles.owner]);
    if (joined.rows[0]?.joined !== true) await client.query(`GRANT ${ident(roles.owner)} TO CURRENT_USER`);
  } catch (cause) {
    if (!isForbidden(cause)) throw cause;
    throw new AppError(
      "unavailable",
      `the database's administrator may not make or use the roles ${groups.join(", ")}: give the role of DATABASE_URL CREATEDB and CREATEROLE, and those roles WITH ADMIN OPTION where another made them`,
      { cause },
    );
  }
}

/** True where the server has a role of this name. */
export async function hasRole(client: pg.ClientBase, name: string): Promise<boolean> {
  const found = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [name]);
  return found.rowCount === 1;
}

/** Makes a login role a member of the two group roles again; its password stays. */
export async function joinGroups(client: pg.ClientBase, roles: Roles, name: string): Promise<void> {
  await client.query(`GRANT ${ident(roles.system)}, ${ident(roles.member)} TO ${ident(name)}`);
}

/** Makes or mends a login role: its password and its membership of the two group roles, or nothing of it. */
export async function ensureLoginRole(
  client: pg.ClientBase,
  roles: Roles,
  login: { name: string; password: Secret },
): Promise<void> {
  await mendLoginRole(client, roles, login, await hasRole(client, login.name));
}

/** The same, for who knows whether the role is there. */
export async function mendLoginRole(
  client: pg.ClientBase,
  roles: Roles,
  login: { name: string; password: Secret },
  exists: boolean,
): Promise<void> {
  const verb = exists ? "ALTER" : "CREATE";
  const verifier = literal(scramVerifier(login.password.reveal()));
  // Two statements in one message are one transaction.
  await client.query(
    `${verb} ROLE ${ident(login.name)} LOGIN NOINHERIT PASSWORD ${verifier};
     GRANT ${ident(roles.system)}, ${ident(roles.member)} TO ${ident(login.name)}`,
  );
}

/**
 * Who may connect: nobody but the database's own login role (and its owner). TEMP goes to the group
 * roles, because it is checked against the role that a transaction took.
 */
export async function closeDatabase(
  client: pg.ClientBase,
  roles: Roles,
  database: string,
  loginRole: string,
): Promise<void> {
  const name = ident(database);
  await client.query(
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC;
     GRANT CONNECT ON DATABASE ${name} TO ${ident(loginRole)};
     GRANT TEMPORARY ON DATABASE ${name} TO ${ident(roles.system)}, ${ident(roles.member)}`,
  );
}
