import assert from "node:assert/strict";
import { after, test } from "node:test";
import { completeJob } from "../../test/support/complete.ts";
import { makeOrg, person, submitSmiles } from "../../test/support/context.ts";
import { openLab, until } from "../../test/support/worker.ts";
import { listAuditOperation } from "../audit/operations.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { addMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { runPipelineOperation } from "../pipelines/operations.ts";
import { addStructure } from "../structures/operations.ts";
import { submitCalculationsOperation } from "./operations.ts";
import type { SubmitCalculations } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");

const submit = (smiles: string | string[], more: Partial<SubmitCalculations> = {}, key?: string) =>
  submitSmiles(context, scientist, smiles, more, key === undefined ? {} : { idempotencyKey: key });

/** Counts of everything that a submission writes. */
const counts = () =>
  context.superuser(
    `SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM job_inputs) AS inputs,
      (SELECT count(*) FROM job_events) AS events, (SELECT count(*) FROM molecules) AS molecules,
      (SELECT count(*) FROM registrations) AS registrations, (SELECT count(*) FROM outbox) AS facts,
      (SELECT count(*) FROM idempotency_keys) AS keys, (SELECT count(*) FROM pipeline_specs) AS specs`,
    [],
    org.database_name,
  );

const refused = (code: string, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.kind, "bad_input", error.message);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, says);
  return true;
};

/** Ends a job as if it had run, without running it. */
const complete = (jobId: string) => completeJob(context, org, jobId);

test("a submission makes one job each, with its input, task, first event and place in the queue", async () => {
  const { jobs, rejected, batch_id } = await submit(["CCO", "CCN"]);
  assert.deepEqual([jobs.length, rejected, batch_id], [2, [], null]);
  assert.ok(jobs.every((job) => job.status === "queued" && !job.cached));
  const rows = await context.superuser<{
    engine: string;
    params: { charge: number; multiplicity: number; seed: number };
  }>(
    "SELECT t.engine, j.params FROM jobs j JOIN tasks t USING (job_id) WHERE j.job_id = ANY ($1)",
    [jobs.map((job) => job.job_id)],
    org.database_name,
  );
  assert.deepEqual(
    rows.map((row) => [row.engine, row.params.charge, row.params.multiplicity, row.params.seed]),
    [
      ["xtb", 0, 1, 42],
      ["xtb", 0, 1, 42],
    ],
  );
  const queue = await context.superuser("SELECT 1 FROM task_queue WHERE job_id = ANY ($1)", [
    jobs.map((job) => job.job_id),
  ]);
  assert.equal(queue.length, 2);
});

test("a job that would answer and has lost its files is none: the question is run again, in one answer", async () => {
  const { jobs } = await submit("CCCCCBr");
  const first = jobs[0]?.job_id ?? "";
  await complete(first);
  const { uri } = await context.objects.put(org.org_id, Buffer.from("a file of the result"));
  const keep = (at: string) =>
    context.superuser(
      "UPDATE result_cache SET artifact_map = jsonb_build_object('run/file', $2::text), hit_count = 0 WHERE canonical_job_id = $1",
      [first, at],
      org.database_name,
    );
  await keep(uri);
  assert.deepEqual((await submit("CCCCCBr")).jobs[0]?.job_id, first);
  const hits = "SELECT hit_count::integer AS hits FROM result_cache WHERE canonical_job_id = $1";
  assert.deepEqual(await context.superuser(hits, [first], org.database_name), [{ hits: 1 }], "counted once");
  await keep(`object:${"0".repeat(64)}`);
  const [again] = (await submit("CCCCCBr", {}, "lost-files")).jobs;
  assert.notEqual(again?.job_id, first);
  assert.equal(again?.status, "queued");
  assert.deepEqual(await context.superuser(hits, [first], org.database_name), [], "the entry is gone");
  assert.equal((await submit("CCCCCBr", {}, "lost-files")).jobs[0]?.job_id, again?.job_id);
});

