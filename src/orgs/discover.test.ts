import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import { testServer } from "../../test/support/server.ts";
import { ended, startWorker } from "../../test/support/worker.ts";
import { localPrincipal } from "../access/principal.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { listJobs } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import { reindexOrg } from "../relay/reindex.ts";
import { adoptDatabase } from "./adopt.ts";
import { discover, type Found } from "./discover.ts";
import { createOrgOperation, deleteOrgOperation } from "./operations.ts";
import type { Org } from "./schema.ts";

const context = await openTestContext({ after });
const operator = context.admin_principal;
const settings = { servers: context.provisioner.servers(), roles: context.roles };

/** What discover says of one database; the server has those of other test files too. */
async function found(database: string): Promise<Found> {
  const all = await discover(context.metadata, settings);
  const rows = all.filter((row) => row.database_name === database);
  assert.equal(rows.length, 1, `${database}: ${rows.length} rows`);
  return rows[0] as Found;
}

/** The directory as an older copy of it would be: without this organization, whatever hangs on it. */
async function forget(org: Org): Promise<void> {
  const { superuser } = await testServer();
  await withClient({ ...superuser, database: context.database }, "aliquot tests", async (client) => {
    await client.query("DELETE FROM organizations WHERE org_id = $1", [org.org_id]);
    await client.query("SET session_replication_role = replica");
    await client.query("DELETE FROM audit_logs WHERE chain_id = $1", [org.org_id]);
    await client.query("DELETE FROM audit_heads WHERE chain_id = $1", [org.org_id]);
  });
  context.results.forget(org.org_id);
}

const identify = (org: Org, text: string, ...values: unknown[]) =>
  context.superuser(`UPDATE database_identity SET ${text}`, values, org.database_name);

test("a lost organization is found, adopted under its own id, and works on after a reindex", async (t) => {
  const org = await makeOrg(context, "Lost Lab");
  const scientist = await person(context, org, "scientist");
  const jobs = [await submitScript(context, scientist), await submitScript(context, scientist)];
  await identify(org, "generation = 4");
  await forget(org);
  const lost = await found(org.database_name);
  const { org_id, database_name, schema_version } = org;
  assert.deepEqual(lost, {
    ...{ database_name, server_address: "metadata", role_name: database_name, status: "unknown" },
    ...{ org_id, name: null, generation: 4, schema_version, detail: null },
  });
  // Its login role is lost too, as on another server.
  await context.superuser(`REVOKE ALL ON DATABASE ${database_name} FROM ${database_name}`);
  await context.superuser(`DROP ROLE ${database_name}`);
  const place = await adoptDatabase(context, operator, await found(database_name), "Found Lab");
  assert.deepEqual(
    [place.org_id, place.status, place.state, place.generation, place.schema_version, place.slug],
    [org_id, "active", "active", 4, schema_version, "found-lab"],
  );
  assert.equal((await found(database_name)).status, "known");
  const report = await reindexOrg(context, org_id, operator.user_id);
  assert.deepEqual([report.jobs_added, report.queue_added], [2, 2]);
  startWorker(t, context);
  for (const job of jobs) assert.equal((await ended(context, org_id, job)).status, "completed");
  const owner = await localPrincipal(context.metadata, "admin", org_id);
  const list = await perform(context, listJobs, { ...owner, org_id }, {});
  assert.deepEqual(list.items.map((job) => job.job_id).toSorted(), jobs.toSorted());
  const [grant] = await context.superuser(
    "SELECT r.name FROM membership_roles JOIN roles r USING (role_id) WHERE user_id = $1 AND membership_roles.org_id = $2",
    [operator.user_id, org_id],
  );
  assert.equal(grant?.["name"], "owner");
  const [row] = await context.superuser(
    "SELECT user_id FROM audit_logs WHERE org_id = $1 AND action = 'org.adopt'",
    [org_id],
  );
  assert.equal(row?.["user_id"], operator.user_id);
});

