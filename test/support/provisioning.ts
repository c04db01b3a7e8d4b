import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Migration } from "../../src/db/migrations.ts";
import { newId } from "../../src/ids.ts";
import { insertOrganization } from "../../src/orgs/store.ts";
import type { TestContext } from "./context.ts";
import type { CreateOrder } from "./create-org.ts";

const PROGRAM = join(import.meta.dirname, "create-org.ts");

/** The same schema under another fingerprint. */
export function salted(migrations: Migration[], salt = ""): Migration[] {
  return migrations.map((step) => ({ ...step, checksum: `${step.checksum}${salt}` }));
}

/** Starts a process that makes organizations in a context's database; who starts it waits for its end. */
export function startCreating(context: TestContext, more: Partial<CreateOrder>): ChildProcess {
  const template = context.config.results_template;
  const order: CreateOrder = {
    env: {
      DATABASE_URL: context.config.database_url ?? "",
      ...(template === undefined ? {} : { RESULTS_DB_TEMPLATE: template }),
    },
    home: context.home,
    secret: context.secret.reveal(),
    names: [],
    ...more,
  };
  return spawn(process.execPath, [PROGRAM, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
}

/** The same, until it is dead by its own hand. */
export async function killedAt(
  context: TestContext,
  killAt: string,
  more: Partial<CreateOrder>,
): Promise<void> {
  const child = startCreating(context, { killAt, ...more });
  const [, signal] = await once(child, "exit");
  assert.equal(signal, "SIGKILL", `the process got past "${killAt}"`);
}

/** An organization of which only the intent is written, as a kill right after it leaves one. */
export async function intent(context: TestContext, name: string): Promise<string> {
  const org_id = newId();
  await context.metadata.system((tx) =>
    insertOrganization(tx, {
      org_id,
      name,
      slug: `org-${org_id}`,
      ...context.provisioner.placeFor(org_id),
    }),
  );
  return org_id;
}

/**
 * What is on the server under a prefix of names and in no row of the directory, or the reverse: each
 * database and each login role belongs to exactly one row that is not dropped. Empty is good.
 */
export async function orphans(context: TestContext, prefix: string): Promise<string[]> {
  const like = `${prefix.replaceAll("_", "\\_")}%`;
  const rows = await context.superuser<{ orphan: string }>(
    `WITH directory AS (SELECT * FROM org_databases WHERE state <> 'dropped'),
       dbs AS (SELECT datname AS name FROM pg_database WHERE datname LIKE $1),
       logins AS (SELECT rolname AS name FROM pg_roles WHERE rolname LIKE $1)
     SELECT 'database ' || name AS orphan FROM dbs
       WHERE (SELECT count(*) FROM directory WHERE database_name = name) <> 1
     UNION ALL SELECT 'role ' || name FROM logins
       WHERE (SELECT count(*) FROM directory WHERE role_name = name) <> 1
     UNION ALL SELECT 'row without database ' || database_name FROM directory
       WHERE state NOT IN ('requested', 'role') AND database_name NOT IN (SELECT name FROM dbs)
     UNION ALL SELECT 'row without role ' || role_name FROM directory
       WHERE state <> 'requested' AND role_name NOT IN (SELECT name FROM logins)`,
    [like],
  );
  return rows.map((row) => row.orphan);
}
