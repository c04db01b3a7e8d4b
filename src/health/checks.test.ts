import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext } from "../../test/support/context.ts";
import { makeFleet } from "../../test/support/fleet.ts";
import { checkHealth } from "./checks.ts";

test("health tells of pools, and of a database that is down without its neighbours suffering", async () => {
  const context = await openTestContext({ after });
  const [well, ill] = [await makeOrg(context), await makeOrg(context)];
  const named = async (name: string) => {
    const { checks } = await checkHealth(context);
    return checks.find((check) => check.name === name);
  };
  const cache = await named("cache");
  assert.deepEqual(
    [cache?.status, cache?.detail],
    ["ok", "memory: each process counts for itself what rate limits and throttles count"],
  );
  const pools = await named("pools");
  assert.equal(pools?.status, "ok", pools?.detail);
  assert.match(
    pools?.detail ?? "",
    /^metadata \d of 5 \(\d idle, 0 waiting\), results \d of 60 \(\d idle, 0 waiting\), server \d+ of \d+$/,
  );
  await context.superuser(`ALTER DATABASE ${ill.database_name} ALLOW_CONNECTIONS false`);
  await context.superuser("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", [
    ill.database_name,
  ]);
  const { status } = await checkHealth(context);
  assert.equal(status, "degraded", "one of several is no reason to call the whole down");
  assert.equal((await named("organizations"))?.detail, "1 ok, 1 down");
  assert.equal((await named(`organization ${ill.slug}`))?.status, "down");
  assert.equal((await named(`organization ${well.slug}`))?.status, "ok");
  const broken = await named("pools");
  assert.equal(broken?.status, "degraded");
  assert.match(broken?.detail ?? "", /, 1 of 2 databases refused the last connection/);
});

test("an organization that is being made, or waits for its migration, is degraded; of many only the unwell are told", async () => {
  const context = await openTestContext({ after });
  const org = await makeOrg(context);
  const set = (change: string) =>
    context.superuser(`UPDATE org_databases SET ${change} WHERE org_id = $1`, [org.org_id]);
  const seen = async () => {
    context.results.forget(org.org_id);
    const { status, checks } = await checkHealth(context);
    const one = checks.find(({ name }) => name === `organization ${org.slug}`);
    return [status, checks.find(({ name }) => name === "organizations")?.detail, one?.status, one?.detail];
  };
  assert.deepEqual((await seen()).slice(0, 3), ["ok", "1 ok", "ok"]);
  await set("state = 'frozen'");
  assert.deepEqual(await seen(), [
    "degraded",
    "1 degraded",
    "degraded",
    "its database is not in use (frozen)",
  ]);
  await set("state = 'active', schema_version = 1, breaking_version = 0");
  const waiting = await seen();
  assert.deepEqual(waiting.slice(0, 3), ["degraded", "1 degraded", "degraded"]);
  assert.match(String(waiting[3]), /waits for its migration/);
  await set(`schema_version = ${context.migrations.results.length}`);
  const fleet = await makeFleet(context, 30);
  await context.superuser("UPDATE org_databases SET state = 'frozen' WHERE org_id = ANY ($1)", [
    fleet.map(({ org_id }) => org_id),
  ]);
  const { checks } = await checkHealth(context);
  assert.equal(checks.find(({ name }) => name === "organizations")?.detail, "1 ok, 30 degraded");
  assert.equal(checks.filter(({ name }) => name.startsWith("organization ")).length, 20);
});
