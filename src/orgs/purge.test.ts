import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import { claimAndStart, claimOne, record, until } from "../../test/support/worker.ts";
import { verifyChain } from "../audit/chain.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { runReconciler } from "../relay/reconcile.ts";
import { createOrgOperation, deleteOrgOperation, listOrgsOperation } from "./operations.ts";
import { type PurgeServices, purgeDue, purgeOrg } from "./purge.ts";
import type { Org } from "./schema.ts";

const context = await openTestContext({ after });
const operator = context.admin_principal;

/** An organization with a job that ran, one that waits, bytes and people; its grace is over. */
async function doomed(name?: string): Promise<Org & { uri: string }> {
  const org = await makeOrg(context, name);
  const scientist = await person(context, org, "scientist");
  await submitScript(context, scientist);
  await record(context, await claimAndStart(context));
  await submitScript(context, scientist);
  const { uri } = await context.objects.put(org.org_id, Buffer.from("a result"));
  await perform(context, deleteOrgOperation, operator, { org: org.org_id, grace_days: 1 });
  await context.superuser("UPDATE organizations SET delete_after = now() WHERE org_id = $1", [org.org_id]);
  return { ...org, uri };
}

const exists = async (text: string, value: string) => (await context.superuser(text, [value])).length > 0;

/** What is left of an organization, by name; a tombstone and its audit chain should be all. */
async function leftOf(org: Org & { uri: string }): Promise<{ [what: string]: unknown }> {
  const tables = await context.superuser<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'org_id' ORDER BY 1`,
  );
  const rows: { [table: string]: number } = {};
  for (const { name } of tables) {
    const found = await context.superuser(`SELECT 1 FROM ${name} WHERE org_id = $1`, [org.org_id]);
    if (found.length > 0 && name !== "audit_logs") rows[name] = found.length;
  }
  const [row] = await context.superuser<{ status: string; gone: boolean; state: string }>(
    `SELECT o.status, o.deleted_at IS NOT NULL AS gone, d.state FROM organizations o
     JOIN org_databases d USING (org_id) WHERE o.org_id = $1`,
    [org.org_id],
  );
  return {
    ...row,
    rows,
    database: await exists("SELECT 1 FROM pg_database WHERE datname = $1", org.database_name),
    role: await exists("SELECT 1 FROM pg_roles WHERE rolname = $1", org.database_name),
    bytes: await context.objects.get(org.org_id, org.uri).then(
      () => true,
      () => false,
    ),
  };
}

const TOMBSTONE = {
  status: "deleted",
  gone: true,
  state: "dropped",
  rows: { organizations: 1, org_databases: 1 },
  database: false,
  role: false,
  bytes: false,
};

async function assertChain(org: Org): Promise<void> {
  const chain = await context.metadata.system((tx) => verifyChain(tx, org.org_id));
  assert.equal(chain.first_bad_seq, null);
  const actions = await context.superuser<{ action: string }>(
    "SELECT action FROM audit_logs WHERE org_id = $1 ORDER BY seq",
    [org.org_id],
  );
  assert.equal(actions.at(0)?.action, "org.create");
  assert.equal(actions.filter(({ action }) => action === "org.purge").length, 1);
}

const dead = new AppError("unavailable", "killed here");

/** Services that die before or after one of the outside steps. */
function dyingAt(step: string): PurgeServices {
  const { provisioner, objects } = context;
  const die = () => {
    throw dead;
  };
  const drop: PurgeServices["provisioner"]["drop"] = async (place) => {
    if (step === "before the drop") die();
    await provisioner.drop(place);
    if (step === "after the drop") die();
  };
  const removeOrganization: PurgeServices["objects"]["removeOrganization"] = async (orgId) => {
    await objects.removeOrganization(orgId);
    if (step === "after the objects") die();
  };
  return {
    metadata: context.metadata,
    results: context.results,
    access: context.access,
    provisioner: Object.assign(Object.create(provisioner), { drop }),
    objects: { ...objects, removeOrganization },
  };
}

for (const step of ["before the drop", "after the drop", "after the objects"]) {
  test(`a purge that dies ${step} is finished by the next, with the same end`, async () => {
    const org = await doomed();
    await assert.rejects(purgeOrg(dyingAt(step), org.org_id), (error) => error === dead);
    const between = await leftOf(org);
    assert.deepEqual([between["status"], between["state"]], ["deleting", "frozen"]);
    assert.equal(between["database"], step === "before the drop");
    // Neither claimed nor taken back nor opened while it stands half gone.
    assert.equal(await claimOne(context), undefined);
    await assert.rejects(context.results.forMachinery(org.org_id, async () => {}));
    assert.equal(await purgeOrg(context, org.org_id), true);
    assert.deepEqual(await leftOf(org), TOMBSTONE);
    await assertChain(org);
    assert.equal(await purgeOrg(context, org.org_id), false, "once more finds nothing to do");
    await assertChain(org);
  });
}

test("a purge whose last transaction fails has the same end when it is repeated", async () => {
  const org = await doomed();
  await context.superuser(
    `CREATE FUNCTION refuse_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.status = 'deleted' THEN RAISE EXCEPTION 'killed here'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER refuse BEFORE UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION refuse_tombstone()`,
  );
  await assert.rejects(purgeOrg(context, org.org_id), /killed here/);
  await context.superuser("DROP FUNCTION refuse_tombstone CASCADE");
  const between = await leftOf(org);
  assert.ok(
    Object.keys(between["rows"] as object).includes("memberships"),
    "all of that transaction is undone",
  );
  assert.equal(await purgeOrg(context, org.org_id), true);
  assert.deepEqual(await leftOf(org), TOMBSTONE);
  await assertChain(org);
});

test("every table that names an organization goes with it, but the tombstone, its place and the audit log", async () => {
  const stays = await context.superuser<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname = 'org_id'
       AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'
         AND f.confrelid = 'organizations'::regclass AND f.confdeltype = 'c' AND f.conkey = ARRAY[a.attnum])
     ORDER BY 1`,
  );
  // membership_roles hangs on memberships, which hang on the organization.
  assert.deepEqual(
    stays.map(({ name }) => name),
    ["audit_logs", "membership_roles", "organizations"],
  );
});

