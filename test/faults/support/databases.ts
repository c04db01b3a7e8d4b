import { withClient } from "../../../src/db/connect.ts";
import { closeDatabase, ident, rolesOf } from "../../../src/db/roles.ts";
import type { TestContext } from "../../support/context.ts";
import { ask, testServer } from "../../support/server.ts";

async function elsewhere(text: string, values: unknown[] = []): Promise<void> {
  const { superuser } = await testServer();
  await ask(superuser, "postgres", text, values);
}

/** Ends every connection to a database and lets nobody in. */
export async function cutOff(database: string): Promise<void> {
  await elsewhere(`ALTER DATABASE ${ident(database)} ALLOW_CONNECTIONS false`);
  await elsewhere("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", [
    database,
  ]);
}

/** Lets everybody in again. */
export function bringBack(database: string): Promise<void> {
  return elsewhere(`ALTER DATABASE ${ident(database)} ALLOW_CONNECTIONS true`);
}

/** Makes a copy of a database as it is at this moment, while nobody is connected. Returns the copy's name. */
export async function copyOf(database: string): Promise<string> {
  const copy = `${database}_older`;
  await cutOff(database);
  await elsewhere(`CREATE DATABASE ${ident(copy)} TEMPLATE ${ident(database)} STRATEGY FILE_COPY`);
  await bringBack(database);
  return copy;
}

/** Puts an older copy in a database's place; `prepare` may change the copy before anybody sees it. */
export async function putBack(
  context: TestContext,
  database: string,
  loginRole: string,
  prepare = "",
): Promise<void> {
  const { superuser } = await testServer();
  const copy = `${database}_older`;
  await cutOff(database);
  if (prepare !== "") await ask(superuser, copy, prepare);
  await elsewhere(`DROP DATABASE ${ident(database)}`);
  await elsewhere(`ALTER DATABASE ${ident(copy)} RENAME TO ${ident(database)}`);
  // Who owns a database and who may connect is not copied with it.
  await elsewhere(`ALTER DATABASE ${ident(database)} OWNER TO ${ident(context.roles.owner)}`).catch(() => {});
  await withClient({ ...superuser, database: "postgres" }, "aliquot tests", (client) =>
    closeDatabase(client, rolesOf("aliquot_"), database, loginRole),
  );
}
