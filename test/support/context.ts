import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Permission } from "../../src/access/permissions.ts";
import { localPrincipal, type OrgPrincipal, type Principal } from "../../src/access/principal.ts";
import { insertMembership } from "../../src/access/store.ts";
import { submitCalculationsOperation } from "../../src/calculations/operations.ts";
import type { SubmitCalculations, SubmittedCalculations } from "../../src/calculations/schema.ts";
import { parseConfig } from "../../src/config.ts";
import { type Context, openContext } from "../../src/context.ts";
import { withClient } from "../../src/db/connect.ts";
import type { ResultsScope } from "../../src/db/results.ts";
import { closeDatabase, ident, rolesOf } from "../../src/db/roles.ts";
import { newId } from "../../src/ids.ts";
import type { Logger } from "../../src/log.ts";
import { createOrgOperation } from "../../src/orgs/operations.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { perform } from "../../src/perform.ts";
import { Secret } from "../../src/secrets.ts";
import { openToolkit, type Toolkit } from "../../src/toolkit/toolkit.ts";
import { checkAnswer } from "./answers.ts";
import { ask, databaseUrl, type TestServer, testServer } from "./server.ts";

/** What of a test context (or of node:test itself) the helpers need. */
export type Cleaner = { after(clean: () => Promise<void>): unknown };

/** A Context on a database of its own, with what only tests may do. */
export type TestContext = Context & {
  database: string;
  /** The seeded operator, in no organization. */
  admin_principal: Principal;
  /** Rows of a statement that no role or policy stands in the way of; in the metadata database by default. */
  superuser<R extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
    database?: string,
  ): Promise<R[]>;
};

export type TestOptions = {
  /** Settings beside DATABASE_URL. */
  env?: Record<string, string>;
  log?: Logger;
  /** Rows are written past the program, and say less than real ones: answers are not held against their schemas. */
  madeUpRows?: true;
  /** Another server than the run's. */
  server?: TestServer;
};

let toolkit: Toolkit | undefined;

/**
 * One for all contexts of a process, as each costs 0.3 s before its first molecule, and 1.2 s before its first
 * conformer.
 */
function sharedToolkit(): Toolkit {
  toolkit ??= openToolkit();
  return toolkit;
}

/** Opens a Context against a clone of the seeded metadata template; all of it goes when the test ends. */
export async function openTestContext(t: Cleaner, options: TestOptions = {}): Promise<TestContext> {
  const server = options.server ?? (await testServer());
  const roles = rolesOf("aliquot_");
  const database = `meta_${randomBytes(6).toString("hex")}`;
  await withClient(server.admin, "aliquot tests", async (client) => {
    await client.query(`CREATE DATABASE ${database} TEMPLATE ${server.template} STRATEGY FILE_COPY`);
    // Who may connect is not copied from a template.
    await closeDatabase(client, roles, database, roles.app);
  });
  const home = mkdtempSync(join(server.base, "context-"));
  const env = { DATABASE_URL: databaseUrl(server.admin, database), DB_POOL_SIZE: "5", ...options.env };
  const context = await openContext({
    config: parseConfig(env).config,
    home,
    secret: new Secret(server.secret),
    say: () => {},
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  const test: TestContext = {
    ...context,
    toolkit: sharedToolkit(),
    ...(options.madeUpRows === true ? {} : { answered: checkAnswer }),
    database,
    admin_principal: await localPrincipal(context.metadata, "admin", null),
    superuser: (text, values = [], name = database) => ask(server.superuser, name, text, values),
  };
  t.after(async () => {
    const made = await test.superuser<{ database_name: string; role_name: string }>(
      "SELECT database_name, role_name FROM org_databases",
    );
    // A test that failed may have left a transaction that waits: closing would wait for it.
    const names = [database, ...made.map((row) => row.database_name)];
    await test.superuser(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1) AND state <> 'idle' AND pid <> pg_backend_pid()",
      [names],
    );
    await context[Symbol.asyncDispose]();
    await withClient(server.superuser, "aliquot tests", async (client) => {
      for (const name of names) await client.query(`DROP DATABASE IF EXISTS ${ident(name)}`);
      for (const { role_name } of made) await client.query(`DROP ROLE IF EXISTS ${ident(role_name)}`);
    });
    rmSync(home, { recursive: true, force: true });
  });
  return test;
}

let names = 0;

/** An organization through the door that people use. */
export async function makeOrg(context: TestContext, name = `Lab ${process.pid} ${++names}`): Promise<Org> {
  return perform(context, createOrgOperation, context.admin_principal, { name });
}

/** A person with one system role in an organization. */
export async function person(
  context: TestContext,
  org: Pick<Org, "org_id">,
  role: string,
): Promise<OrgPrincipal> {
  const user_id = newId();
  const username = `${role}-${user_id}`;
  await context.metadata.system(async (tx) => {
    await tx
      .insertInto("users")
      .values({ user_id, username, email: `${username}@example.org` })
      .execute();
    await insertMembership(tx, { user_id, org_id: org.org_id, role });
  });
  const principal = await localPrincipal(context.metadata, username, org.org_id);
  return { ...principal, org_id: org.org_id };
}

/** The same person with other permissions, for what a policy must refuse. */
export function withPermissions(principal: OrgPrincipal, permissions: Permission[]): OrgPrincipal {
  return { ...principal, permissions: new Set(permissions) };
}

/** Submits SMILES for xtb through the door that people use. */
export async function submitSmiles(
  context: TestContext,
  principal: OrgPrincipal,
  smiles: string | string[],
  more: Partial<SubmitCalculations> = {},
  options: { idempotencyKey?: string } = {},
): Promise<SubmittedCalculations> {
  const texts = Array.isArray(smiles) ? smiles : [smiles];
  const molecules = texts.map((text) => ({ text, format: "smiles" as const }));
  return perform(
    context,
    submitCalculationsOperation,
    principal,
    { molecules, task: "single_point", ...more },
    options,
  );
}

/** As the machinery, in an organization's database. */
export function inResults<T>(
  context: TestContext,
  org: Pick<Org, "org_id">,
  work: (scope: ResultsScope) => Promise<T>,
): Promise<T> {
  return context.results.forMachinery(org.org_id, work);
}
