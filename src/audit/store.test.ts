import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { testServer } from "../../test/support/server.ts";
import { type OrgPrincipal, viewerOf } from "../access/principal.ts";
import { withClient } from "../db/connect.ts";
import { newId } from "../ids.ts";
import type { AuditEntry } from "./entry.ts";
import { appendAudit, SYSTEM_CHAIN, verifyChain } from "./store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const stranger = await person(context, other, "scientist");

function entry(action: string): AuditEntry {
  const ids = {
    org_id: other.org_id,
    user_id: stranger.user_id,
    entity_id: null,
    pipeline_id: null,
    job_id: null,
  };
  return {
    ...ids,
    action,
    entity_type: "test",
    metadata: { n: 1, ü: 'é"\\ \u2028' },
    ts: new Date().toISOString(),
    source_id: newId(),
  };
}

const verify = () => context.metadata.system((tx) => verifyChain(tx, other.org_id));

test("concurrent appends make one dense chain, and the same fact is recorded once", async () => {
  const twice = entry("twice");
  const appends = Array.from({ length: 20 }, (_, n) => [entry(`a${n}`), entry(`b${n}`), twice]);
  await Promise.all(appends.map((entries) => context.metadata.system((tx) => appendAudit(tx, entries))));
  const report = await verify();
  assert.equal(report.first_bad_seq, null);
  const rows = await context.superuser<{ action: string }>(
    "SELECT action FROM audit_logs WHERE org_id = $1 ORDER BY seq",
    [other.org_id],
  );
  assert.equal(report.rows, rows.length);
  assert.equal(rows.filter((row) => row.action === "twice").length, 1);
});

const TAMPERS: [what: string, text: string][] = [
  ["a changed word", "UPDATE audit_logs SET action = 'harmless' WHERE seq = 5 AND org_id = $1"],
  ["another person", "UPDATE audit_logs SET user_id = new_id() WHERE seq = 5 AND org_id = $1"],
  ["another time", "UPDATE audit_logs SET ts = ts - interval '1 day' WHERE seq = 5 AND org_id = $1"],
  ["other particulars", "UPDATE audit_logs SET metadata = '{}' WHERE seq = 5 AND org_id = $1"],
  ["a row taken out", "DELETE FROM audit_logs WHERE seq = 5 AND org_id = $1"],
  ["a forged hash", "UPDATE audit_logs SET hash = repeat('a', 64) WHERE seq = 5 AND org_id = $1"],
];

for (const [what, text] of TAMPERS) {
  test(`the chain tells of ${what}, and where`, async () => {
    assert.equal((await verify()).first_bad_seq, null);
    const kept = await context.superuser<Record<string, unknown>>(
      "SELECT to_jsonb(a) AS row FROM audit_logs a WHERE org_id = $1 AND seq = 5",
      [other.org_id],
    );
    const unguarded = "SET session_replication_role = replica";
    const server = await testServer();
    const tamper = (statement: string, values: unknown[]) =>
      withClient({ ...server.superuser, database: context.database }, "aliquot tests", async (client) => {
        await client.query(unguarded);
        await client.query(statement, values);
      });
    await tamper(text, [other.org_id]);
    assert.equal((await verify()).first_bad_seq, 5);
    await tamper("DELETE FROM audit_logs WHERE org_id = $1 AND seq = 5", [other.org_id]);
    await tamper("INSERT INTO audit_logs SELECT * FROM jsonb_populate_record(NULL::audit_logs, $1)", [
      JSON.stringify(kept[0]?.["row"]),
    ]);
    assert.equal((await verify()).first_bad_seq, null);
  });
}

test("a member appends to no other organization's chain", async () => {
  const append = (who: OrgPrincipal) =>
    context.metadata.member(viewerOf(who), (tx) =>
      appendAudit(tx, [{ ...entry("own deed"), org_id: org.org_id, user_id: who.user_id }]),
    );
  await assert.rejects(append(stranger), (error: { code?: string }) => error.code === "42501");
  assert.equal(await append(scientist), 1);
  const asColleague = context.metadata.member(viewerOf(scientist), (tx) =>
    appendAudit(tx, [{ ...entry("forged"), org_id: org.org_id, user_id: stranger.user_id }]),
  );
  await assert.rejects(asColleague, (error: { code?: string }) => error.code === "42501");
});

test("a member with no organization set appends to no organization's chain", {}, async () => {
  const nobody = { user_id: newId(), org_id: null, is_org_admin: false };
  await assert.rejects(
    context.metadata.member(nobody, (tx) => appendAudit(tx, [{ ...entry("forged"), org_id: org.org_id }])),
  );
});

test("the system has a chain of its own, and a chain that was never begun is whole", async () => {
  const before = await context.metadata.system((tx) => verifyChain(tx, SYSTEM_CHAIN));
  await context.metadata.system((tx) => appendAudit(tx, [{ ...entry("system"), org_id: null }]));
  const after = await context.metadata.system((tx) => verifyChain(tx, SYSTEM_CHAIN));
  assert.deepEqual([after.rows, after.first_bad_seq], [before.rows + 1, null]);
  const none = await context.metadata.system((tx) => verifyChain(tx, newId()));
  assert.deepEqual([none.rows, none.first_bad_seq, none.head], [0, null, "0".repeat(64)]);
});

test("an append whose transaction fails leaves neither a row nor a moved head", async () => {
  const before = await verify();
  const failing = context.metadata.system(async (tx) => {
    await appendAudit(tx, [entry("lost")]);
    throw new Error("after the append");
  });
  await assert.rejects(failing, /after the append/);
  assert.deepEqual(await verify(), before);
});

test("a chain cut at its end is told by its head", async () => {
  const { rows } = await verify();
  const server = await testServer();
  await withClient({ ...server.superuser, database: context.database }, "aliquot tests", async (client) => {
    await client.query("BEGIN");
    await client.query("SET LOCAL session_replication_role = replica");
    await client.query("DELETE FROM audit_logs WHERE org_id = $1 AND seq = $2", [other.org_id, rows]);
    await client.query("COMMIT");
  });
  assert.equal((await verify()).first_bad_seq, rows);
});
