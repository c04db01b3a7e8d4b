import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { type OrgPrincipal, viewerOf } from "../access/principal.ts";
import { newId } from "../ids.ts";
import { verifyChain } from "./chain.ts";
import type { AuditEntry } from "./entry.ts";
import { SYSTEM_CHAIN } from "./entry.ts";
import { recordExport } from "./record-export.ts";
import { appendAudit } from "./store.ts";

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

test("an export is told in the chain of where its asker is: an organization, or the installation", async () => {
  const operator = { ...scientist, is_admin: true };
  for (const [org_id, chain_id] of [
    [org.org_id, org.org_id],
    [null, SYSTEM_CHAIN],
  ] as const) {
    const of = {
      operation: "user.list",
      format: "csv",
      filters: ["kind", "enabled"],
      rows: 3,
      complete: true,
    };
    await recordExport(context, { ...operator, org_id }, of);
    const rows = await context.superuser(
      "SELECT org_id, user_id, action, metadata FROM audit_logs WHERE chain_id = $1 AND entity_type = 'export'",
      [chain_id],
    );
    const metadata = { format: "csv", filters: ["enabled", "kind"], rows: 3, complete: true };
    assert.deepEqual(rows, [{ org_id, user_id: operator.user_id, action: "user.list", metadata }]);
  }
});