test("two purges at once end it once", async () => {
  const org = await doomed();
  const ends = await Promise.all([purgeOrg(context, org.org_id), purgeOrg(context, org.org_id)]);
  assert.deepEqual(ends.toSorted(), [false, true]);
  assert.deepEqual(await leftOf(org), TOMBSTONE);
  await assertChain(org);
});

test("a purge leaves alone what has grace left, is active, or is nobody's", async () => {
  const org = await makeOrg(context);
  assert.equal(await purgeOrg(context, org.org_id), false);
  await perform(context, deleteOrgOperation, operator, { org: org.org_id, grace_days: 1 });
  assert.equal(await purgeOrg(context, org.org_id), false);
  await context.results.forMachinery(org.org_id, async () => {});
  assert.equal(await purgeOrg(context, "01a1fe1e-adee-71d3-b047-cb8dccb58f15"), false);
});

test("others lose nothing: their rows, database and bytes stay", async () => {
  const other = await makeOrg(context);
  const scientist = await person(context, other, "scientist");
  await submitScript(context, scientist);
  const { uri } = await context.objects.put(other.org_id, Buffer.from("theirs"));
  const before = await leftOf({ ...other, uri });
  await purgeOrg(context, (await doomed()).org_id);
  assert.deepEqual(await leftOf({ ...other, uri }), before);
});

test("the name and the slug are free again, and a repeated create is not answered with what is gone", async () => {
  const create = () =>
    perform(context, createOrgOperation, operator, { name: "Phoenix" }, { idempotencyKey: "phoenix" });
  const first = await create();
  await perform(context, deleteOrgOperation, operator, { org: first.org_id, grace_days: 0 });
  const second = await create();
  assert.notEqual(second.org_id, first.org_id);
  assert.deepEqual([second.name, second.slug, second.status], ["Phoenix", "phoenix", "active"]);
});

