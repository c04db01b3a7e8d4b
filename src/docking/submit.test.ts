import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { completeJob } from "../../test/support/complete.ts";
import { makeOrg, person } from "../../test/support/context.ts";
import { BOX, createSite, MISSING, prepareHpv } from "../../test/support/docking.ts";
import { openLab } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { showJob, submitJobFrom } from "../jobs/operations.ts";
import { showMolecule } from "../molecules/operations.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import { perform } from "../perform.ts";
import type { Site } from "../sites/schema.ts";
import { submitDockingOperation } from "./operations.ts";
import type { SubmitDocking } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const viewer = await person(context, org, "viewer");
const stranger = await person(context, await makeOrg(context), "scientist");

let site: Site;
let hidden: Site;
before(async () => {
  const receptor = await prepareHpv(context, scientist);
  const place = { ...BOX, reference: { residue: "478" } };
  site = await createSite(context, scientist, receptor, { ...place, name: "open" });
  hidden = await createSite(context, scientist, receptor, {
    ...place,
    name: "hidden",
    visibility: "private",
  });
});

const submit = (ligands: (string | MoleculeRecord)[], more: Partial<SubmitDocking> = {}, who = scientist) => {
  const molecules = ligands.map((ligand) =>
    typeof ligand === "string" ? { text: ligand, format: "smiles" as const } : ligand,
  );
  return perform(context, submitDockingOperation, who, { site: "open", molecules, ...more });
};

const ask = <R extends object = Record<string, unknown>>(text: string, ...values: unknown[]) =>
  context.superuser<R>(text, values, org.database_name);
const counts = () =>
  ask(
    `SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM job_inputs) AS inputs,
      (SELECT count(*) FROM molecules) AS molecules, (SELECT count(*) FROM registrations) AS registrations,
      (SELECT count(*) FROM molecule_relations) AS relations, (SELECT count(*) FROM outbox) AS facts`,
  );
const complete = (jobId: string) => completeJob(context, org, jobId);
const refused =
  (code: string, says: RegExp, kind = "bad_input") =>
  (error: unknown) => {
    assert.ok(error instanceof AppError, String(error));
    assert.deepEqual([error.kind, error.code], [kind, code], error.message);
    assert.match(error.message, says);
    return true;
  };

test("one job for each ligand, with ligand, receptor and reference as inputs and the whole recipe of numbers", async () => {
  const answer = await submit(["CCO", { text: "CCN", format: "smiles", name: "ethylamine", line: 7 }]);
  assert.deepEqual([answer.batch_id, answer.site_id, answer.rejected], [null, site.site_id, []]);
  assert.deepEqual(
    answer.jobs.map(({ status, cached, smiles, line, isomer }) => [status, cached, smiles, line, isomer]),
    [
      ["queued", false, "CCO", 1, null],
      ["queued", false, "CCN", 7, null],
    ],
  );
  const [job] = answer.jobs;
  const shown = await perform(context, showJob, colleague, { job_id: job?.job_id ?? "" });
  assert.deepEqual(shown.params, {
    exhaustiveness: 8,
    num_modes: 9,
    energy_range_kcal_mol: 3,
    seed: 42,
    site_id: site.site_id,
  });
  assert.deepEqual(
    shown.inputs.map((input) => [input["key"], input["molecule_id"], input["structure_id"]]),
    [
      ["ligand", job?.molecule_id, null],
      ["receptor", null, site.receptor_structure_id],
      ["reference", null, site.reference_structure_id],
    ],
  );
  const molecule_id = answer.jobs[1]?.molecule_id ?? "";
  const { registrations } = await perform(context, showMolecule, colleague, { molecule_id });
  assert.equal((registrations[0] as { name: string }).name, "ethylamine");
  const queue = await context.superuser("SELECT engine FROM task_queue WHERE job_id = $1", [job?.job_id]);
  assert.deepEqual(queue, [{ engine: "vina" }]);
});

