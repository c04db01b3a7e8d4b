import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ask, databaseUrl, testServer } from "../../test/support/server.ts";
import { localPrincipal, type OrgPrincipal } from "../access/principal.ts";
import { parseConfig } from "../config.ts";
import { type Context, openContext } from "../context.ts";
import { ident } from "../db/roles.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { prepareShared } from "../ready.ts";
import { Secret } from "../secrets.ts";
import { checkAppLogin, repairAppLogin } from "../setup.ts";
import { migrateFleet } from "./fleet.ts";
import { createOrgOperation } from "./operations.ts";
import { rotateCredentials } from "./rotate.ts";
import type { Org } from "./schema.ts";
import { selectOptionalPlace } from "./store.ts";

// An installation of its own, made by somebody who may only make databases and roles.
const tag = `few_${randomBytes(4).toString("hex")}_`;
const admin = `${tag}admin`;
const server = await testServer();
const superuser = <R extends object>(text: string, values: unknown[] = []) =>
  ask<R>(server.superuser, server.superuser.database, text, values);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

const home = mkdtempSync(join(server.base, "rights-"));
const secrets = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];

async function open(secret: string | undefined, prepare?: boolean): Promise<Context> {
  const url = databaseUrl({ ...server.admin, user: admin, password: "few" }, `${tag}meta`);
  const env = { DATABASE_URL: url, ALIQUOT_ROLE_PREFIX: tag, RESULTS_DB_TEMPLATE: `${tag}{org_id}` };
  return openContext({
    config: parseConfig(env).config,
    home,
    secret: new Secret(secret ?? ""),
    say: () => {},
    ...(prepare === undefined ? {} : { prepare }),
    toolkitThreads: 1,
  });
}

async function member(context: Context, org: Org): Promise<OrgPrincipal> {
  return { ...(await localPrincipal(context.metadata, "admin", org.org_id)), org_id: org.org_id };
}

async function works(context: Context, org: Org): Promise<void> {
  context.results.forget(org.org_id);
  const principal = await member(context, org);
  await context.results.transact(principal, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
}

describe("an administrator with CREATEDB and CREATEROLE and nothing more", () => {
  let context: Context;
  let org: Org;

  before(async () => {
    await superuser(`CREATE ROLE ${admin} LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD 'few'`);
    await superuser(`CREATE DATABASE ${tag}meta OWNER ${admin}`);
  });

  after(async () => {
    await context?.[Symbol.asyncDispose]();
    const like = `${tag.replaceAll("_", "\\_")}%`;
    const databases = await superuser<{ name: string }>(
      "SELECT datname AS name FROM pg_database WHERE datname LIKE $1",
      [like],
    );
    for (const { name } of databases) await superuser(`DROP DATABASE ${ident(name)} WITH (FORCE)`);
    const roles = await superuser<{ name: string }>(
      "SELECT rolname AS name FROM pg_roles WHERE rolname LIKE $1 ORDER BY rolname = $2",
      [like, admin],
    );
    for (const { name } of roles) await superuser(`DROP ROLE ${ident(name)}`);
  });

  test("prepares the metadata database and makes an organization", async () => {
    context = await open(secrets[0], true);
    const operator = await localPrincipal(context.metadata, "admin", null);
    org = await perform(context, createOrgOperation, operator, { name: "Few rights" });
    await works(context, org);
    const [rights] = await superuser("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1", [
      admin,
    ]);
    assert.deepEqual(rights, { rolsuper: false, rolbypassrls: false });
  });

  test("says it twice: nothing changes", async () => {
    await using again = await open(secrets[0], true);
    assert.deepEqual(again.applied.metadata, []);
    await works(again, org);
  });

  test("with another key is told so, and locks nobody out", async () => {
    const told = (error: unknown) =>
      kind("unavailable")(error) && /ALIQUOT_SECRET_KEY is not the one/.test(String(error));
    await assert.rejects(open(secrets[1]), told, "a command");
    await assert.rejects(open(secrets[1], true), told, "a preparation");
    await using other = await open(secrets[1], false);
    await assert.rejects(prepareShared(other), told, "migrate up");
    await assert.rejects(checkAppLogin(other), told, "migrate down");
    await using ours = await open(secrets[0]);
    await works(ours, org);
  });

  test("may rename the admin: the database stays prepared, and no second one is made", async () => {
    const meta = { ...server.superuser, database: `${tag}meta` };
    const rename = (to: string, from: string) =>
      ask(meta, meta.database, "UPDATE users SET username = $1 WHERE username = $2", [to, from]);
    await rename("root", "admin");
    {
      await using again = await open(secrets[0]);
      assert.deepEqual(await prepareShared(again), []);
    }
    const names = await ask(meta, meta.database, "SELECT username FROM users WHERE is_admin");
    await rename("admin", "root");
    assert.deepEqual(names, [{ username: "root" }]);
  });

  test("takes the fleet down a step and up again", async () => {
    const { metadata, roles, migrations } = context;
    const settings = { admin: context.admin, roles, migrations: migrations.results };
    for (const direction of ["down", "up"] as const) {
      const report = await migrateFleet(metadata, settings, { direction });
      assert.deepEqual(
        report.items.map((item) => [item.status, item.steps.length, item.error]),
        [["migrated", 1, undefined]],
      );
    }
    await works(context, org);
  });

  test("gives an organization other credentials", async () => {
    assert.equal((await rotateCredentials(context, org.org_id)).credential_version, 2);
    await works(context, org);
  });

  test("repairs every login after the key was changed", async () => {
    await using changed = await open(secrets[1], false);
    await assert.rejects(
      changed.metadata.system(async () => {}),
      kind("unavailable"),
    );
    await repairAppLogin(changed);
    await assert.rejects(works(changed, org), /org rotate-credentials --all/);
    await rotateCredentials(changed, org.org_id);
    await works(changed, org);
    await using old = await open(secrets[0], false);
    await assert.rejects(
      old.metadata.system(async () => {}),
      kind("unavailable"),
    );
    await context[Symbol.asyncDispose]();
    context = await open(secrets[1], false);
  });

  test("drops the database and its role while somebody works in it", async () => {
    const place = await context.metadata.system((tx) => selectOptionalPlace(tx, org.org_id));
    assert.ok(place !== undefined);
    const principal = await member(context, org);
    const inside = context.results.transact(principal, async ({ tx }) => {
      await context.provisioner.drop(place);
      await tx.selectFrom("jobs").select("job_id").execute();
    });
    await assert.rejects(inside, kind("unavailable"));
    const left = await superuser(
      "SELECT datname FROM pg_database WHERE datname = $1 UNION ALL SELECT rolname FROM pg_roles WHERE rolname = $2",
      [place.database_name, place.role_name],
    );
    assert.deepEqual(left, []);
  });

  test("without CREATEROLE is told what it lacks", async () => {
    await superuser(`CREATE ROLE ${tag}poor LOGIN CREATEDB PASSWORD 'few'`);
    await superuser(`CREATE DATABASE ${tag}poor OWNER ${tag}poor`);
    const url = databaseUrl({ ...server.admin, user: `${tag}poor`, password: "few" }, `${tag}poor`);
    const { config } = parseConfig({ DATABASE_URL: url, ALIQUOT_ROLE_PREFIX: `${tag}x_` });
    const secret = new Secret(secrets[0] ?? "");
    await assert.rejects(
      openContext({ config, home, secret, say: () => {}, prepare: true }),
      (error: unknown) => kind("unavailable")(error) && /CREATEDB and CREATEROLE/.test(String(error)),
    );
  });
});
