import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext } from "../../test/support/context.ts";
import { intent } from "../../test/support/provisioning.ts";
import { localPrincipal } from "../access/principal.ts";
import { perform } from "../perform.ts";
import { finishProvisioning } from "./finish.ts";
import { showOrgOperation } from "./operations.ts";
import { selectOptionalPlaceByName } from "./store.ts";

const context = await openTestContext({ after });

// Their capitals become other letters in JavaScript than in PostgreSQL, or they can be written in two ways.
for (const name of ["\u00c4nderung \u0130stanbul", "\u0130zmir lab", "O\u0308fen", "\u1e9eharp"]) {
  test(`an organization called ${name} is found by its name, however it is written`, async () => {
    const org = await makeOrg(context, name);
    for (const text of [name, name.normalize("NFD"), name.normalize("NFC"), org.slug.toUpperCase()]) {
      const found = await perform(context, showOrgOperation, context.admin_principal, { org: text });
      assert.equal(found.org_id, org.org_id);
    }
    const byName = await context.metadata.system((tx) =>
      selectOptionalPlaceByName(tx, name.normalize("NFD")),
    );
    assert.equal(byName?.org_id, org.org_id);
  });
}

test("a person is found by a name of such letters", async () => {
  await context.superuser("INSERT INTO users (email, username) VALUES ('i@example.org', $1)", ["\u0130rem"]);
  const principal = await localPrincipal(context.metadata, "\u0130rem".normalize("NFD"), null);
  assert.equal(principal.username, "\u0130rem");
});

test("what another finishes is audited as made, once", async () => {
  const org_id = await intent(context, "Cut short");
  const failed: unknown[] = [];
  await finishProvisioning(context, (_place, error) => failed.push(error));
  await finishProvisioning(context, (_place, error) => failed.push(error));
  assert.deepEqual(failed, []);
  const rows = await context.superuser("SELECT action, user_id FROM audit_logs WHERE chain_id = $1", [
    org_id,
  ]);
  assert.deepEqual(rows, [{ action: "org.create", user_id: null }]);
});
