import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { intent, orphans } from "../../test/support/provisioning.ts";
import { until } from "../../test/support/worker.ts";
import { withClient } from "../db/connect.ts";
import { translateDbError } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { perform } from "../perform.ts";
import { lockPlace } from "./drop.ts";
import { createOrgOperation, listOrgsOperation, showOrgOperation } from "./operations.ts";
import { placeNames } from "./place-names.ts";
import { Provisioner } from "./provision.ts";
import { selectOptionalPlace } from "./store.ts";

const prefix = `made_${randomBytes(4).toString("hex")}_`;
const context = await openTestContext({ after }, { env: { RESULTS_DB_TEMPLATE: `${prefix}{org_id}` } });
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const settings = () => ({
  admin: context.admin,
  roles: context.roles,
  secret: context.secret,
  migrations: context.migrations.results,
  names: placeNames(`${prefix}{org_id}`, []),
});
const create = (name: string) => perform(context, createOrgOperation, context.admin_principal, { name });

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
  assert.match(org.database_name, new RegExp(`^${prefix}[0-9a-f]{32}$`));
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

test("provisioning with no server is noted, leaves the organization unusable, and is finished later", async () => {
  const org_id = await intent(context, "No server");
  const admin = { ...context.admin, port: 1 };
  const away = new Provisioner(context.metadata, { ...settings(), admin });
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

/** Puts an active organization back to where a kill may have left it; the steps refuse to go backwards. */
async function putBack(org_id: string, state: string): Promise<void> {
  await context.superuser(
    `BEGIN; SET LOCAL session_replication_role = replica;
     UPDATE org_databases SET state = '${state}' WHERE org_id = '${org_id}';
     UPDATE organizations SET status = 'provisioning' WHERE org_id = '${org_id}'; COMMIT`,
  );
  context.results.forget(org_id);
}

test("a database that vanished after its note is made again: no organization turns active without one", async () => {
  const org = await makeOrg(context, "Vanished");
  await putBack(org.org_id, "verified");
  await context.superuser(`DROP DATABASE ${org.database_name} WITH (FORCE)`);
  await create(org.name);
  await works(org.org_id);
});

test("a role that is another's or lost a right is mended when provisioning goes on", async () => {
  const org = await makeOrg(context, "Wrong password");
  await context.superuser(
    `ALTER ROLE ${org.database_name} NOLOGIN PASSWORD 'something else'; REVOKE aliquot_system FROM ${org.database_name}`,
  );
  await putBack(org.org_id, "database");
  await create(org.name);
  await works(org.org_id);
});

test("the directory refuses a step backwards", async () => {
  const org = await makeOrg(context);
  for (const state of ["requested", "role", "verified"])
    await assert.rejects(
      context.superuser("UPDATE org_databases SET state = $2 WHERE org_id = $1", [org.org_id, state]),
      /can't become/,
    );
});

test("an organization that is deleted while it is made does not turn active, and one that is dropped is not made again", async () => {
  const org_id = await intent(context, "Deleted meanwhile");
  const provisioner = new Provisioner(context.metadata, {
    ...settings(),
    onStep: (step, when) => {
      if (step !== "role" || when !== "done") return;
      deleting = context.superuser(
        "UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = $1",
        [org_id],
      );
    },
  });
  let deleting: Promise<unknown> = Promise.resolve();
  await assert.rejects(provisioner.provision(org_id), kind("conflict"));
  await deleting;
  assert.equal((await placeOf(org_id)).status, "deleting");
  const [made] = await context.superuser<{ database_name: string }>(
    "SELECT database_name FROM org_databases WHERE org_id = $1",
    [org_id],
  );
  const place = await context.metadata.system((tx) => selectOptionalPlace(tx, org_id));
  assert.ok(place !== undefined && made !== undefined);
  for (let times = 0; times < 2; times++) await context.provisioner.drop(place);
  await context.superuser("UPDATE org_databases SET state = 'dropped' WHERE org_id = $1", [org_id]);
  const left = await context.superuser(
    "SELECT datname FROM pg_database WHERE datname = $1 UNION ALL SELECT rolname FROM pg_roles WHERE rolname = $1",
    [made.database_name],
  );
  assert.deepEqual(left, []);
  await assert.rejects(context.provisioner.provision(org_id), kind("conflict"));
});

test("dropping ends whoever is connected, and a half-made organization goes too", async () => {
  const org = await makeOrg(context, "Dropped in use");
  const scientist = await person(context, org, "scientist");
  const place = await context.metadata.system((tx) => selectOptionalPlace(tx, org.org_id));
  assert.ok(place !== undefined);
  await context.results
    .transact(scientist, async ({ tx }) => {
      await context.provisioner.drop(place);
      await assert.rejects(async () => tx.selectFrom("jobs").select("job_id").execute());
    })
    .catch(() => {}); // its connection is gone, and so is its rollback
  const half = await intent(context, "Dropped half-made");
  const there = await context.metadata.system((tx) => selectOptionalPlace(tx, half));
  assert.ok(there !== undefined);
  await context.provisioner.drop(there);
  await context.superuser("UPDATE org_databases SET state = 'dropped' WHERE org_id = ANY ($1)", [
    [org.org_id, half],
  ]);
});

test("a server at its connection limit is noted, and the same call goes on when there is room", async () => {
  const role = `few_${process.pid}`;
  await context.superuser(
    `CREATE ROLE ${role} LOGIN CREATEDB CREATEROLE CONNECTION LIMIT 1 PASSWORD 'few'; GRANT ${context.admin.user} TO ${role}`,
  );
  try {
    const few = { ...context.admin, user: role, password: "few" };
    const provisioner = new Provisioner(context.metadata, { ...settings(), admin: few });
    const org_id = await intent(context, "At the limit");
    await withClient(few, "aliquot tests", async () => {
      await assert.rejects(provisioner.provision(org_id), kind("unavailable"));
    });
    assert.match((await placeOf(org_id)).last_error ?? "", /out of connections/);
    await context.provisioner.provision(org_id);
    await works(org_id);
  } finally {
    await context.superuser(`DROP ROLE ${role}`);
  }
});

test("a server that goes away in the middle, or whose disk is full, is noted, and the same call goes on", async () => {
  const org_id = await intent(context, "Away in the middle");
  const key = `hashtext('${org_id}')`;
  await withClient({ ...context.admin }, "aliquot tests", async (holder) => {
    await lockPlace(holder, org_id);
    const ended = assert.rejects(context.provisioner.provision(org_id), kind("unavailable"));
    const waiting = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = (${key}::bigint & 4294967295)::oid`;
    await until("the provisioning waits", async () => (await context.superuser(waiting)).length === 1);
    await context.superuser(`SELECT pg_terminate_backend(pid) FROM (${waiting}) w`);
    await ended;
  });
  const full = new Provisioner(context.metadata, {
    ...settings(),
    onStep: (step, when) => {
      if (step === "database" && when === "done")
        throw translateDbError(Object.assign(new Error("could not extend file"), { code: "53100" }));
    },
  });
  await assert.rejects(full.provision(org_id), kind("unavailable"));
  const place = await placeOf(org_id);
  assert.equal(place.status, "provisioning");
  assert.match(place.last_error ?? "", /disk/);
  const shut = await context.superuser(
    "SELECT d.datallowconn FROM pg_database d JOIN org_databases o ON o.database_name = d.datname WHERE o.org_id = $1",
    [org_id],
  );
  assert.deepEqual(
    shut,
    [{ datallowconn: false }],
    "nobody enters a database that is not closed to others yet",
  );
  await context.provisioner.provision(org_id);
  await works(org_id);
});

test("a database that belongs to another organization is never taken", async () => {
  const victim = await makeOrg(context, "Victim");
  const org_id = await intent(context, "Thief");
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
  const org_id = await intent(context, "Only an intent");
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
  const odd = ["\u0000abc", "tab\there", "two\nlines", "bell\u0007", "\u200b\u200b\u200b", "abc\u202edef"];
  const long = ["x".repeat(101), `e${"\u0301".repeat(150)}`, "👩‍🔬".repeat(40)];
  for (const name of ["", "ab", "   ", " ab", "padded ", "e\u0301f", ...long, ...odd])
    await assert.rejects(create(name), kind("bad_input"), JSON.stringify(name));
});

test("a name of 100 letters makes an organization whose slug fits its column", async () => {
  const org = await create("y".repeat(100));
  assert.ok(org.slug.length <= 100);
});

test("two ways to write one letter are one name", async () => {
  const org = await create("Caf\u0065\u0301 lab");
  assert.equal(org.name, "Caf\u00e9 lab");
  await assert.rejects(create("CAF\u00c9 lab"), kind("conflict"));
});

test("twenty creations at once make twenty organizations", async () => {
  const made = await Promise.all(Array.from({ length: 20 }, (_, n) => create(`At once ${n}`)));
  assert.equal(new Set(made.map((org) => org.database_name)).size, 20);
  assert.deepEqual([...new Set(made.map((org) => org.status))], ["active"]);
  assert.deepEqual(await orphans(context, prefix), []);
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
