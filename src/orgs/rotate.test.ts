import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person, type TestContext } from "../../test/support/context.ts";
import { killedAt } from "../../test/support/provisioning.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { perform } from "../perform.ts";
import { derivePassword } from "../secrets.ts";
import { withNextCredential } from "./credentials.ts";
import { lockPlace } from "./drop.ts";
import { deleteOrgOperation, rotateCredentialsOperation } from "./operations.ts";
import { rotateCredentials } from "./rotate.ts";
import type { Org } from "./schema.ts";
import { selectOptionalPlace } from "./store.ts";

const context = await openTestContext({ after });
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

/** Logs in as the organization with the password of a version. */
async function logIn(org: Org, version: number, secret = context.secret): Promise<void> {
  const password = derivePassword(secret, `results:${org.org_id}:${version}`).reveal();
  const address = { ...context.admin, user: org.database_name, database: org.database_name, password };
  await withClient(address, "aliquot tests", (client) => client.query("SELECT 1"));
}

const versionOf = async (org: Org) =>
  (await context.metadata.system((tx) => selectOptionalPlace(tx, org.org_id)))?.credential_version;

async function works(org: Org, at: TestContext = context): Promise<void> {
  const scientist = await person(at, org, "scientist");
  await at.results.transact(scientist, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
}

test("a rotation gives the login another password and the old one is refused; work goes on", async () => {
  const org = await makeOrg(context);
  await works(org);
  await logIn(org, 1);
  assert.deepEqual(await rotateCredentials(context, org.org_id), {
    org_id: org.org_id,
    credential_version: 2,
  });
  await logIn(org, 2);
  await assert.rejects(logIn(org, 1), kind("unavailable"));
  await works(org);
});

test("a session that is open stays open while its credential changes", async () => {
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  await context.results.transact(scientist, async ({ tx }) => {
    await rotateCredentials(context, org.org_id);
    await tx.selectFrom("jobs").select("job_id").execute();
  });
});

for (const point of ["credential done", "credential noted"]) {
  test(`a rotation that is killed at "${point}" is finished by the next one`, async () => {
    const org = await makeOrg(context, `Rotation killed at ${point}`);
    await killedAt(context, point, { rotate: org.org_id });
    await logIn(org, 2);
    assert.equal(await versionOf(org), point === "credential done" ? 1 : 2);
    // Killed again and again, the server is never more than one version ahead.
    if (point === "credential done") await killedAt(context, point, { rotate: org.org_id });
    const { credential_version } = await rotateCredentials(context, org.org_id);
    assert.equal(credential_version, point === "credential done" ? 2 : 3);
    await logIn(org, credential_version);
    assert.equal(await versionOf(org), credential_version);
    await works(org);
  });
}

test("a rotation that was cut short locks nobody out: the door knows the next credential too", async () => {
  const org = await makeOrg(context);
  await killedAt(context, "credential done", { rotate: org.org_id });
  context.results.forget(org.org_id);
  await works(org);
  assert.equal(await versionOf(org), 2, "who was let in noted it");
});

test("the next credential differs in its version alone", () => {
  const place = { org_id: newId(), credential_version: 4 } as Parameters<typeof withNextCredential>[0];
  assert.deepEqual(withNextCredential(place), { ...place, credential_version: 5 });
});

test("rotations at once on one organization end with the password that the directory names", async () => {
  const org = await makeOrg(context);
  const ends = await Promise.all(Array.from({ length: 4 }, () => rotateCredentials(context, org.org_id)));
  assert.deepEqual(ends.map((end) => end.credential_version).sort(), [2, 3, 4, 5]);
  assert.equal(await versionOf(org), 5);
  await logIn(org, 5);
});

test("what is not there, or not made, has nothing to rotate", async () => {
  await assert.rejects(rotateCredentials(context, newId()), kind("not_found"));
  const org = await makeOrg(context);
  await context.superuser("UPDATE org_databases SET state = 'dropped' WHERE org_id = $1", [org.org_id]);
  await assert.rejects(rotateCredentials(context, org.org_id), kind("conflict"));
});

test("a rotation beside a deletion is refused, and makes no login that was dropped", async () => {
  const org = await makeOrg(context);
  await perform(context, deleteOrgOperation, context.admin_principal, { org: org.org_id, grace_days: 1 });
  await assert.rejects(rotateCredentials(context, org.org_id), kind("conflict"));
  await context.superuser("UPDATE org_databases SET state = 'frozen' WHERE org_id = $1", [org.org_id]);
  await assert.rejects(rotateCredentials(context, org.org_id), kind("conflict"));
  const bare = await makeOrg(context);
  await context.superuser(`REVOKE ALL ON DATABASE ${bare.database_name} FROM ${bare.database_name}`);
  await context.superuser(`DROP ROLE ${bare.database_name}`);
  await assert.rejects(rotateCredentials(context, bare.org_id), kind("conflict"));
  const roles = await context.superuser("SELECT 1 FROM pg_roles WHERE rolname = $1", [bare.database_name]);
  assert.deepEqual([roles, await versionOf(bare)], [[], 1]);
});

test("a rotation is audited with its version, and said again under its key it is the same one", async () => {
  const org = await makeOrg(context);
  const rotate = () =>
    perform(
      context,
      rotateCredentialsOperation,
      context.admin_principal,
      { org: org.org_id },
      { idempotencyKey: `rotate ${org.org_id}` },
    );
  assert.deepEqual(await rotate(), { org_id: org.org_id, credential_version: 2 });
  assert.deepEqual(await rotate(), { org_id: org.org_id, credential_version: 2 });
  assert.equal(await versionOf(org), 2);
  const rows = await context.superuser(
    "SELECT metadata FROM audit_logs WHERE org_id = $1 AND action = 'org.rotate_credentials'",
    [org.org_id],
  );
  assert.deepEqual(rows, [{ metadata: { credential_version: 2 } }]);
});

test("who waits too long for an organization's place is told who holds it", async () => {
  const org_id = newId();
  await withClient(context.admin, "the one at work", async (holder) => {
    await lockPlace(holder, org_id);
    await withClient(context.admin, "aliquot tests", (client) =>
      assert.rejects(
        lockPlace(client, org_id, 20),
        (error) =>
          error instanceof AppError &&
          error.kind === "unavailable" &&
          /by server process \d+ \(the one at work\)/.test(error.message),
      ),
    );
  });
});
