import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createOrgOperation } from "../../src/orgs/operations.ts";
import { perform } from "../../src/perform.ts";
import { openTestContext } from "../support/context.ts";
import { orphans, startCreating } from "../support/provisioning.ts";

const KILLS = 100;
/** Longer than making one organization takes, so that kills fall on every step and between two of them. */
const WITHIN_MS = 250;

const prefix = `rand_${randomBytes(4).toString("hex")}_`;
const context = await openTestContext({ after }, { env: { RESULTS_DB_TEMPLATE: `${prefix}{org_id}` } });

/** Makes the organizations from `first` on until it is killed at random; says how many were answered. */
async function killedAtRandom(names: string[]): Promise<number> {
  const child = startCreating(context, { names });
  const exit = once(child, "exit");
  let answered = 0;
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    if (line !== "ready") answered++;
    if (line === "ready") void sleep(Math.random() * WITHIN_MS).then(() => child.kill("SIGKILL"));
  }
  await exit;
  return answered;
}

test(`${KILLS} kills at random moments leave no orphan, and every organization is finished by its own request`, {
  timeout: 900_000,
}, async () => {
  const names = Array.from({ length: 400 }, (_, n) => `Random ${n}`);
  const states = new Map<string, number>();
  let begun = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // Goes on with the one that the last kill cut short.
    begun += await killedAtRandom(names.slice(begun));
    const [left] = await context.superuser<{ state: string }>(
      "SELECT state FROM org_databases JOIN organizations USING (org_id) WHERE name = $1",
      [names[begun]],
    );
    const state = left?.state ?? "nothing";
    states.set(state, (states.get(state) ?? 0) + 1);
    assert.deepEqual(await orphans(context, prefix), [], `after kill ${kill + 1}`);
  }
  const one = await perform(
    context,
    createOrgOperation,
    context.admin_principal,
    { name: names[begun] ?? "" },
    { idempotencyKey: names[begun] ?? "" },
  );
  assert.equal(one.status, "active");
  assert.deepEqual(await orphans(context, prefix), []);
  const rows = await context.superuser<{ state: string; status: string; n: number }>(
    "SELECT state, status, count(*) AS n FROM org_databases JOIN organizations USING (org_id) GROUP BY 1, 2",
  );
  assert.deepEqual(rows, [{ state: "active", status: "active", n: begun + 1 }]);
  const audited = await context.superuser<{ n: number }>(
    "SELECT count(*) AS n FROM audit_logs WHERE action = 'org.create'",
  );
  assert.equal(audited[0]?.n, begun + 1, "each is recorded once");
  const [making] = await context.superuser<{ n: number }>(
    "SELECT count(*) AS n FROM pg_database WHERE datname LIKE '%\\_making'",
  );
  assert.equal(making?.n, 0);
  console.log(`states that the kills left: ${JSON.stringify(Object.fromEntries(states))}`);
  assert.ok(states.size >= 4, "the kills fell on different steps");
});
