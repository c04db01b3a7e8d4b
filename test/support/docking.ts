import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import { insertPoses } from "../../src/docking/poses-store.ts";
import { newId, sha256 } from "../../src/ids.ts";
import { registerMolecules } from "../../src/molecules/store.ts";
import { perform } from "../../src/perform.ts";
import type { PublishedPipeline } from "../../src/pipelines/store.ts";
import { upsertProtocols } from "../../src/protocols/store.ts";
import { prepareReceptorOperation } from "../../src/receptors/operations.ts";
import type { PrepareReceptor } from "../../src/receptors/schema.ts";
import { createSiteOperation } from "../../src/sites/operations.ts";
import type { CreateSite, Site } from "../../src/sites/schema.ts";
import { formatMolblock } from "../../src/structures/molblock.ts";
import { ROOT } from "../house/sources.ts";
import { inResults, type TestContext } from "./context.ts";
import { madeUpSpecies } from "./engine.ts";
import { submitRequested } from "./submit-jobs.ts";

/** HIV-1 protease with amprenavir (residue 478), entry 1HPV as it is in `examples/`. */
export const HPV = readFileSync(join(ROOT, "examples", "1hpv.pdb"));

/** Around amprenavir's place there: its mid-box, and about 5 Å on each side of it. */
export const BOX = {
  center_angstrom: [9.4, 16.1, 9.2] as [number, number, number],
  size_angstrom: [20, 18, 26] as [number, number, number],
};

/** 1HPV with its flap water, through the door that people use. */
export function prepareHpv(context: TestContext, who: OrgPrincipal, more: Partial<PrepareReceptor> = {}) {
  return perform(context, prepareReceptorOperation, who, {
    file_name: "1hpv.pdb",
    content_base64: HPV.toString("base64"),
    keep_waters: ["201"],
    ...more,
  });
}

/** A site at a receptor: the usual box, unless something else is said. */
export function createSite(
  context: TestContext,
  who: OrgPrincipal,
  receptor: { structure_id: string },
  more: Partial<CreateSite> = BOX,
): Promise<Site & { created: boolean }> {
  return perform(context, createSiteOperation, who, {
    receptor_structure_id: receptor.structure_id,
    ...more,
  });
}

/** Every row of a list, `limit` at a time; fails where a page ends where the one before it did. */
export async function allPages<T>(
  page: (input: { limit: number; cursor?: string }) => Promise<{ items: T[]; next_cursor: string | null }>,
  limit: number,
): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null = null;
  do {
    const one = await page({ limit, ...(cursor === null ? {} : { cursor }) });
    if (one.items.length > limit) throw new Error(`${one.items.length} rows in a page of ${limit}`);
    if (cursor !== null && one.next_cursor === cursor) throw new Error("a page leads to itself");
    rows.push(...one.items);
    cursor = one.next_cursor;
  } while (cursor !== null);
  return rows;
}

/** An id that names nothing. */
export const MISSING = newId();

/** A docking run that was never run: its job, and poses with the scores that a test wants. */
export type MadeUpRun = {
  site: Site;
  molecule_id: string;
  protocol_id: string;
  /** One pose each, best first. */
  affinities: number[];
  seed?: number;
  visibility?: "private" | "organization";
  /** One for each pose; null where not given. */
  rmsds_reference_angstrom?: number[];
};