test("what is asked for goes into the job, and each makes it another question", async () => {
  const ids = new Set<string>();
  for (const more of [
    {},
    { exhaustiveness: 4 },
    { num_modes: 3 },
    { energy_range_kcal_mol: 2.5 },
    { seed: 7 },
    { site: hidden.site_id },
    { reuse: false },
  ]) {
    const [job] = (await submit(["CCCO"], more)).jobs;
    const [row] = await ask<{ params: Record<string, unknown> }>(
      "SELECT params FROM jobs WHERE job_id = $1",
      job?.job_id,
    );
    for (const [name, value] of Object.entries(more))
      if (name !== "site" && name !== "reuse") assert.equal(row?.params[name], value, name);
    assert.equal(job?.cached, false, JSON.stringify(more));
    ids.add(job?.job_id ?? "");
    await complete(job?.job_id ?? "");
  }
  assert.equal(ids.size, 7);
});

test("the same ligand twice in one call is one job, however it is drawn", async () => {
  const { jobs } = await submit(["OCCCC", "CCCCO", "C(CC)CO"]);
  assert.equal(new Set(jobs.map((job) => job.job_id)).size, 1);
});

test("an open centre is docked as both isomers, which are named, numbered and related to the drawing", async () => {
  const { jobs } = await submit([{ text: "CC(O)F", format: "smiles", name: "probe" }, "CCS"]);
  assert.deepEqual(
    jobs.map(({ isomer, smiles, line }) => [isomer, smiles, line]),
    [
      ["1 of 2", "C[C@@H](O)F", 1],
      ["2 of 2", "C[C@H](O)F", 1],
      [null, "CCS", 2],
    ],
  );
  const relations = await ask<Record<string, string>>(
    `SELECT p.smiles AS drawn, c.smiles AS isomer, r.kind, r.rule FROM molecule_relations r JOIN molecules p ON p.molecule_id = parent_id
     JOIN molecules c ON c.molecule_id = child_id WHERE p.smiles = 'CC(O)F' ORDER BY c.smiles`,
  );
  assert.deepEqual(relations, [
    { drawn: "CC(O)F", isomer: "C[C@@H](O)F", kind: "stereoisomer", rule: "isomer 1 of 2" },
    { drawn: "CC(O)F", isomer: "C[C@H](O)F", kind: "stereoisomer", rule: "isomer 2 of 2" },
  ]);
  const names = await ask<{ name: string }>(
    "SELECT name FROM registrations WHERE molecule_id = ANY ($1) ORDER BY name",
    jobs.slice(0, 2).map((job) => job.molecule_id),
  );
  assert.deepEqual(
    names.map((row) => row.name),
    ["probe isomer 1", "probe isomer 2"],
  );
  const again = await submit(["C[C@@H](O)F"]);
  assert.equal(again.jobs[0]?.molecule_id, jobs[0]?.molecule_id, "one isomer drawn is the same species");
});

test("arbitrary takes one isomer and says of how many, refuse takes none", async () => {
  const { jobs } = await submit(["CC(O)Cl"], { stereo: "arbitrary" });
  assert.deepEqual(
    jobs.map(({ isomer, smiles }) => [isomer, smiles]),
    [["1 of 2", "C[C@@H](O)Cl"]],
  );
  await assert.rejects(
    submit(["CC(O)Cl"], { stereo: "refuse" }),
    refused("undefined_stereo", /draw each one/),
  );
  assert.equal((await submit(["C[C@H](O)Cl"], { stereo: "refuse" })).jobs.length, 1);
});

const BAD: [what: string, ligand: string, code: string, says: RegExp][] = [
  ["boron", "OB(O)c1ccccc1", "unsupported_element", /no parameters for B in/],
  ["selenium", "C[Se]C", "unsupported_element", /for Se in/],
  ["a salt, whose parent is named", "C[NH3+].[Cl-]", "ambiguous_parent", /its parent is C/],
  ["two parts", "CCO.CCO", "ambiguous_parent", /several parts|parts/],
  ["nothing but hydrogen", "[H][H]", "bad_input", /no heavy atom/],
  ["151 heavy atoms", "C".repeat(151), "too_large", /151 heavy atoms: at most 150/],
  ["no molecule", "C(", "unparsable_input", /not a molecule/],
  ["more than 8 isomers", "CC(F)C(Cl)C(Br)C(O)C", "undefined_stereo", /./],
];