test("a login that was let in to read is nobody's: it is neither adopted nor given a password", async () => {
  const org = await makeOrg(context);
  // Sorts before every organization's; a member of one group only is not its login either.
  const [reporting, half] = [`a_reporting_${org.org_id.slice(-12)}`, `a_half_${org.org_id.slice(-12)}`];
  await context.superuser(`CREATE ROLE ${reporting} LOGIN PASSWORD 'its own'`);
  await context.superuser(`CREATE ROLE ${half} LOGIN`);
  await context.superuser(`GRANT ${context.roles.member} TO ${half}`);
  await context.superuser(`GRANT CONNECT ON DATABASE ${org.database_name} TO ${reporting}, ${half}`);
  const verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = $1";
  const before = await context.superuser(verifier, [reporting]);
  try {
    await forget(org);
    assert.equal((await found(org.database_name)).role_name, org.database_name);
    // Its own is lost: the foreign ones do not take its place.
    await context.superuser(`REVOKE ALL ON DATABASE ${org.database_name} FROM ${org.database_name}`);
    await context.superuser(`DROP ROLE ${org.database_name}`);
    const lost = await found(org.database_name);
    assert.equal(lost.role_name, null);
    assert.equal((await adoptDatabase(context, operator, lost)).role_name, org.database_name);
    assert.deepEqual(await context.superuser(verifier, [reporting]), before);
    const groups = await context.superuser(
      "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1",
      [reporting],
    );
    assert.deepEqual(groups, []);
  } finally {
    await context.superuser(`REVOKE ALL ON DATABASE ${org.database_name} FROM ${reporting}, ${half}`);
    await context.superuser(`DROP ROLE ${reporting}`);
    await context.superuser(`DROP ROLE ${half}`);
  }
});

test("discovering changes nothing, and an adoption that was cut short is finished by a create of that name", async () => {
  const org = await makeOrg(context);
  await forget(org);
  const before = await context.superuser("SELECT * FROM database_identity", [], org.database_name);
  const lost = await found(org.database_name);
  assert.deepEqual(await found(org.database_name), lost);
  const { provision } = context.provisioner;
  context.provisioner.provision = async () => {
    throw new AppError("unavailable", "killed here");
  };
  await assert.rejects(adoptDatabase(context, operator, lost), /killed here/);
  context.provisioner.provision = provision;
  assert.equal((await found(org.database_name)).status, "unfinished");
  const name = `recovered ${org.org_id.slice(-12)}`;
  const made = await perform(context, createOrgOperation, operator, { name });
  assert.deepEqual([made.org_id, made.status], [org.org_id, "active"]);
  assert.deepEqual(await context.superuser("SELECT * FROM database_identity", [], org.database_name), before);
});

test("each way a database and the directory can differ has its word, and only an unknown one is adopted", async () => {
  const [whole, old, twin, dead, gone, bare] = await Promise.all([
    makeOrg(context),
    makeOrg(context),
    makeOrg(context),
    makeOrg(context),
    makeOrg(context),
    makeOrg(context),
  ]);
  await identify(old, "generation = 9");
  await identify(twin, "org_id = $1", whole.org_id);
  await context.superuser("DELETE FROM database_identity", [], bare.database_name);
  await context.superuser(
    "UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = $1",
    [dead.org_id],
  );
  await context.superuser(
    "UPDATE organizations SET status = 'deleted', deleted_at = now() WHERE org_id = $1",
    [dead.org_id],
  );
  await context.superuser(`DROP DATABASE ${gone.database_name} WITH (FORCE)`);
  const all = await discover(context.metadata, settings);
  const status = (org: Org) => all.find((row) => row.database_name === org.database_name)?.status;
  assert.deepEqual([whole, old, twin, dead, gone, bare].map(status), [
    "known",
    "wrong_generation",
    "copy",
    "tombstone",
    "missing",
    "no_identity",
  ]);
  assert.ok(!all.some((row) => row.database_name === context.database), "the shared database is none");
  for (const org of [whole, old, twin, dead, gone, bare])
    await assert.rejects(
      adoptDatabase(context, operator, all.find((row) => row.database_name === org.database_name) as Found),
      (error: AppError) => error.kind === "conflict" && /only one that no directory row/.test(error.message),
    );
});

