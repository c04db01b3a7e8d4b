import type { SubmittedDocking } from "../docking/schema.ts";
import { type AppError, toAppError } from "../errors.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { describeSubmission } from "./follow.ts";

/** Ligands in one call. */
export const PER_CALL = 1000;

/** What went wrong, and the first record (from 1) that was not submitted. */
export type Failed = { error: AppError; from: number };

/**
 * Submits a screen larger than one call holds in several, each record with its line. An error ends it: what was
 * submitted before stays submitted, so it is answered beside the error.
 */
export async function submitInParts(
  records: MoleculeRecord[],
  submit: (molecules: MoleculeRecord[]) => Promise<SubmittedDocking>,
  progress: (done: number, of: number) => void,
): Promise<{ answer: SubmittedDocking; failed: Failed | null }> {
  const answer: SubmittedDocking = { batch_id: null, site_id: "", jobs: [], rejected: [] };
  for (let at = 0; at < records.length; at += PER_CALL) {
    const molecules = records
      .slice(at, at + PER_CALL)
      .map((record, index) => ({ line: at + index + 1, ...record }));
    try {
      const part = await submit(molecules);
      answer.site_id = part.site_id;
      answer.jobs.push(...part.jobs);
      answer.rejected.push(...part.rejected);
    } catch (thrown) {
      return { answer, failed: { error: toAppError(thrown), from: at + 1 } };
    }
    if (records.length > PER_CALL) progress(Math.min(at + PER_CALL, records.length), records.length);
  }
  return { answer, failed: null };
}

/** Prints what was submitted before the error as the result, with the error in it, and ends with its exit code. */
export function endUnfinished(
  cli: Pick<Cli, "out">,
  answer: SubmittedDocking,
  { error, from }: Failed,
): never {
  if (from === 1) throw error;
  const { code, message, fields } = error;
  cli.out.result({ ...answer, error: { code, message, fields } }, describeSubmission);
  cli.out.say(`aliquot: records from ${from} on were not submitted: ${message}`);
  throw new ExitWith(error.exit);
}
