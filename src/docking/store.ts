import { type AliasedExpression, sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { PageWish } from "../paging.ts";
import { resultJobIds, underAskingJobs } from "../result-cache/links-store.ts";
import type { BestPer, DockingResult } from "./schema.ts";

const COLUMNS = [
  "d.result_id",
  "d.job_id",
  "d.task_name",
  "d.protocol_id",
  "d.site_id",
  "d.molecule_id",
  "d.pose_rank",
  "d.seed",
  "d.affinity_kcal_mol",
  "d.affinity_reported_kcal_mol",
  "d.affinity_source",
  "d.inter_kcal_mol",
  "d.intra_kcal_mol",
  "d.unbound_kcal_mol",
  "d.torsions",
  "d.heavy_atoms",
  "d.ligand_efficiency",
  "d.rmsd_lb_angstrom",
  "d.rmsd_ub_angstrom",
  "d.rmsd_reference_angstrom",
  "d.rmsd_symmetry_mate_angstrom",
  "d.pose_structure_id",
  "d.checks",
  "d.program",
  "d.program_version",
  "d.created_at",
  "m.smiles",
  "m.compound_key",
] as const;

/** A name that the caller may see: the oldest of the molecule's registrations that has one. */
const NAME = sql<string | null>`(SELECT r.name FROM registrations r
  WHERE r.molecule_id = d.molecule_id AND r.name IS NOT NULL ORDER BY r.created_at LIMIT 1)`;

/**
 * Poses of jobs in the order of the jobs, task by task, best first within each task; for one that was answered from the cache the
 * poses behind it, marked.
 */
export async function selectResultsOfJobs(db: ResultsDb, jobIds: string[]): Promise<DockingResult[]> {
  if (jobIds.length === 0) return [];
  const links = await resultJobIds(db, jobIds);
  const rows = await db
    .selectFrom("docking_results as d")
    .leftJoin("molecules as m", "m.molecule_id", "d.molecule_id")
    .select(COLUMNS)
    .select(NAME.as("name"))
    .where("d.job_id", "in", [...jobIds, ...links.map((link) => link.from_job_id)])
    .orderBy("d.pose_rank")
    .execute();
  return underAskingJobs(
    jobIds,
    rows as unknown as DockingResult[],
    links,
    (row, link) => row.task_name === link.from_task_name,
  );
}

export async function selectResultsByIds(db: ResultsDb, ids: string[]): Promise<DockingResult[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("docking_results as d")
    .leftJoin("molecules as m", "m.molecule_id", "d.molecule_id")
    .select(COLUMNS)
    .select(NAME.as("name"))
    .where("d.result_id", "in", ids)
    .orderBy(sql`array_position(${ids}::uuid[], d.result_id)`)
    .execute();
  return rows as unknown as DockingResult[];
}

/** A ranked list: one site, one protocol. */
export type BestQuery = PageWish & {
  site_id: string;
  protocol_id: string;
  per: BestPer;
  molecule_id?: string;
  max_affinity_kcal_mol?: number;
};

/**
 * Best scores first; of each molecule, compound or skeleton only its best pose, whatever the seed. Ranks ids and
 * scores alone, which an index holds; what a row says besides is looked up for the page's rows.
 */
export async function selectBest(db: ResultsDb, query: BestQuery): Promise<DockingResult[]> {
  let page = db
    .selectFrom(rankedBy(db, query))
    .select(["best.result_id", "best.affinity_kcal_mol"])
    .orderBy("best.affinity_kcal_mol")
    .orderBy("best.result_id")
    .limit(query.limit);
  if (query.before !== undefined) {
    const { at, id } = query.before;
    page = page.where(sql<boolean>`(best.affinity_kcal_mol, best.result_id) > (${at}::float8, ${id}::uuid)`);
  }
  const rows = await db
    .selectFrom(page.as("page"))
    .innerJoin("docking_results as d", "d.result_id", "page.result_id")
    .leftJoin("molecules as m", "m.molecule_id", "d.molecule_id")
    .select(COLUMNS)
    .select(NAME.as("name"))
    .orderBy("page.affinity_kcal_mol")
    .orderBy("page.result_id")
    .execute();
  return rows as unknown as DockingResult[];
}

type Ranked = { result_id: string; affinity_kcal_mol: number };

/** Ids and scores of what is ranked. */
function rankedBy(db: ResultsDb, query: BestQuery): AliasedExpression<Ranked, "best"> {
  if (query.per === "pose")
    return posesOf(db, query).select(["d.result_id", "d.affinity_kcal_mol"]).as("best");
  const ofMolecules = posesOf(db, query)
    // The best pose of a run is its first. Written out: a partial index serves no parameter.
    .where(sql<boolean>`d.pose_rank = 1`)
    .select(["d.molecule_id", "d.result_id", "d.affinity_kcal_mol"])
    .distinctOn("d.molecule_id")
    .orderBy("d.molecule_id")
    .orderBy("d.affinity_kcal_mol")
    .orderBy("d.result_id");
  if (query.per === "molecule") return ofMolecules.as("best");
  // A molecule whose registrations are gone shows no key: it stands for itself.
  const key = sql<string>`coalesce(${sql.ref(query.per === "compound" ? "m.compound_key" : "m.skeleton_key")}, b.molecule_id::text)`;
  return db
    .selectFrom(ofMolecules.as("b"))
    .leftJoin("molecules as m", "m.molecule_id", "b.molecule_id")
    .select(["b.molecule_id", "b.result_id", "b.affinity_kcal_mol"])
    .distinctOn(key)
    .orderBy(key)
    .orderBy("b.affinity_kcal_mol")
    .orderBy("b.result_id")
    .as("best");
}

function posesOf(db: ResultsDb, query: BestQuery) {
  const { site_id, protocol_id, molecule_id, max_affinity_kcal_mol } = query;
  let poses = db
    .selectFrom("docking_results as d")
    .where("d.site_id", "=", site_id)
    .where("d.protocol_id", "=", protocol_id);
  if (molecule_id !== undefined) poses = poses.where("d.molecule_id", "=", molecule_id);
  if (max_affinity_kcal_mol !== undefined)
    poses = poses.where("d.affinity_kcal_mol", "<=", max_affinity_kcal_mol);
  return poses;
}

/** Which of these jobs the caller may see. */
export async function selectSeenJobs(db: ResultsDb, jobIds: string[]): Promise<Set<string>> {
  const rows = await db.selectFrom("jobs").select("job_id").where("job_id", "in", jobIds).execute();
  return new Set(rows.map((row) => row.job_id));
}

/** What results of a site were made with. */
export type SiteProtocol = {
  protocol_id: string;
  program: string;
  program_version: string;
  params: Record<string, unknown>;
};

/** What is asked of a site: all of it, or one molecule's poses. */
export type OfSite = { site_id: string; molecule_id: string | undefined };

/** Whether a site has results of a protocol that the caller may see: found as those of `selectProtocolsOfSite`. */
export async function hasResults(db: ResultsDb, siteId: string, protocolId: string): Promise<boolean> {
  const row = await db
    .selectFrom("docking_results")
    .select("result_id")
    .where("site_id", "=", siteId)
    .where("protocol_id", "=", protocolId)
    // By the index of the ranking: of what is frequent the planner would read the table instead.
    .orderBy("affinity_kcal_mol")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Protocols with results at a site that the caller may see, newest first; at most `most`. Each protocol is looked up
 * by index until one row of it is the caller's to see. Row security is asked after the index: a protocol of which all
 * there is a colleague's alone is read through.
 */
export async function selectProtocolsOfSite(
  db: ResultsDb,
  { site_id, molecule_id }: OfSite,
  most: number,
): Promise<SiteProtocol[]> {
  const rows = await db
    .selectFrom("protocols as p")
    .select(["p.protocol_id", "p.program", "p.program_version", "p.params"])
    .where((eb) => {
      const found = eb
        .selectFrom("docking_results as d")
        .select("d.result_id")
        .where("d.site_id", "=", site_id)
        .whereRef("d.protocol_id", "=", "p.protocol_id");
      return eb.exists(molecule_id === undefined ? found : found.where("d.molecule_id", "=", molecule_id));
    })
    .orderBy("p.created_at", "desc")
    .limit(most)
    .execute();
  return rows as unknown as SiteProtocol[];
}

/** How many poses of a site, or of a molecule there, there are by protocol. Reads all of them. */
export async function countPosesByProtocol(
  db: ResultsDb,
  { site_id, molecule_id }: OfSite,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom("docking_results")
    .select("protocol_id")
    .select(sql<number>`count(*)::integer`.as("poses"))
    .where("site_id", "=", site_id)
    .$if(molecule_id !== undefined, (query) => query.where("molecule_id", "=", molecule_id ?? ""))
    .groupBy("protocol_id")
    .execute();
  return new Map(rows.map(({ protocol_id, poses }) => [protocol_id, poses]));
}

/** Sites that hold results which the caller may see, with their names; at most `most`. */
export async function selectSitesWithResults(
  db: ResultsDb,
  most: number,
): Promise<{ site_id: string; name: string; version: number }[]> {
  return db
    .selectFrom("binding_sites as s")
    .select(["s.site_id", "s.name", "s.version"])
    .where((eb) =>
      eb.exists(
        eb.selectFrom("docking_results as d").select("d.result_id").whereRef("d.site_id", "=", "s.site_id"),
      ),
    )
    .orderBy("s.created_at", "desc")
    .limit(most)
    .execute();
}