test("who goes ahead is answered at the commit, and the queue has the job as the relay comes to it", async () => {
  const { relay } = context.results;
  const gate = Promise.withResolvers<void>();
  const asked: string[] = [];
  const held = async (orgId: string) => {
    asked.push(orgId);
    await gate.promise;
    await relay(orgId);
  };
  context.results.relay = Object.assign(relay.bind(null), { soon: held });
  try {
    const molecules = [{ text: "CCCCCCl", format: "smiles" as const }];
    const input = { molecules, task: "optimize" as const };
    const { jobs } = await perform(context, submitCalculationsOperation, scientist, input, { ahead: true });
    const job_id = jobs[0]?.job_id;
    const queued = () => context.superuser("SELECT fence FROM task_queue WHERE job_id = $1", [job_id]);
    // Answered, though nobody has let the relay on that it asked.
    assert.deepEqual(asked, [org.org_id]);
    gate.resolve();
    await until("the job in the queue", async () => (await queued()).length === 1);
  } finally {
    context.results.relay = relay;
  }
});

test("the same species twice in one call is one job, and its drawing does not matter", async () => {
  const { jobs } = await submit(["OCCC", "CCCO", "C(CC)O"], { solvent: "water" });
  assert.equal(new Set(jobs.map((job) => job.job_id)).size, 1);
});

const BAD: [what: string, input: string, more: Partial<SubmitCalculations>, code: string, says: RegExp][] = [
  ["no SMILES", "not a molecule", {}, "bad_input", /./],
  ["an open ring", "C1CC", {}, "unparsable_input", /./],
  ["nothing", "", {}, "bad_input", /empty|nothing/i],
  ["blanks", "   ", {}, "bad_input", /empty|nothing/i],
  ["a dummy", "*", {}, "unsupported_element", /dummy|any atom|\*/i],
  ["an R-group", "CC[*:1]", {}, "unsupported_element", /./],
  ["an element that xtb does not know", "C[Fr]", {}, "unsupported_element", /"Fr".*H to Rn/],
  ["a NUL", "C\u0000C", {}, "bad_input", /./],
  ["1,000 atoms", "C".repeat(1000), {}, "too_large", /./],
  ["300 atoms without --large", "C".repeat(99), {}, "too_large", /299 atoms.*`large`/],
  ["a long text", "C".repeat(100_000), {}, "too_large", /./],
  ["one undefined centre", "CC(O)CC", {}, "undefined_stereo", /^1 stereocentre .* is not defined/],
  ["two undefined centres", "CC(O)C(C)CC", {}, "undefined_stereo", /^2 stereocentres .* are not defined/],
  ["an undefined double bond", "CC=CC", {}, "undefined_stereo", /^1 stereocentre or double bond/],
  [
    "two actives in one salt",
    "CC(=O)Oc1ccccc1C(=O)O.CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    {},
    "ambiguous_parent",
    /parts|parent/,
  ],
  ["a salt, whose parent is named", "C[NH3+].[Cl-]", {}, "ambiguous_parent", /its parent is/],
  ["a charge that was not drawn", "CCO", { charge: 1 }, "electron_parity", /`vertical`/],
  [
    "a singlet with an odd number of electrons",
    "CCO",
    { charge: 1, multiplicity: 1, vertical: true },
    "electron_parity",
    /./,
  ],
  ["a doublet with an even number", "CCO", { multiplicity: 2 }, "electron_parity", /./],
  ["more unpaired electrons than there are", "[H][H]", { multiplicity: 5 }, "electron_parity", /./],
  ["more charge than electrons", "[H][H]", { charge: 3, vertical: true }, "electron_parity", /./],
];

for (const [what, input, more, code, says] of BAD) {
  test(`${what} is refused as ${code}, and nothing is written`, async () => {
    const before = await counts();
    await assert.rejects(submit(input, more, newId()), refused(code, says));
    assert.deepEqual(await counts(), before);
  });
}

