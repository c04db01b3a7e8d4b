import type pg from "pg";
import type { Secret } from "../secrets.ts";
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

/** Makes the group roles where they are missing and joins `owner`, so that we may act as it. */
export async function ensureGroupRoles(client: pg.ClientBase, roles: Roles): Promise<void> {
  for (const role of [roles.owner, roles.system, roles.member]) {
    await ensureRole(client, role, "NOLOGIN");
  }
  await client.query(`GRANT ${ident(roles.owner)} TO CURRENT_USER`);
}

/** Makes or mends a login role: its password and its membership of the two group roles. */
export async function ensureLoginRole(
  client: pg.ClientBase,
  roles: Roles,
  login: { name: string; password: Secret },
): Promise<void> {
  await ensureRole(client, login.name, "LOGIN NOINHERIT");
  const verifier = literal(scramVerifier(login.password.reveal()));
  await client.query(`ALTER ROLE ${ident(login.name)} PASSWORD ${verifier}`);
  await client.query(`GRANT ${ident(roles.system)}, ${ident(roles.member)} TO ${ident(login.name)}`);
}

async function ensureRole(client: pg.ClientBase, name: string, attributes: string): Promise<void> {
  const found = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [name]);
  if (found.rowCount === 0) await client.query(`CREATE ROLE ${ident(name)} ${attributes}`);
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
  await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${ident(loginRole)}`);
  await client.query(`GRANT TEMPORARY ON DATABASE ${name} TO ${ident(roles.system)}, ${ident(roles.member)}`);
}
