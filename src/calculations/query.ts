import type { ResultsDb } from "../db/results.ts";
import { defaultsOf } from "../engines/defaults.ts";
import { AppError } from "../errors.ts";
import { inWords } from "../in-words.ts";
import { selectStates } from "../jobs/read-store.ts";
import { pageOf, pageWish } from "../paging.ts";
import { differences } from "../protocols/differ.ts";
import { hasCalculations, selectCalculations, selectProtocolsWith } from "./query-store.ts";
import type { Calculation, QueryCalculations } from "./schema.ts";
import { selectCalculationsOfJobs } from "./store.ts";

/** So many protocols are named where one is to be chosen. */
const CHOICES = 5;

/**
 * Calculations, newest first. Numbers are compared within one protocol, total energies within one molecule too: a
 * range that leaves a choice is refused with the choices. Of jobs: theirs. Throws AppError bad_input, not_found.
 */
export async function queryCalculations(
  db: ResultsDb,
  { job_ids, limit, cursor, ...filter }: QueryCalculations,
): Promise<{ items: Calculation[]; next_cursor: string | null }> {
  const page = {
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  if (job_ids !== undefined) return ofJobs(db, job_ids, { ...filter, ...page });
  const wish = pageWish(page);
  const byEnergy = filter.min_energy_eh !== undefined || filter.max_energy_eh !== undefined;
  const byGap = filter.min_gap_ev !== undefined || filter.max_gap_ev !== undefined;
  if (byEnergy && filter.molecule_id === undefined)
    throw new AppError(
      "bad_input",
      "total energies are compared within one molecule: name it with `molecule_id`",
    );
  const protocol_id = await oneProtocol(db, filter, byEnergy || byGap);
  if (protocol_id === null) return { items: [], next_cursor: null };
  const rows = await selectCalculations(db, {
    ...wish,
    ...filter,
    ...(protocol_id === undefined ? {} : { protocol_id }),
  });
  return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.calculation_id }));
}

/** A list by job holds everything of it: a limit or a filter that is not obeyed would mislead. */
async function ofJobs(db: ResultsDb, jobIds: string[], others: object) {
  const [name] = Object.keys(others);
  if (name !== undefined) {
    const rule = `a list by job has all calculations of those jobs: leave \`${name}\` out, or ask without \`job_ids\``;
    throw new AppError("bad_input", rule, { fields: [{ path: `/${name}`, rule }] });
  }
  const seen = await selectStates(db, jobIds);
  if (seen.length < new Set(jobIds.map((id) => id.toLowerCase())).size)
    throw new AppError("not_found", jobIds.length === 1 ? "no such job" : "one of these jobs is not there");
  return { items: await selectCalculationsOfJobs(db, jobIds), next_cursor: null };
}

/** The protocol that is asked for, or the only one where one is needed; null where nothing was computed. */
async function oneProtocol(
  db: ResultsDb,
  { protocol_id: wanted, molecule_id }: Pick<QueryCalculations, "protocol_id" | "molecule_id">,
  needed: boolean,
): Promise<string | null | undefined> {
  if (wanted !== undefined) {
    if (await hasCalculations(db, wanted)) return wanted;
    throw new AppError("not_found", "no calculation stands under that protocol");
  }
  if (!needed) return undefined;
  const protocols = await selectProtocolsWith(db, { molecule_id, most: CHOICES + 1 });
  const [only, ...more] = protocols;
  if (only === undefined) return null;
  if (more.length === 0) return only.protocol_id;
  const told = differences(protocols, defaultsOf);
  const choices = protocols.slice(0, CHOICES).map((one) => {
    const words = inWords(told.get(one) ?? {});
    return `${one.protocol_id} (${one.task}, ${one.program} ${one.program_version}${words === null ? "" : `, ${words}`})`;
  });
  throw new AppError(
    "bad_input",
    `numbers are compared within one protocol: choose with \`protocol_id\`: ${choices.join("; ")}${protocols.length > CHOICES ? "; and more: `protocol.list`" : ""}`,
  );
}