test("--vertical allows another charge, with the lowest spin its electrons can have", async () => {
  const { jobs } = await submit("CCO", { charge: 1, vertical: true });
  const [row] = await context.superuser<{ params: { charge: number; multiplicity: number } }>(
    "SELECT params FROM jobs WHERE job_id = $1",
    [jobs[0]?.job_id],
    org.database_name,
  );
  assert.deepEqual([row?.params.charge, row?.params.multiplicity], [1, 2]);
});

test("one bad record of three refuses all and is named by its line; nothing is written", async () => {
  const before = await counts();
  const call = submit(["CCS", "C1CC", "CCCS"]);
  await assert.rejects(call, (error: AppError) => {
    assert.deepEqual(
      error.fields.map((field) => [field.line, field.path]),
      [[2, "/molecules/1/text"]],
    );
    return error.kind === "bad_input" && error.code === "unparsable_input";
  });
  assert.deepEqual(await counts(), before);
});

test("told to skip, the bad records are listed with line, input, code and reason and the rest go on", async () => {
  const { jobs, rejected } = await submit(["CCS", "C1CC", "CC(F)Cl", "CCCS"], { on_reject: "skip" });
  assert.equal(jobs.length, 2);
  assert.deepEqual(
    rejected.map(({ line, input, code }) => [line, input, code]),
    [
      [2, "C1CC", "unparsable_input"],
      [3, "CC(F)Cl", "undefined_stereo"],
    ],
  );
  await assert.rejects(submit(["C1CC"], { on_reject: "skip" }), refused("unparsable_input", /./));
});

test("told to skip, where nothing is left each refusal points to where it was given", async () => {
  const salt = await perform(context, addMolecules, scientist, {
    records: [{ text: "CC[NH3+].[Br-]", format: "smiles" }],
  });
  const molecule_ids = salt.items.map(({ molecule_id }) => molecule_id);
  const cases: [paths: string[], asked: Partial<SubmitCalculations>][] = [
    [["/molecules/0/text"], { molecules: [{ text: "C1", format: "smiles", line: 8 }] }],
    [["/molecule_ids"], { molecule_ids }],
    [
      ["/molecules/0/text", "/molecule_ids"],
      { molecules: [{ text: "C1", format: "smiles", line: 5 }], molecule_ids },
    ],
    [["/multiplicity"], { molecules: [{ text: "CCO", format: "smiles" }], multiplicity: 2 }],
  ];
  for (const [paths, asked] of cases) {
    const submitted = perform(context, submitCalculationsOperation, scientist, {
      ...{ task: "optimize", on_reject: "skip" },
      ...asked,
    });
    await assert.rejects(submitted, (error: AppError) => {
      assert.deepEqual(
        error.fields.map((field) => field.path),
        paths,
      );
      return error.kind === "bad_input";
    });
  }
});

test("nothing at all, and more than 1,000, are refused", async () => {
  await assert.rejects(submit([]), refused("bad_input", /nothing to compute/));
  await assert.rejects(
    submit(Array(1001).fill("C")),
    (error: AppError) => error.kind === "bad_input" && error.fields[0]?.path === "/molecules",
  );
  const ids = Array.from({ length: 600 }, () => newId());
  await assert.rejects(
    submitSmiles(context, scientist, Array(600).fill("C"), { structure_ids: ids }),
    refused("bad_input", /1200 inputs are more than 1000/),
  );
});

test("molecules that are registered are computed by their ids, as the same question as their drawing", async () => {
  const { jobs } = await submit(["CCCCF", "C[C@H](F)Cl"]);
  const molecule_ids = jobs.map((job) => job.molecule_id ?? "");
  const again = await submit([], { molecule_ids, molecules: [] });
  assert.deepEqual(
    again.jobs.map(({ molecule_id, smiles }) => [molecule_id, smiles]).toSorted(),
    jobs.map(({ molecule_id, smiles }) => [molecule_id, smiles]).toSorted(),
  );
  await complete(jobs[0]?.job_id ?? "");
  const [known] = (await submit([], { molecule_ids: molecule_ids.slice(0, 1) })).jobs;
  assert.deepEqual([known?.job_id, known?.cached], [jobs[0]?.job_id, true]);
  await assert.rejects(
    submit([], { molecule_ids: [newId()] }),
    (error: AppError) => error.kind === "not_found",
  );
});