test("the reconciler ends what is due, and one that can't be ended does not hold up the others", async () => {
  const [stuck, org] = [await doomed(), await doomed()];
  await context.superuser("UPDATE org_databases SET server_id = $2 WHERE org_id = $1", [
    stuck.org_id,
    await otherServer(),
  ]);
  const failed: string[] = [];
  const ended = await purgeDue(context, (orgId) => failed.push(orgId));
  assert.deepEqual([ended, failed], [[org.org_id], [stuck.org_id]]);
  await context.superuser(
    "UPDATE org_databases SET server_id = (SELECT server_id FROM database_servers WHERE address = 'metadata') WHERE org_id = $1",
    [stuck.org_id],
  );
  const stop = new AbortController();
  const running = runReconciler(context, 0.05, stop.signal);
  const gone = async () =>
    (await perform(context, listOrgsOperation, operator, { status: "deleted" })).items.some(
      (item) => item.org_id === stuck.org_id,
    );
  await until("the reconciler to end it", gone);
  stop.abort();
  await running;
  assert.deepEqual(await leftOf(stuck), TOMBSTONE);
});

async function otherServer(): Promise<string> {
  const [row] = await context.superuser<{ server_id: string }>(
    "INSERT INTO database_servers (name, address) VALUES ('away', 'nowhere:1') RETURNING server_id",
  );
  return row?.server_id ?? "";
}

test("bytes that a run stored while its organization went are removed with the next round", async () => {
  const org = await doomed();
  await purgeOrg(context, org.org_id);
  await context.objects.put(org.org_id, Buffer.from("a result"));
  await purgeDue(context, () => {});
  await assert.rejects(context.objects.get(org.org_id, org.uri), { kind: "store_unavailable" });
});

test("no answer that names an organization outlives it, and the upkeep takes answers that are over", async () => {
  const org = await doomed();
  const keys = async () =>
    (await context.superuser<{ key: string }>("SELECT key FROM idempotency_keys ORDER BY key")).map(
      ({ key }) => key,
    );
  const add = (key: string, answer: object, expires: string) =>
    context.superuser(
      `INSERT INTO idempotency_keys (principal_id, operation, key, request_hash, answer, expires_at)
       VALUES ($1, 'org.configure', $2, $3, $4, now() + $5::interval)`,
      [operator.user_id, key, "0".repeat(64), JSON.stringify(answer), expires],
    );
  await context.superuser("DELETE FROM idempotency_keys");
  await add("its own", { org_id: org.org_id, name: org.name }, "1 hour");
  await add("another's", { org_id: operator.user_id }, "1 hour");
  await add("over", { org_id: operator.user_id }, "-1 hour");
  await purgeOrg(context, org.org_id);
  assert.deepEqual(await keys(), ["another's", "over"]);
  const stop = new AbortController();
  const running = runReconciler(context, 0.05, stop.signal);
  await until("the upkeep", async () => !(await keys()).includes("over"));
  stop.abort();
  await running;
  assert.deepEqual(await keys(), ["another's"]);
});

test("a round over all databases that breaks off is done again soon, and not in a quarter of an hour", async () => {
  const org = await makeOrg(context);
  await context.superuser(
    "UPDATE org_databases SET touched_at = now() - interval '1 day' WHERE org_id = $1",
    [org.org_id],
  );
  const relayed: string[] = [];
  const results = Object.assign(Object.create(context.results), {
    relay: async (orgId: string) => void relayed.push(orgId),
  });
  // The sweep that the first round begins with finds the metadata database away.
  let sweeps = 0;
  const metadata = Object.assign(Object.create(context.metadata), {
    system: (work: Parameters<typeof context.metadata.system>[0]) => {
      if (work.name === "selectTraceable" && sweeps++ === 0)
        return Promise.reject(new AppError("unavailable", "away"));
      return context.metadata.system(work);
    },
  });
  const stop = new AbortController();
  const running = runReconciler({ ...context, results, metadata }, 0.02, stop.signal);
  try {
    await until("the round that was missed", async () => relayed.includes(org.org_id));
    assert.ok(sweeps > 0, "a sweep failed");
  } finally {
    stop.abort();
    await running;
  }
});
