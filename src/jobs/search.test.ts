import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { listJobs } from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");

let open = "";
let hidden = "";
type Params = Record<string, string | number | boolean | null>;
const found = async (who: OrgPrincipal, params: Params) =>
  (await perform(context, listJobs, who, { params })).items.map((row) => row.job_id).sort();

before(async () => {
  open = await submitScript(context, ann);
  hidden = await submitScript(context, ann, { visibility: "private" });
  await submitScript(context, bob);
  const params = { seed: 42, solvent: "wa%er", vertical: true };
  await context.superuser(
    "UPDATE jobs SET params = $1 WHERE job_id = ANY ($2)",
    [params, [open, hidden]],
    org.database_name,
  );
});

test("jobs are found by the parameters that they were run with, each exactly so", async () => {
  assert.deepEqual(await found(ann, { seed: 42 }), [open, hidden].sort());
  assert.deepEqual(await found(ann, { seed: 42, solvent: "wa%er", vertical: true }), [open, hidden].sort());
  for (const params of [
    { seed: 43 },
    { seed: "42" },
    { solvent: "wa" },
    { solvent: "water" },
    { vertical: null },
  ])
    assert.deepEqual(await found(ann, params as Params), [], JSON.stringify(params));
});

test("a colleague's private job is found by none of its parameters", async () => {
  assert.deepEqual(await found(bob, { seed: 42 }), [open]);
});

test("no parameter, too many, huge and NUL are refused", async () => {
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`p${n}`, n]));
  for (const params of [{}, many, { seed: "x".repeat(501) }, { seed: "a\u0000b" }])
    await assert.rejects(
      found(ann, params as Params),
      (error: unknown) => error instanceof AppError && error.kind === "bad_input",
      JSON.stringify(params).slice(0, 40),
    );
});