test("1,000 molecules are one submission", async () => {
  const smiles = Array.from(
    { length: 1000 },
    (_, n) => `${"C".repeat((n % 40) + 1)}${"O".repeat(Math.floor(n / 40) % 2)}N`,
  );
  const before = (await counts())[0] as { jobs: number };
  const { jobs } = await submit(smiles, { method: "gfnff" });
  assert.equal(jobs.length, 1000);
  const distinct = new Set(jobs.map((job) => job.job_id)).size;
  assert.equal(distinct, 80, "as many jobs as there are species");
  assert.equal(((await counts())[0] as { jobs: number }).jobs - before.jobs, distinct);
});

test("a structure that is missing or another organization's is not found, and the molecules beside it are not written", async () => {
  const other = await makeOrg(context);
  const stranger = await person(context, other, "scientist");
  const content_base64 = Buffer.from("1\n\nHe 0 0 0\n").toString("base64");
  const input = { file_name: "he.xyz", format: "xyz" as const, content_base64 };
  const theirs = await perform(context, addStructure, stranger, input);
  const hidden = await perform(context, addStructure, colleague, { ...input, visibility: "private" });
  const before = await counts();
  for (const id of [theirs.structure_id, hidden.structure_id, newId()]) {
    const call = submitSmiles(context, scientist, ["CCCCl"], { structure_ids: [id] });
    await assert.rejects(call, (error: AppError) => error.kind === "not_found");
  }
  assert.deepEqual(await counts(), before);
  const mine = await perform(context, addStructure, scientist, input);
  const { jobs } = await perform(context, submitCalculationsOperation, scientist, {
    structure_ids: [mine.structure_id],
    task: "single_point",
  });
  assert.equal(jobs.length, 1);
});

test("an idempotency key: the same answer, another body refused, two at once one set of jobs", async () => {
  const first = await submit(["CCBr"], {}, "a");
  assert.deepEqual(await submit(["CCBr"], {}, "a"), first);
  await assert.rejects(submit(["CCI"], {}, "a"), (error: AppError) => error.kind === "idempotency_mismatch");
  const both = await Promise.all([submit(["CCCBr"], {}, "b"), submit(["CCCBr"], {}, "b")]);
  assert.deepEqual(both[0], both[1]);
});

test("a completed job that asked the same is the answer, to whoever may see it", async () => {
  const first = await submit("CCCCO");
  const jobId = first.jobs[0]?.job_id ?? "";
  assert.equal((await submit("CCCCO")).jobs[0]?.cached, false, "one that has not completed is no answer");
  await complete(jobId);
  const answers = [await submit("OCCCC"), await submitSmiles(context, colleague, "CCCCO")];
  for (const { jobs } of answers)
    assert.deepEqual(
      jobs.map(({ job_id, status, cached, smiles, line }) => [job_id, status, cached, smiles, line]),
      [[jobId, "completed", true, "CCCCO", 1]],
    );
  const [quiet] = (await submit("CCCCO", { visibility: "private" })).jobs;
  assert.deepEqual([quiet?.job_id, quiet?.visibility], [jobId, "organization"], "and says who sees that job");
  for (const more of [
    { reuse: false },
    { solvent: "water" },
    { seed: 7 },
    { method: "gfn1" },
    { task: "optimize" },
    { charge: 1, vertical: true },
  ] as const)
    assert.equal((await submit("CCCCO", more)).jobs[0]?.cached, false, JSON.stringify(more));
});