/** Writes a run's job, file and poses as a worker would. Returns its job and the file's text. */
export async function insertRun(
  context: TestContext,
  who: OrgPrincipal,
  run: MadeUpRun,
): Promise<{ job_id: string; sdf: string }> {
  const { site, molecule_id, protocol_id, affinities, seed = 42, visibility = "organization" } = run;
  const owned = { owner_id: who.user_id, visibility };
  const input = { key: "ligand", molecule_id, structure_id: null, identity: newId() };
  const [job] = await context.results.transact(who, (scope) =>
    submitRequested(scope, { ...owned, pipeline: madeUpPipeline(), priority: 5, reuse: false }, [
      { inputs: [input], params: { seed } },
    ]),
  );
  const job_id = job?.job_id ?? "";
  const sdf = affinities.map((affinity, index) => madeUpRecord(index + 1, affinity)).join("");
  const stored = await context.objects.put(who.org_id, Buffer.from(sdf));
  const poses = affinities.map((_, index) => ({
    structure_id: newId(),
    record: index + 1,
    geometry_hash: sha256(`${job_id} ${index}`),
  }));
  const results = affinities.map((affinity, index) => ({
    ...MADE_UP_POSE,
    checks: [{ name: "program_finished", weight: 3, passed: true }],
    job_id,
    protocol_id,
    site_id: site.site_id,
    molecule_id,
    seed,
    pose_rank: index + 1,
    affinity_kcal_mol: affinity,
    affinity_reported_kcal_mol: affinity - 0.1,
    rmsd_reference_angstrom: run.rmsds_reference_angstrom?.[index] ?? null,
    pose_structure_id: poses[index]?.structure_id ?? "",
    private_to: visibility === "private" ? who.user_id : null,
  }));
  const file = { ...stored, ...owned, molecule_id, charge: 0, preparation: {}, source: `job:${job_id}` };
  await inResults(context, who, ({ tx }) => insertPoses(tx, [{ file, poses, results }]));
  return { job_id, sdf };
}

const MADE_UP_POSE = {
  task_name: "dock",
  affinity_source: "terms",
  inter_kcal_mol: -9,
  intra_kcal_mol: -1,
  unbound_kcal_mol: -1,
  torsions: 2,
  heavy_atoms: 10,
  rmsd_lb_angstrom: 0,
  rmsd_ub_angstrom: 0,
  rmsd_symmetry_mate_angstrom: null,
  metadata: {},
  program: "vina",
  program_version: "1.2.3",
} as const;

/** A record of a pose file: one atom, whose place tells which record it is. */
function madeUpRecord(rank: number, affinity: number): string {
  const block = formatMolblock({
    name: `pose ${rank}`,
    geometry: { elements: ["C"], positions_angstrom: [[rank, affinity, 0]] },
    bonds: [],
    charges: [0],
    isotopes: [0],
    radicals: [0],
  });
  return `${block}> <pose_rank>\n${rank}\n\n> <affinity_kcal_mol>\n${affinity.toFixed(3)}\n\n$$$$\n`;
}

function madeUpPipeline(): PublishedPipeline {
  const dock = {
    task: "vina.dock",
    task_version: "1",
    engine: "vina",
    after: [],
    max_attempts: 3,
    params: {},
  };
  const spec = { version: "1", tasks: { dock } };
  return { pipeline_id: newId(), pipeline_version_id: newId(), name: "dock", version: "1", spec };
}

/** A protocol of this exhaustiveness. */
export async function insertProtocol(
  context: TestContext,
  org: { org_id: string },
  exhaustiveness: number,
): Promise<string> {
  const params = { exhaustiveness };
  const params_hash = sha256(`made up ${exhaustiveness}`);
  const protocol = { params_hash, task: "vina.dock", program: "vina", program_version: "1.2.3", params };
  const [id = ""] = await inResults(context, org, ({ tx }) => upsertProtocols(tx, [protocol]));
  return id;
}

/** Registers a species that no toolkit saw. */
export async function insertMolecule(
  context: TestContext,
  who: OrgPrincipal,
  smiles: string,
  more: { compound_key?: string; name?: string; visibility?: "private" | "organization" } = {},
): Promise<string> {
  const { compound_key = sha256(smiles).slice(0, 25), name = null, visibility = "organization" } = more;
  const [row] = await context.results.transact(who, ({ tx }) =>
    registerMolecules(tx, [
      {
        species: { ...madeUpSpecies(smiles), compound_key, skeleton_key: compound_key.slice(0, 14) },
        registration: {
          owner_id: who.user_id,
          visibility,
          name,
          input_text: smiles,
          source_file: null,
          source_row: null,
          properties: {},
        },
      },
    ]),
  );
  return row?.molecule_id ?? "";
}
