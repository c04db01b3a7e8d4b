import assert from "node:assert/strict";
import { test } from "node:test";
import type { SubmittedDocking } from "../docking/schema.ts";
import { AppError } from "../errors.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import { ExitWith } from "./exit.ts";
import { endUnfinished, submitInParts } from "./submit-parts.ts";

const RECORDS = Array.from({ length: 2500 }, (): MoleculeRecord => ({ text: "C", format: "smiles" }));
const rejected = (records: MoleculeRecord[]) =>
  records.map(({ line = 0 }) => ({ line, input: "C", code: "bad", message: "bad" }));
const job = { job_id: "j", status: "queued" as const, cached: false, molecule_id: "m", smiles: "C" };

/** Takes each part's first record and leaves the others out. */
const takeFirst = async (records: MoleculeRecord[]): Promise<SubmittedDocking> => ({
  batch_id: null,
  site_id: "s",
  jobs: records.slice(0, 1).map(({ line = 0 }) => ({ ...job, line, isomer: null })),
  rejected: rejected(records.slice(1)),
});
const none = async (records: MoleculeRecord[]): Promise<SubmittedDocking> => ({
  ...(await takeFirst([])),
  rejected: rejected(records),
});

test("a part in which all is rejected takes nothing from the others, and lines count over all", async () => {
  const said: string[] = [];
  let call = 0;
  const { answer, failed } = await submitInParts(
    RECORDS,
    (records) => (call++ === 1 ? none(records) : takeFirst(records)),
    (done, of) => said.push(`${done} of ${of}`),
  );
  assert.equal(failed, null);
  assert.equal(answer.site_id, "s");
  assert.deepEqual(
    answer.jobs.map(({ line }) => line),
    [1, 2001],
  );
  assert.equal(answer.rejected.length, 2498);
  assert.ok(answer.rejected.some(({ line }) => line === 1001));
  assert.deepEqual(said, ["1000 of 2500", "2000 of 2500", "2500 of 2500"]);
});

test("an error in a later part ends it, and what was submitted before is answered", async () => {
  let call = 0;
  const { answer, failed } = await submitInParts(
    RECORDS,
    (records) => {
      if (call++ === 1) throw new AppError("unavailable", "the database went away");
      return takeFirst(records);
    },
    () => {},
  );
  assert.equal(call, 2, "nothing is submitted after it");
  assert.deepEqual([answer.jobs.length, answer.rejected.length], [1, 999]);
  assert.deepEqual([failed?.from, failed?.error.kind], [1001, "unavailable"]);
  const results: unknown[] = [];
  const said: string[] = [];
  const out = { result: (value: unknown) => results.push(value), say: (line: string) => said.push(line) };
  const cli = { out } as unknown as Parameters<typeof endUnfinished>[0];
  assert.ok(failed !== null);
  assert.throws(
    () => endUnfinished(cli, answer, failed),
    (error) => error instanceof ExitWith && error.code === failed.error.exit,
  );
  const { code, message, fields } = failed.error;
  assert.deepEqual(results, [{ ...answer, error: { code, message, fields } }]);
  assert.deepEqual(said, ["aliquot: records from 1001 on were not submitted: the database went away"]);
});

test("an error in the first part is that error alone", async () => {
  const error = new AppError("not_found", "no such site");
  const { answer, failed } = await submitInParts(
    RECORDS,
    () => Promise.reject(error),
    () => {},
  );
  assert.ok(failed !== null);
  assert.throws(() => endUnfinished({} as never, answer, failed), error);
});
