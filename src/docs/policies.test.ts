import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionWords, rightsOf } from "./policies.ts";
import type { Policy } from "./schema.ts";
import { conjuncts, tidy } from "./sql.ts";
import { plainView } from "./store.ts";

const ORG = "( SELECT in_own_org() AS in_own_org)";
const USER = "( SELECT app_user() AS app_user)";
const ADMIN = "( SELECT app_is_admin() AS app_is_admin)";

function policy(more: Partial<Policy>): Policy {
  return {
    name: "p",
    command: "select",
    roles: ["member"],
    permissive: true,
    using: null,
    check: null,
    ...more,
  };
}

test("policies as PostgreSQL prints them are told in words", () => {
  const words = (condition: string) => conditionWords(condition);
  assert.equal(words("true"), "all");
  assert.equal(words(ORG), "all");
  assert.equal(
    words(`(${ORG} AND ((visibility <> 'private'::text) OR (owner_id = ${USER}) OR ${ADMIN}))`),
    "not private or one's own (all, for an admin)",
  );
  assert.equal(
    words(`(${ORG} AND ((private_to IS NULL) OR (private_to = ${USER})))`),
    "private to nobody else",
  );
  assert.equal(
    words("(EXISTS ( SELECT 1\n   FROM jobs j\n  WHERE (j.job_id = tasks.job_id)))"),
    "whose row in `jobs` one sees",
  );
  assert.equal(
    words(
      "(EXISTS ( SELECT 1\n   FROM jobs j\n  WHERE ((j.job_id = tasks.job_id) AND may_write(j.owner_id))))",
    ),
    "whose row in `jobs` is one's own (all, for an admin)",
  );
  assert.equal(
    words(
      `(EXISTS ( SELECT 1\n   FROM jobs j\n  WHERE ((j.job_id = tasks.job_id) AND ((j.owner_id = ${USER}) OR ${ADMIN}))))`,
    ),
    "whose row in `jobs` is one's own (all, for an admin)",
  );
});

test("a policy that was loosened is no longer told in words, but shown", () => {
  const tight = `(${ORG} AND ((visibility <> 'private'::text) OR (owner_id = ${USER}) OR ${ADMIN}))`;
  for (const loose of [
    tight.replace("<> 'private'", "<> 'secret'"),
    tight.replace(" OR (owner_id", " OR (visibility IS NOT NULL) OR (owner_id"),
    `(${ORG} OR (visibility <> 'private'::text))`,
    "(EXISTS ( SELECT 1 FROM jobs j))",
    "(EXISTS ( SELECT 1 FROM jobs j WHERE (j.job_id = j.job_id)))",
    "(EXISTS ( SELECT 1 FROM jobs j WHERE ((j.job_id = tasks.job_id) OR true)))",
    `(EXISTS ( SELECT 1 FROM jobs j WHERE ((j.job_id = tasks.job_id) AND ((j.owner_id = ${USER}) OR true))))`,
  ])
    assert.match(conditionWords(loose), /`[^`]+[=<(]/, `${loose} is told in words`);
  assert.match(conditionWords(`(${ORG} OR (a = 1))`), /^`in_own_org\(\) OR a = 1`$/);
});

test("what a role may do is what it is granted, on what its policies let through", () => {
  const table = {
    grants: [
      { role: "member" as const, privilege: "select", columns: [] },
      { role: "member" as const, privilege: "update", columns: ["name"] },
      { role: "system" as const, privilege: "delete", columns: [] },
    ],
    policies: [
      policy({ using: `(owner_id = ${USER})` }),
      policy({ using: "(name = 'x'::text)", permissive: false }),
      policy({ command: "delete", using: "true" }),
    ],
  };
  assert.deepEqual(rightsOf(table, "member"), [
    { command: "select", columns: [], rows: "one's own; only where `name = 'x'`" },
    { command: "update", columns: ["name"], rows: "none" },
  ]);
});

test("SQL is made readable without a change of meaning", () => {
  assert.equal(
    tidy("((status = 'failed'::text) = (error IS NOT NULL))"),
    "(status = 'failed') = (error IS NOT NULL)",
  );
  assert.equal(tidy("((a = 1) OR ((b = 2) AND (c = 3)))"), "a = 1 OR (b = 2 AND c = 3)");
  assert.equal(tidy("(status = ANY (ARRAY['a'::text, 'b'::text]))"), "status IN ('a', 'b')");
  assert.equal(tidy("((n >= 0) AND (n <= 9))"), "n BETWEEN 0 AND 9");
  assert.equal(tidy("((n >= 0) AND (m <= 9))"), "n >= 0 AND m <= 9");
  assert.equal(tidy("(x >= ('-50'::integer)::double precision)"), "x >= -50");
  assert.deepEqual(conjuncts("((a = ' AND ') AND ((b = 1) OR (c = 2)))"), [
    "a = ' AND '",
    "(b = 1) OR (c = 2)",
  ]);
  assert.deepEqual(conjuncts("a = 1 OR b = 2"), ["a = 1 OR b = 2"]);
});

test("a view of one table reads the same whatever the server's version", () => {
  assert.equal(plainView("SELECT t.a\n FROM t\n WHERE t.b IS NULL;"), "SELECT a\n FROM t\n WHERE b IS NULL;");
  const joined = "SELECT t.a FROM t JOIN u ON u.a = t.a;";
  assert.equal(plainView(joined), joined);
});
