import type { ResultsDb } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { pageOf, pageWish } from "../paging.ts";
import { findSite } from "../sites/find.ts";
import type { DockingResult, QueryDocking } from "./schema.ts";
import {
  countPosesByProtocol,
  hasResults,
  type OfSite,
  type SiteProtocol,
  selectBest,
  selectProtocolsOfSite,
  selectResultsOfJobs,
  selectSeenJobs,
  selectSitesWithResults,
} from "./store.ts";

export type DockingPage = {
  items: DockingResult[];
  next_cursor: string | null;
  /** What makes the numbers comparable; null for a list by job, which ranks nothing. */
  site_id: string | null;
  protocol_id: string | null;
};

/** So many sites or protocols are named where one is to be chosen. */
const CHOICES = 5;

/**
 * Best poses of a site, or the poses of jobs. Scores are ranked within one site and one protocol only: where
 * the question leaves a choice, the error lists it. Throws AppError not_found, bad_input.
 */
export async function queryDocking(db: ResultsDb, input: QueryDocking): Promise<DockingPage> {
  if (input.job_ids !== undefined) {
    refuseBesideJobs(input);
    await refuseUnseenJobs(db, input.job_ids);
    const items = await selectResultsOfJobs(db, input.job_ids);
    return { items, next_cursor: null, site_id: null, protocol_id: null };
  }
  const site_id = await oneSite(db, input.site);
  const protocol_id = await oneProtocol(
    db,
    { site_id, molecule_id: input.molecule_id },
    input.protocol_id?.toLowerCase(),
  );
  if (protocol_id === null) return { items: [], next_cursor: null, site_id, protocol_id };
  const wish = pageWish(
    {
      ...(input.limit === undefined ? {} : { limit: input.limit }),
      ...(input.cursor === undefined ? {} : { cursor: input.cursor }),
    },
    { kind: "number" },
  );
  const { molecule_id, max_affinity_kcal_mol } = input;
  const rows = await selectBest(db, {
    ...wish,
    site_id,
    protocol_id,
    per: input.per ?? "molecule",
    ...(molecule_id === undefined ? {} : { molecule_id }),
    ...(max_affinity_kcal_mol === undefined ? {} : { max_affinity_kcal_mol }),
  });
  const page = pageOf(wish, rows, (row) => ({ at: String(row.affinity_kcal_mol), id: row.result_id }));
  return { ...page, site_id, protocol_id };
}

/** A list by job holds everything of it: a limit or a filter that is not obeyed would mislead. */
function refuseBesideJobs({ job_ids: _jobs, per: _per, ...others }: QueryDocking): void {
  const [name] = Object.keys(others);
  if (name === undefined) return;
  const rule = `a list by job has all poses of those jobs: leave \`${name}\` out, or ask by \`site\``;
  throw new AppError("bad_input", rule, { fields: [{ path: name, rule }] });
}

/** A job that one may not see must not look like one that found no pose. */
async function refuseUnseenJobs(db: ResultsDb, jobIds: string[]): Promise<void> {
  const seen = await selectSeenJobs(db, jobIds);
  const unseen = jobIds.find((id) => !seen.has(id.toLowerCase()));
  if (unseen !== undefined) throw new AppError("not_found", `no such job: ${unseen}`);
}

async function oneSite(db: ResultsDb, text: string | undefined): Promise<string> {
  if (text !== undefined) {
    const site = await findSite(db, text);
    if (site === undefined) throw new AppError("not_found", `no binding site "${text.slice(0, 60)}"`);
    return site.site_id;
  }
  const sites = await selectSitesWithResults(db, CHOICES + 1);
  const [only, ...more] = sites;
  if (only === undefined)
    throw new AppError("not_found", "nothing was docked here yet: `docking.submit` does that");
  if (more.length === 0) return only.site_id;
  const names = sites
    .slice(0, CHOICES)
    .map(({ name, version, site_id }) => `${name}@${version} (${site_id})`);
  throw new AppError(
    "bad_input",
    `scores are compared within one site: choose with \`site\`: ${names.join(", ")}`,
  );
}

async function oneProtocol(db: ResultsDb, asked: OfSite, wanted: string | undefined): Promise<string | null> {
  if (wanted !== undefined) {
    if (await hasResults(db, asked.site_id, wanted)) return wanted;
    throw new AppError("not_found", "this site holds no results of that protocol");
  }
  const protocols = await selectProtocolsOfSite(db, asked, CHOICES + 1);
  const [only, ...more] = protocols;
  if (only === undefined) return null;
  if (more.length === 0) return only.protocol_id;
  const poses = await countPosesByProtocol(db, asked);
  const differing = differingParams(protocols);
  const choices = protocols
    .slice(0, CHOICES)
    .map((protocol) => describe(protocol, differing, poses.get(protocol.protocol_id) ?? 0));
  throw new AppError(
    "bad_input",
    `scores are compared within one protocol: choose with \`protocol_id\`: ${choices.join("; ")}${protocols.length > CHOICES ? "; and more: `protocol.list`" : ""}`,
  );
}

/** Names of the parameters that are not the same in all of these, by which they can be told apart. */
function differingParams(protocols: SiteProtocol[]): string[] {
  const names = new Set(protocols.flatMap(({ params }) => Object.keys(params)));
  return [...names]
    .toSorted()
    .filter((name) => new Set(protocols.map(({ params }) => JSON.stringify(params[name]))).size > 1);
}

function describe(
  { protocol_id, program, program_version, params }: SiteProtocol,
  differing: string[],
  poses: number,
): string {
  const values = differing.map((name) => `${name} ${shown(params[name])}`);
  return `${protocol_id} (${[`${program} ${program_version}`, ...values, `${poses} poses`].join(", ")})`;
}

function shown(value: unknown): string {
  if (value === undefined) return "not stated";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