test("what changes nothing is refused at its place, of a submission and of a pipeline's parameters", async () => {
  const before = await counts();
  for (const [field, more] of [
    ["optimization_level", { optimization_level: "tight" }],
    ["max_optimization_cycles", { max_optimization_cycles: 5 }],
    ["multiplicity", { task: "optimize", method: "gfnff", multiplicity: 3 }],
  ] as const) {
    const at = (path: string) => (error: AppError) =>
      error.kind === "bad_input" &&
      error.fields[0]?.path === path &&
      error.message.includes(`\`${field}\` out`);
    await assert.rejects(submit("O", { task: "single_point", ...more }), at(`/${field}`));
    const { task = "single_point", ...params } = { task: undefined, ...more };
    const run = { pipeline: task === "optimize" ? "xtb-optimize" : "xtb-singlepoint", params };
    const molecules = [{ text: "O", format: "smiles" as const }];
    await assert.rejects(
      perform(context, runPipelineOperation, scientist, { ...run, molecules }),
      at(`/params/${field}`),
    );
  }
  assert.deepEqual(await counts(), before);
});

test("another person's private job is no answer, one's own is", async () => {
  const first = await submit("CCCCCO", { visibility: "private" });
  const jobId = first.jobs[0]?.job_id ?? "";
  await complete(jobId);
  const theirs = await submitSmiles(context, colleague, "CCCCCO");
  assert.equal(theirs.jobs[0]?.cached, false);
  assert.notEqual(theirs.jobs[0]?.job_id, jobId);
  const [again] = (await submit("CCCCCO", { visibility: "private" })).jobs;
  assert.deepEqual([again?.job_id, again?.cached, again?.visibility], [jobId, true, "private"]);
});

test("an admin, who may see it, is not answered from another person's private job either", async () => {
  const first = await submit("CCCCCCO", { visibility: "private" });
  await complete(first.jobs[0]?.job_id ?? "");
  assert.equal((await submitSmiles(context, boss, "CCCCCCO")).jobs[0]?.cached, false);
});

test("nor is an admin's private submission", {}, async () => {
  const first = await submit("CCCCCCS", { visibility: "private" });
  await complete(first.jobs[0]?.job_id ?? "");
  const answer = await submitSmiles(context, boss, "CCCCCCS", { visibility: "private" });
  assert.equal(answer.jobs[0]?.cached, false);
});

test("a submission for the organization is not answered from one's own private job, which nobody else could see", async () => {
  const first = await submit("CCCCCCCO", { visibility: "private" });
  await complete(first.jobs[0]?.job_id ?? "");
  assert.equal((await submit("CCCCCCCO", { visibility: "organization" })).jobs[0]?.cached, false);
});

test("the audit log is told how many and what, never which molecule", async () => {
  await submit(["CCCCCC(=O)N"], { method: "gfn1", solvent: "dmso" });
  const rows = await context.superuser<{ text: string }>(
    "SELECT a::text AS text FROM audit_logs a WHERE action = 'calculation.submit'",
  );
  assert.ok(rows.length > 0);
  assert.ok(rows.some((row) => row.text.includes("gfn1")));
  assert.ok(rows.every((row) => !/CCCC|InChI|C6H13NO/.test(row.text)));
});

test("every field of a refusal is a pointer to what was given: the value that is at fault, else the record", async () => {
  const at = async (asked: Promise<unknown>) => {
    const error = await asked.then(
      () => undefined,
      (thrown: AppError) => thrown,
    );
    return error?.fields.map(({ path }) => path);
  };
  assert.deepEqual(await at(submit("O", { charge: 1 })), ["/charge"]);
  assert.deepEqual(await at(submit("O", { multiplicity: 2 })), ["/multiplicity"]);
  const lines = [3, 8].map((line) => ({ text: line === 8 ? "C1CC" : "C", format: "smiles" as const, line }));
  assert.deepEqual(await at(submit([], { molecules: lines })), ["/molecules/1/text"]);
  const run = { pipeline: "xtb-singlepoint", molecules: lines.slice(0, 1), params: { charge: 1 } };
  assert.deepEqual(await at(perform(context, runPipelineOperation, scientist, run)), ["/params/charge"]);
  const structure_ids = [await addMol(["  1  2  1  0", "  1  3  1  0"])];
  assert.deepEqual(await at(submit([], { structure_ids, charge: 1 })), ["/charge"]);
  const secret = await perform(context, addStructure, scientist, {
    ...{ file_name: "he.xyz", format: "xyz", visibility: "private" },
    content_base64: Buffer.from("1\n\nHe 0 0 0\n").toString("base64"),
  });
  const both = { structure_ids: [...structure_ids, secret.structure_id] };
  assert.deepEqual(await at(submit([], both)), ["/structure_ids/1"]);
});

