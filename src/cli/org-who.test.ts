import assert from "node:assert/strict";
import { after, test } from "node:test";
import { runHere } from "../../test/cli/home.ts";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { insertMembership } from "../access/store.ts";

const context = await openTestContext({ after });
const env = {
  DATABASE_URL: context.config.database_url ?? "",
  ALIQUOT_SECRET_KEY: context.secret.reveal(),
  ALIQUOT_HOME: context.home,
};
const run = (words: string[]) => runHere(words, env, context.home);

test("with none chosen a person's only organization is meant, and of several their own are named alone", async () => {
  const [one, two, foreign] = [await makeOrg(context), await makeOrg(context), await makeOrg(context)];
  const bob = await person(context, one, "viewer");
  const list = ["--as", bob.username, "molecule", "list"];
  assert.equal((await run(list)).code, 0);
  await context.metadata.system((tx) =>
    insertMembership(tx, { user_id: bob.user_id, org_id: two.org_id, role: "viewer" }),
  );
  const asked = await run(list);
  assert.equal(asked.code, 2);
  for (const { slug } of [one, two]) assert.ok(asked.stderr.includes(slug), asked.stderr);
  assert.ok(!asked.stderr.includes(foreign.slug), asked.stderr);
  assert.ok((await run(["molecule", "list"])).stderr.includes(foreign.slug), "the operator is told of all");
});