for (const [what, ligand, code, says] of BAD) {
  test(`${what} is refused as ${code}, and nothing is written`, async () => {
    const before = await counts();
    await assert.rejects(submit([ligand]), refused(code, says));
    await assert.rejects(submit(["CCCCN", ligand]), refused(code, says), "one bad refuses all");
    assert.deepEqual(await counts(), before);
  });
}

test("told to skip, the bad ligands are listed by line and the rest go on", async () => {
  const ligands = BAD.flatMap(([, ligand]) => [ligand, "CCCCCN"]);
  const { jobs, rejected } = await submit(ligands, { on_reject: "skip" });
  assert.equal(jobs.length, BAD.length);
  assert.equal(new Set(jobs.map((job) => job.job_id)).size, 1);
  assert.deepEqual(
    rejected.map(({ line, code }) => [line, code]),
    BAD.map(([, , code], index) => [2 * index + 1, code]),
  );
  const before = await ask("SELECT count(*) FROM jobs");
  await assert.rejects(submit(["C(", "OB(O)C"], { on_reject: "skip" }), (error) => {
    refused("unparsable_input", /^2 of 2 refused/)(error);
    const { fields } = error as AppError;
    assert.deepEqual(
      fields.map(({ line }) => line),
      [1, 2],
      "all of them are told, as of some",
    );
    return true;
  });
  assert.deepEqual(await ask("SELECT count(*) FROM jobs"), before);
  await assert.rejects(submit(["C(", "OB(O)C"]), refused("unparsable_input", /2 of 2 refused/));
});

const WRONG: [what: string, more: object, says: RegExp][] = [
  ["seed 0, which is random to Vina", { seed: 0 }, /seed must be >= 1/],
  ["a seed that no int32 holds", { seed: 2 ** 31 }, /seed must be <= 2147483647/],
  ["exhaustiveness 0", { exhaustiveness: 0 }, /exhaustiveness must be >= 1/],
  ["a range of 0 kcal/mol", { energy_range_kcal_mol: 0 }, /energy_range_kcal_mol must be > 0/],
  ["no ligands", { molecules: [] }, /molecules must not have fewer than 1/],
  ["1,001 ligands", { molecules: Array(1001).fill({ text: "C", format: "smiles" }) }, /molecules/],
];

test("numbers that Vina must not be given are refused before anything is looked at", async () => {
  for (const [what, more, says] of WRONG)
    await assert.rejects(submit(["C"], more as Partial<SubmitDocking>), refused("bad_input", says), what);
});

test("a site that is not there, another's private one and another organization's look the same", async () => {
  for (const [who, text] of [
    [scientist, MISSING],
    [scientist, "nowhere"],
    [scientist, "open@2"],
    [colleague, "hidden"],
    [colleague, hidden.site_id],
    [stranger, site.site_id],
  ] as const)
    await assert.rejects(
      submit(["CCO"], { site: text }, who),
      refused("not_found", /^no binding site/, "not_found"),
      text,
    );
  await assert.rejects(submit(["CCO"], {}, viewer), refused("forbidden", /./, "forbidden"));
});

test("a private site's jobs and molecules are private whatever is asked for", async () => {
  const { jobs } = await submit(["CCCCCS"], { site: "hidden", visibility: "organization" });
  const job_id = jobs[0]?.job_id ?? "";
  assert.equal((await perform(context, showJob, boss, { job_id })).visibility, "private");
  await assert.rejects(
    perform(context, showJob, colleague, { job_id }),
    refused("not_found", /./, "not_found"),
  );
  const molecule = perform(context, showMolecule, colleague, { molecule_id: jobs[0]?.molecule_id ?? "" });
  await assert.rejects(molecule, refused("not_found", /./, "not_found"));
  const own = await submit(["CCCCCS"], { visibility: "private" });
  assert.equal(
    (await perform(context, showJob, scientist, { job_id: own.jobs[0]?.job_id ?? "" })).visibility,
    "private",
  );
});

