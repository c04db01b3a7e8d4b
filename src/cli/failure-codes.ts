import { listFailures } from "../batches/failure-operations.ts";
import { closestName } from "../edit-distance.ts";
import { AppError, CHEMISTRY_CODES, ERROR_KINDS } from "../errors.ts";
import type { Cli } from "./cli.ts";

/** Codes of docs/errors.md. */
const KNOWN = [...Object.keys(ERROR_KINDS), ...CHEMISTRY_CODES];

/** Throws AppError usage for a code that no error has and nothing failed with (of a batch, where one is named). */
export async function checkCode(cli: Cli, code: string | undefined, batch_id?: string): Promise<void> {
  if (code === undefined || KNOWN.includes(code)) return;
  const filter = batch_id === undefined ? {} : { batch_id };
  const { items } = await cli.ask(listFailures, filter);
  const met = [...new Set(items.map((group) => group.code))];
  if (met.includes(code)) return;
  const near = closestName(code, [...met, ...KNOWN], 2);
  const there = met.length === 0 ? "nothing failed that you may see" : `there are ${met.join(", ")}`;
  throw new AppError(
    "usage",
    `nothing fails with the code ${code.slice(0, 100)}: ${near === undefined ? there : `did you mean ${near}?`}`,
  );
}