test("a name that is taken is refused, and leaves nothing behind", async () => {
  const [taken, org] = [await makeOrg(context), await makeOrg(context)];
  await forget(org);
  const lost = await found(org.database_name);
  await assert.rejects(
    adoptDatabase(context, operator, lost, taken.name.toUpperCase()),
    (error) => error instanceof AppError && error.kind === "conflict" && /exists already/.test(error.message),
  );
  assert.equal((await found(org.database_name)).status, "unknown");
  await adoptDatabase(context, operator, lost);
  await perform(context, deleteOrgOperation, operator, { org: org.org_id, grace_days: 0 });
});

test("an adoption that says something else of a database than it says itself is refused, and so is its second copy", async () => {
  const org = await makeOrg(context);
  await forget(org);
  const lost = await found(org.database_name);
  await assert.rejects(adoptDatabase(context, operator, { ...lost, org_id: null }), /only one that no/);
  await assert.rejects(adoptDatabase(context, operator, { ...lost, generation: 77 }, `Wrong ${newId()}`));
  await context.superuser("DELETE FROM organizations WHERE org_id = $1", [org.org_id]);
  await adoptDatabase(context, operator, lost);
  const copy = { ...lost, database_name: `${lost.database_name}_copy` };
  await assert.rejects(
    adoptDatabase(context, operator, copy, "A second one"),
    (error: AppError) => error.kind === "conflict" && /in the directory by now/.test(error.message),
  );
});

test("a row whose server no setting names is told as such, and the count is of what is looked at", async () => {
  const org = await makeOrg(context);
  await context.superuser("INSERT INTO database_servers (name, address) VALUES ('old', 'old.example:5432')");
  await context.superuser(
    "UPDATE org_databases SET server_id = (SELECT server_id FROM database_servers WHERE name = 'old') WHERE org_id = $1",
    [org.org_id],
  );
  const seen: [number, number][] = [];
  const all = await discover(context.metadata, settings, (done, total) => seen.push([done, total]));
  const row = all.find(({ org_id, status }) => org_id === org.org_id && status === "unreachable");
  assert.match(row?.detail ?? "", /no setting names its server old\.example:5432/);
  const [done, total] = seen.at(-1) ?? [];
  assert.equal(done, total);
});

test("two adoptions at once whose names make the same slug both get one", async () => {
  const orgs = await Promise.all([makeOrg(context), makeOrg(context), makeOrg(context)]);
  for (const org of orgs) await forget(org);
  const lost = await Promise.all(orgs.map((org) => found(org.database_name)));
  const names = ["Same Slug", "Same-Slug", "Same_Slug"];
  const places = await Promise.all(
    lost.map((item, index) => adoptDatabase(context, operator, item, names[index])),
  );
  assert.deepEqual(places.map(({ slug }) => slug).sort(), ["same-slug", "same-slug-2", "same-slug-3"]);
});

test("an adopted organization is called by the same rules as a new one", async () => {
  const org = await makeOrg(context);
  await forget(org);
  const lost = await found(org.database_name);
  for (const name of ["ab", " Blank", "zero\u200bwidth", "x".repeat(101)])
    await assert.rejects(
      adoptDatabase(context, operator, lost, name),
      (error) => error instanceof AppError && error.kind === "bad_input",
    );
  await adoptDatabase(context, operator, lost, "O\u0308fen adopted");
  assert.equal((await found(org.database_name)).name, "\u00d6fen adopted");
});