test("a completed job that asked the same answers, and a private one nobody but its owner", async () => {
  const first = (await submit(["CCCF"])).jobs[0];
  assert.equal((await submit(["CCCF"])).jobs[0]?.cached, false, "one that has not completed is no answer");
  await complete(first?.job_id ?? "");
  const again = (await submit(["FCCC"], {}, colleague)).jobs[0];
  assert.deepEqual([again?.job_id, again?.cached, again?.status], [first?.job_id, true, "completed"]);
  const mine = (await submit(["CCCCF"], { visibility: "private" })).jobs[0];
  await complete(mine?.job_id ?? "");
  assert.equal((await submit(["CCCCF"], {}, colleague)).jobs[0]?.cached, false);
  assert.equal((await submit(["CCCCF"], { visibility: "private" })).jobs[0]?.job_id, mine?.job_id);
});

test("a docking job submitted again keeps all its inputs and asks the same question", async () => {
  // A reference that is known to be some molecule, as redocking needs it.
  await ask(
    "UPDATE structures SET molecule_id = (SELECT molecule_id FROM molecules WHERE smiles = 'CCO') WHERE structure_id = $1",
    site.reference_structure_id,
  );
  const more = { exhaustiveness: 2, seed: 5, priority: 8 };
  const from = (await submit(["CCCBr"], more)).jobs[0]?.job_id ?? "";
  const again = await perform(context, submitJobFrom, colleague, { from });
  assert.deepEqual([again.cached, again.job_id === from], [false, false]);
  const [one, two] = await Promise.all(
    [from, again.job_id].map((job_id) => perform(context, showJob, scientist, { job_id })),
  );
  const inputs = (job: typeof one) =>
    job?.inputs.map((input) => [input["key"], input["molecule_id"], input["structure_id"]]);
  assert.equal(two?.inputs.length, 3);
  assert.ok(
    inputs(one)?.[2]?.every((cell) => typeof cell === "string"),
    "the reference is both",
  );
  assert.deepEqual(inputs(two), inputs(one));
  assert.deepEqual([two?.params, two?.priority, two?.owner_id], [one?.params, 8, colleague.user_id]);
  const signatures = await ask("SELECT DISTINCT input_signature FROM jobs WHERE job_id = ANY ($1)", [
    from,
    again.job_id,
  ]);
  assert.equal(signatures.length, 1);
});

test("of several people's sites of one name none is docked at, and their ids are named", async () => {
  const name = { ...BOX, name: "popular" };
  const receptor = { structure_id: site.receptor_structure_id };
  const ours = await createSite(context, colleague, receptor, name);
  assert.equal((await submit(["CCO"], { site: "popular" })).site_id, ours.site_id);
  const theirs = await createSite(context, boss, receptor, { ...name, size_angstrom: [19, 19, 19] });
  for (const text of ["popular", "popular@1"])
    await assert.rejects(submit(["CCO"], { site: text }), ({ kind, message }: AppError) => {
      assert.equal(kind, "bad_input");
      for (const { site_id } of [ours, theirs]) assert.ok(message.includes(site_id), message);
      return true;
    });
  assert.equal((await submit(["CCO"], { site: "popular" }, boss)).site_id, theirs.site_id);
  assert.equal((await submit(["CCO"], { site: theirs.site_id })).site_id, theirs.site_id);
});

test("the audit log is told the site and how many, never which molecule", async () => {
  const logged = await context.superuser<{ text: string }>(
    "SELECT a::text AS text FROM audit_logs a WHERE action = 'docking.submit'",
  );
  assert.ok(logged.some((row) => row.text.includes(site.site_id)));
  assert.ok(logged.every((row) => !/CC|InChI|probe/.test(row.text)));
});
