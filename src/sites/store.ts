import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import { isUuid } from "../ids.ts";
import type { PageWish } from "../paging.ts";
import type { Site } from "./schema.ts";

const COLUMNS = [
  "site_id",
  "receptor_structure_id",
  "reference_structure_id",
  "center_x_angstrom",
  "center_y_angstrom",
  "center_z_angstrom",
  "size_x_angstrom",
  "size_y_angstrom",
  "size_z_angstrom",
  "name",
  "version",
  "report",
  "validation",
  "owner_id",
  "visibility",
  "created_at",
] as const;

export type NewSite = Omit<Site, "site_id" | "version" | "validation" | "created_at">;

/** One at a time at a receptor: of two that make the same site at once, the second finds what the first made. */
export async function waitForReceptor(tx: ResultsTx, receptorId: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('aliquot.site'), hashtext(${receptorId}))`.execute(tx);
}

/** Inserts a site as the next version of its owner's name. Two at once: the second waits and gets the next one. */
export async function insertSite(tx: ResultsTx, site: NewSite): Promise<Site> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('aliquot.site'), hashtext(${`${site.owner_id} ${site.name}`}))`.execute(
    tx,
  );
  const row = await tx
    .insertInto("binding_sites")
    .values((eb) => ({
      ...site,
      report: sql`${JSON.stringify(site.report)}::jsonb`,
      version: eb
        .selectFrom("binding_sites")
        .select(sql<number>`coalesce(max(version), 0) + 1`.as("next"))
        .where("owner_id", "=", site.owner_id)
        .where("name", "=", site.name),
    }))
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
  return row as unknown as Site;
}

/** The same receptor, box and reference as somebody with this ownership made them, newest first. */
export async function selectOptionalSameSite(db: ResultsDb, site: NewSite): Promise<Site | undefined> {
  let query = db
    .selectFrom("binding_sites")
    .select(COLUMNS)
    .where("receptor_structure_id", "=", site.receptor_structure_id)
    .where("visibility", "=", site.visibility)
    .where("name", "=", site.name)
    .where((eb) =>
      site.reference_structure_id === null
        ? eb("reference_structure_id", "is", null)
        : eb("reference_structure_id", "=", site.reference_structure_id),
    );
  for (const axis of ["x", "y", "z"] as const) {
    query = query
      .where(`center_${axis}_angstrom`, "=", site[`center_${axis}_angstrom`])
      .where(`size_${axis}_angstrom`, "=", site[`size_${axis}_angstrom`]);
  }
  if (site.visibility === "private") query = query.where("owner_id", "=", site.owner_id);
  const row = await query.orderBy("created_at", "desc").limit(1).executeTakeFirst();
  return row as unknown as Site | undefined;
}

/** A site by its id; undefined also where the text is none. */
export async function selectOptionalSite(db: ResultsDb, id: string): Promise<Site | undefined> {
  if (!isUuid(id)) return undefined;
  const row = await db
    .selectFrom("binding_sites")
    .select(COLUMNS)
    .where("site_id", "=", id)
    .executeTakeFirst();
  return row as unknown as Site | undefined;
}

/** A site that a name may mean, and whether it is the caller's. */
export type NamedSite = { site: Site; own: boolean };

/**
 * What each owner that the caller may see calls so, the caller's own first: `name` means its newest version, and
 * `name@version` comes before a site whose very name is that.
 */
export async function selectSitesNamed(db: ResultsDb, text: string): Promise<NamedSite[]> {
  const [, name = text, version] = /^(.*)@(\d{1,9})$/s.exec(text) ?? [];
  const ofEach = db
    .selectFrom("binding_sites")
    .select(COLUMNS)
    .select(sql<boolean>`coalesce(owner_id = (SELECT app_user()), false)`.as("own"))
    .distinctOn("owner_id")
    .where((eb) =>
      version === undefined
        ? eb("name", "=", text)
        : eb.or([
            eb("name", "=", text),
            eb.and([eb("name", "=", name), eb("version", "=", Number(version))]),
          ]),
    )
    .orderBy("owner_id")
    .orderBy(sql`name = ${text}`)
    // Not by time: of two made at once the one that began first may have come second.
    .orderBy("version", "desc");
  const rows = await db
    .selectFrom(ofEach.as("named"))
    .selectAll()
    .orderBy("own", "desc")
    .orderBy("created_at", "desc")
    .execute();
  return rows.map(({ own, ...site }) => ({ own, site: site as unknown as Site }));
}

/** Sites, newest first, by keyset. */
export async function selectSites(db: ResultsDb, page: PageWish): Promise<Site[]> {
  let query = db
    .selectFrom("binding_sites")
    .select(COLUMNS)
    .orderBy("created_at", "desc")
    .orderBy("site_id", "desc")
    .limit(page.limit);
  if (page.before !== undefined) {
    const { at, id } = page.before;
    query = query.where(sql<boolean>`(created_at, site_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  return (await query.execute()) as unknown as Site[];
}

/** Keeps the outcome of a redocking. Undefined where the site is not the caller's to change. */
export async function updateValidation(
  tx: ResultsTx,
  siteId: string,
  validation: object,
): Promise<Site | undefined> {
  const row = await tx
    .updateTable("binding_sites")
    .set({ validation: sql`${JSON.stringify(validation)}::jsonb` })
    .where("site_id", "=", siteId)
    .returning(COLUMNS)
    .executeTakeFirst();
  return row as unknown as Site | undefined;
}

export type RedockedPose = {
  private_to: string | null;
  pose_rank: number;
  seed: number;
  affinity_kcal_mol: number;
  rmsd_reference_angstrom: number;
};

/** Compound of the site's reference; null where that is known by its atoms only. */
const REFERENCE_COMPOUND = sql<string | null>`(SELECT k.compound_key FROM binding_sites s
  JOIN structures r ON r.structure_id = s.reference_structure_id
  JOIN molecules k ON k.molecule_id = r.molecule_id WHERE s.site_id = d.site_id)`;

/**
 * Poses of a job at a site that have an RMSD to its reference, best score first; its own, or those that answered it
 * from the cache. A stereoisomer has one too, so
 * where the reference's molecule is known the job's must be that compound.
 */
export async function selectRedocking(db: ResultsDb, siteId: string, jobId: string): Promise<RedockedPose[]> {
  const rows = await db
    .selectFrom("docking_results as d")
    .leftJoin("molecules as m", "m.molecule_id", "d.molecule_id")
    .select(["d.private_to", "d.pose_rank", "d.seed", "d.affinity_kcal_mol", "d.rmsd_reference_angstrom"])
    .where(
      sql<boolean>`(d.job_id = ${jobId} OR (d.job_id, d.task_name) IN (SELECT o.job_id, o.task_name
        FROM task_executions e JOIN task_executions o ON o.exec_id = e.cached_from WHERE e.job_id = ${jobId}))`,
    )
    .where("d.site_id", "=", siteId)
    .where("d.rmsd_reference_angstrom", "is not", null)
    .where(sql<boolean>`coalesce(${REFERENCE_COMPOUND} = m.compound_key, true)`)
    .orderBy("d.pose_rank")
    .execute();
  return rows as RedockedPose[];
}
