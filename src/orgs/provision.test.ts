import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { perform } from "../perform.ts";
import { createOrgOperation, listOrgsOperation, showOrgOperation } from "./operations.ts";
import { Provisioner } from "./provision.ts";
import { insertOrganization } from "./store.ts";

const context = await openTestContext({ after });
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const create = (name: string) => perform(context, createOrgOperation, context.admin_principal, { name });

/** An organization of which only the intent is written, as a kill right after it leaves one. */
async function intent(name: string): Promise<string> {
  const org_id = newId();
  const opaque = `results_${org_id.replaceAll("-", "")}`;
  await context.metadata.system((tx) =>
    insertOrganization(tx, {
      org_id,
      name,
      slug: opaque.replaceAll("_", "-"),
      database_name: opaque,
      role_name: opaque,
    }),
  );
  return org_id;
}

type Place = { state: string; status: string; last_error: string | null; schema_version: number };
async function placeOf(org_id: string): Promise<Place> {
  const [row] = await context.superuser<Place>(
    "SELECT state, status, last_error, schema_version FROM org_databases JOIN organizations USING (org_id) WHERE org_id = $1",
    [org_id],
  );
  assert.ok(row !== undefined);
  return row;
}

const works = async (org_id: string) => {
  context.results.forget(org_id);
  const scientist = await person(context, { org_id }, "scientist");
  await context.results.transact(scientist, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
};

test("an organization is made with a database of the current schema, its partitions and its identity", async () => {
  const org = await makeOrg(context, "Müller & Søn, 3rd lab");
  assert.equal(org.slug, "muller-s-n-3rd-lab");
  assert.equal(org.status, "active");
  assert.match(org.database_name, /^results_[0-9a-f]{32}$/);
  assert.equal(org.schema_version, context.migrations.results.length);
  const [row] = await context.superuser<{ org_id: string; generation: number; parts: number }>(
    `SELECT org_id, generation, (SELECT count(*) FROM pg_class WHERE relispartition AND relname ~ '^job_events_\\d{4}_\\d\\d$') AS parts
     FROM database_identity`,
    [],
    org.database_name,
  );
  assert.deepEqual(row, { org_id: org.org_id, generation: 1, parts: 3 });
  await works(org.org_id);
});

/** A step, and what a kill before its note leaves: the state says the step before. */
const STEPS = ["requested", "role", "database", "grants", "verified"];

for (const state of STEPS) {
  test(`provisioning that was killed when its note said "${state}" goes on from there, though more was done`, async () => {
    const org = await makeOrg(context, `Killed at ${state}`);
    await context.superuser("UPDATE org_databases SET state = $2 WHERE org_id = $1", [org.org_id, state]);
    await context.superuser("UPDATE organizations SET status = 'provisioning' WHERE org_id = $1", [
      org.org_id,
    ]);
    context.results.forget(org.org_id);
    const again = await create(org.name);
    assert.deepEqual(again, org, "the same organization, finished");
    assert.equal((await placeOf(org.org_id)).state, "active");
    await works(org.org_id);
  });
}

test("provisioning with no server is noted, leaves the organization unusable, and is finished later", async () => {
  const org_id = await intent("No server");
  const away = new Provisioner(context.metadata, {
    admin: { ...context.admin, port: 1 },
    roles: context.roles,
    secret: context.secret,
    migrations: context.migrations.results,
  });
  await assert.rejects(away.provision(org_id), kind("unavailable"));
  const place = await placeOf(org_id);
  assert.deepEqual([place.state, place.status], ["requested", "provisioning"]);
  assert.match(place.last_error ?? "", /PostgreSQL can't be reached/);
  const scientist = await person(context, { org_id }, "scientist");
  await assert.rejects(
    context.results.read(scientist, async () => {}),
    kind("unavailable"),
  );
  const done = await context.provisioner.provision(org_id);
  assert.equal(done.state, "active");
  assert.equal((await placeOf(org_id)).last_error, null);
  await works(org_id);
});

test("a database that vanished between the steps is noted; the organization never turns active without one", async () => {
  const org = await makeOrg(context, "Vanished");
  await context.superuser("UPDATE org_databases SET state = 'database' WHERE org_id = $1", [org.org_id]);
  await context.superuser("UPDATE organizations SET status = 'provisioning' WHERE org_id = $1", [org.org_id]);
  context.results.forget(org.org_id);
  await context.superuser(`DROP DATABASE ${org.database_name}`);
  await assert.rejects(create(org.name), kind("unavailable"));
  assert.deepEqual((await placeOf(org.org_id)).status, "provisioning");
  // An operator puts the note back, and the same call finishes it.
  await context.superuser("UPDATE org_databases SET state = 'role' WHERE org_id = $1", [org.org_id]);
  await create(org.name);
  await works(org.org_id);
});

test("a role whose password is another's is mended when its step runs again", async () => {
  const org = await makeOrg(context, "Wrong password");
  await context.superuser(`ALTER ROLE ${org.database_name} PASSWORD 'something else'`);
  await context.superuser("UPDATE org_databases SET state = 'requested' WHERE org_id = $1", [org.org_id]);
  await context.superuser("UPDATE organizations SET status = 'provisioning' WHERE org_id = $1", [org.org_id]);
  await create(org.name);
  await works(org.org_id);
});

test("a database that belongs to another organization is never taken", async () => {
  const victim = await makeOrg(context, "Victim");
  const org_id = await intent("Thief");
  await context
    .superuser("UPDATE org_databases SET database_name = $2 WHERE org_id = $1", [
      org_id,
      (await makeOrg(context, "Third")).database_name,
    ])
    .catch(() => {}); // the directory itself refuses one place twice
  const [own] = await context.superuser<{ database_name: string }>(
    "SELECT database_name FROM org_databases WHERE org_id = $1",
    [org_id],
  );
  await context
    .superuser(`CREATE DATABASE ${own?.database_name} TEMPLATE ${victim.database_name}`)
    .catch(async () => {
      await context.results[Symbol.asyncDispose]();
      await context.superuser(`CREATE DATABASE ${own?.database_name} TEMPLATE ${victim.database_name}`);
    });
  await assert.rejects(context.provisioner.provision(org_id), kind("conflict"));
  assert.equal((await placeOf(org_id)).status, "provisioning");
});

test("an intent alone, killed before anything was made, is finished by the same call", async () => {
  const org_id = await intent("Only an intent");
  const org = await create("Only an intent");
  assert.equal(org.org_id, org_id);
  assert.equal(org.status, "active");
});

test("a name is taken whatever its case, and a slug that is taken gets a number", async () => {
  await create("Taken Lab");
  await assert.rejects(create("taken LAB"), kind("conflict"));
  await assert.rejects(create("Taken Lab"), kind("conflict"));
  assert.equal((await create("Taken  Lab!")).slug, "taken-lab-2");
  assert.equal((await create("研究所 です")).slug, "org");
});

test("names that are too short, too long or padded are refused", async () => {
  for (const name of ["", "ab", " ab", "x".repeat(101), "padded ", "\u0000abc"])
    await assert.rejects(create(name), kind("bad_input"), JSON.stringify(name));
});

test("a name of 100 letters makes an organization whose slug fits its column", async () => {
  const org = await create("y".repeat(100));
  assert.ok(org.slug.length <= 100);
});

test("two creations of one name at once make one organization and one database", async () => {
  const ends = await Promise.allSettled([create("At once"), create("At once"), create("at ONCE")]);
  const made = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.org_id] : []));
  assert.ok(made.length >= 1);
  assert.equal(new Set(made).size, 1);
  for (const end of ends)
    if (end.status === "rejected") assert.ok(kind("conflict")(end.reason), String(end.reason));
  const rows = await context.superuser("SELECT 1 FROM organizations WHERE lower(name) = 'at once'");
  assert.equal(rows.length, 1);
});

