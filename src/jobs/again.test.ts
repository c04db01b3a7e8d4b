import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { person } from "../../test/support/context.ts";
import { BOX, createSite, prepareHpv } from "../../test/support/docking.ts";
import { openLab } from "../../test/support/worker.ts";
import { submitDockingOperation } from "../docking/operations.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import type { Site } from "../sites/schema.ts";
import { submitJobFrom } from "./operations.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
let site: Site;
let job_id = "";

before(async () => {
  const receptor = await prepareHpv(context, scientist);
  site = await createSite(context, scientist, receptor, {
    ...BOX,
    reference: { residue: "478" },
    name: "one",
  });
  const molecules = [{ text: "CCO", format: "smiles" as const }];
  const { jobs } = await perform(context, submitDockingOperation, scientist, { site: "one", molecules });
  job_id = jobs[0]?.job_id ?? "";
});

const ask = (text: string, ...values: unknown[]) => context.superuser(text, values, org.database_name);
const again = (who = scientist) => perform(context, submitJobFrom, who, { from: job_id });

/** Each part of the job that may be hidden from a colleague, and what hides it. */
const HIDDEN: [what: string, table: string, where: string, id: () => unknown][] = [
  ["structure \\(receptor\\)", "structures", "structure_id", () => site.receptor_structure_id],
  ["structure \\(reference\\)", "structures", "structure_id", () => site.reference_structure_id],
  ["molecule", "registrations", "owner_id", () => scientist.user_id],
  ["binding site", "binding_sites", "site_id", () => site.site_id],
];

for (const [what, table, where, id] of HIDDEN) {
  test(`a job whose ${what.replaceAll("\\", "")} one may not see is not submitted again`, async () => {
    const hide = (to: string) => ask(`UPDATE ${table} SET visibility = $2 WHERE ${where} = $1`, id(), to);
    await hide("private");
    const jobs = await ask("SELECT count(*) FROM jobs");
    await assert.rejects(again(colleague), (error: unknown) => {
      assert.ok(error instanceof AppError && error.kind === "not_found", String(error));
      assert.match(error.message, new RegExp(`^the ${what} of this job is not yours to see$`));
      return true;
    });
    assert.deepEqual(await ask("SELECT count(*) FROM jobs"), jobs);
    assert.equal((await again()).cached, false, "its owner may");
    await hide("organization");
    assert.equal((await again(colleague)).cached, false, "and a colleague who sees it");
  });
}