test("the submission that made a job is found in the audit log by it, alone or one of several", async () => {
  const found = async (job_id: string) =>
    (await perform(context, listAuditOperation, boss, { job_id })).items.map((row) => [
      row.action,
      row.entity_id,
      row.job_id,
      (row.metadata as { job_ids?: string[] }).job_ids,
    ]);
  const [alone = ""] = (await submit("CCCCCCF")).jobs.map(({ job_id }) => job_id);
  assert.deepEqual(await found(alone), [["calculation.submit", alone, alone, undefined]]);
  const several = (await submit(["CCCCCCCF", "CCCCCCCCF"])).jobs.map(({ job_id }) => job_id);
  for (const id of several) assert.deepEqual(await found(id), [["calculation.submit", null, null, several]]);
  const smiles = Array.from({ length: 101 }, (_, n) => `${"C".repeat((n % 51) + 1)}${n < 51 ? "Br" : "I"}`);
  const many = (await submit(smiles)).jobs.map(({ job_id }) => job_id);
  assert.deepEqual(await found(many[99] ?? ""), [["calculation.submit", null, null, many.slice(0, 100)]]);
  assert.deepEqual(await found(many[100] ?? ""), []);
});

const WATER_MOL = (bonds: string[]) =>
  [
    "",
    "",
    "",
    `  3  ${bonds.length}  0  0  0  0  0  0  0  0999 V2000`,
    "    0.0000    0.0000    0.0000 O   0  0  0  0  0  0",
    "    0.9600    0.0000    0.0000 H   0  0  0  0  0  0",
    "   -0.2400    0.9300    0.0000 H   0  0  0  0  0  0",
    ...bonds,
    "M  END",
    "",
  ].join("\n");

async function addMol(bonds: string[]): Promise<string> {
  const content_base64 = Buffer.from(WATER_MOL(bonds)).toString("base64");
  const input = { file_name: "water.mol", format: "sdf", content_base64, charge: 0 };
  return (await perform(context, addStructure, scientist, input)).structure_id;
}

test("a structure's charge and spin are checked before anything is written", async () => {
  const id = await addMol(["  1  2  1  0", "  1  3  1  0"]);
  const before = await counts();
  for (const [more, says] of [
    [{ multiplicity: 2 }, /multiplicity 2 can't have/],
    [{ charge: 1, multiplicity: 2 }, /`vertical`/],
  ] as const) {
    const call = submitSmiles(context, scientist, [], { structure_ids: [id], ...more });
    await assert.rejects(
      call,
      (error: AppError) => error.code === "electron_parity" && says.test(error.message),
    );
  }
  assert.deepEqual(await counts(), before);
});

test("the same positions with other bonds are another question, and are not answered from the first", async () => {
  const [whole, cut] = [await addMol(["  1  2  1  0", "  1  3  1  0"]), await addMol(["  1  2  1  0"])];
  const [first] = (await submitSmiles(context, scientist, [], { structure_ids: [whole] })).jobs;
  await complete(first?.job_id ?? "");
  const again = await submitSmiles(context, scientist, [], { structure_ids: [whole] });
  const other = await submitSmiles(context, scientist, [], { structure_ids: [cut] });
  assert.deepEqual([again.jobs[0]?.cached, other.jobs[0]?.cached], [true, false]);
});