test("two creations at once whose names differ and whose slugs would not, make two organizations", {}, async () => {
  const ends = await Promise.allSettled(["Slug one", "Slug-one", "Slug.one", "slug_one"].map(create));
  assert.deepEqual(
    ends.map((end) => end.status),
    ["fulfilled", "fulfilled", "fulfilled", "fulfilled"],
  );
});

test("the intent, the membership and the audit row of who made it are there", async () => {
  const org = await create("Audited lab");
  const rows = await context.superuser<{ action: string; user_id: string }>(
    "SELECT action, user_id FROM audit_logs WHERE org_id = $1",
    [org.org_id],
  );
  assert.deepEqual(rows, [{ action: "org.create", user_id: context.admin_principal.user_id }]);
  const roles = await context.superuser(
    "SELECT r.name FROM membership_roles m JOIN roles r USING (role_id) WHERE m.org_id = $1",
    [org.org_id],
  );
  assert.deepEqual(roles, [{ name: "owner" }]);
});

test("people see their own organization; another's and a missing one look the same", async () => {
  const [mine, theirs] = [await makeOrg(context), await makeOrg(context)];
  const viewer = await person(context, mine, "viewer");
  const list = await perform(context, listOrgsOperation, viewer, {});
  assert.deepEqual(
    list.items.map((org) => org.org_id),
    [mine.org_id],
  );
  assert.equal((await perform(context, showOrgOperation, viewer, { org: mine.slug })).org_id, mine.org_id);
  assert.equal((await perform(context, showOrgOperation, viewer, { org: mine.org_id })).org_id, mine.org_id);
  assert.equal(
    (await perform(context, showOrgOperation, viewer, { org: mine.name.toUpperCase() })).org_id,
    mine.org_id,
  );
  for (const org of [theirs.slug, theirs.org_id, newId(), "' OR true --"])
    await assert.rejects(
      perform(context, showOrgOperation, viewer, { org }),
      (error: AppError) => kind("not_found")(error) && error.message === "no such organization",
    );
  await assert.rejects(perform(context, createOrgOperation, viewer, { name: "Mine too" }), kind("forbidden"));
});
