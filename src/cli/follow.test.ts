import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobRow } from "../jobs/schema.ts";
import type { RequestedJob } from "../requests/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { describeFailure, describeSubmission, follow } from "./follow.ts";
import { Interrupted } from "./interrupt.ts";

const NOBODY = { idle: undefined, isPrivate: false, isRemote: false };

function asked(job_id: string, more: Partial<RequestedJob> = {}): RequestedJob {
  return {
    ...{ job_id, status: "queued", cached: false, molecule_id: null, structure_id: null, smiles: "CCO" },
    ...{ name: null, line: 1, isomer: null, visibility: "organization", ...more },
  };
}

test("a submission names its jobs, each with the lines that asked for it", () => {
  const jobs = [asked("j1"), asked("j2", { line: 2, smiles: "O", name: "water" }), asked("j1", { line: 3 })];
  const said = describeSubmission({ jobs, rejected: [] }, NOBODY);
  assert.match(said, /2 jobs for 3 records.*\n.*\nj1 +queued +1, 3 +CCO\nj2 +queued +2 +water {2}O\n/);
  const many = Array.from({ length: 30 }, (_, n) => asked(`j${n}`, { line: n + 1 }));
  assert.match(describeSubmission({ jobs: many, rejected: [] }, NOBODY), /\nj19 .*\n… and 10 more/);
});

test("how to start a worker is said only where none is there", () => {
  const answer = { jobs: [asked("j1")], rejected: [] };
  assert.match(
    describeSubmission(answer, { ...NOBODY, idle: "xtb" }),
    /it waits for a worker with xtb: none/,
  );
  assert.match(describeSubmission(answer, NOBODY), /\na worker takes it/);
  const cached = { jobs: [asked("j1", { cached: true, status: "completed" })], rejected: [] };
  assert.doesNotMatch(describeSubmission(cached, NOBODY), /a worker/);
});

test("what was asked for privately and is answered by everybody's job says so", () => {
  const jobs = [asked("j1", { cached: true }), asked("j2", { visibility: "private", cached: true })];
  const answer = { jobs, rejected: [] };
  assert.match(
    describeSubmission(answer, { ...NOBODY, isPrivate: true }),
    /\n1 answered by the organization/,
  );
  assert.doesNotMatch(describeSubmission(answer, NOBODY), /by the organization/);
});

test("a job that failed is named by line, name and molecule", () => {
  const error = { code: "timeout", message: "it took too long" };
  const job = { job_id: "j1", status: "failed", error } as JobRow;
  const jobs = [asked("j1", { line: 4, name: "ethanol" }), asked("j1", { line: 7 }), asked("j2")];
  assert.equal(
    describeFailure(job, { jobs }),
    "line 4, 7  ethanol  CCO  job j1 failed: it took too long (timeout)",
  );
  const structure = asked("j1", { line: null, smiles: null, structure_id: "s1", name: "he.xyz" });
  assert.match(describeFailure(job, { jobs: [structure] }), /^he.xyz {2}structure s1 {2}job j1 failed/);
});

test("who waits and is interrupted has the jobs, with the results that --wait promises", async () => {
  const printed: object[] = [];
  const cli = {
    ask: async () => {
      throw new Interrupted();
    },
    out: { result: (row: object) => printed.push(row), say() {} },
  } as unknown as Cli;
  const answer = { jobs: [asked("j1")], rejected: [] };
  const waiting = {
    wait: true,
    engines: ["xtb"],
    isPrivate: false,
    read: async () => [],
    describe: () => "",
  };
  await assert.rejects(
    follow(cli, answer, waiting),
    (thrown) => thrown instanceof ExitWith && thrown.code === 130,
  );
  assert.deepEqual(printed, [{ ...answer, results: [] }]);
});
