import { type Static, type TSchema, Type } from "typebox";
import { VinaParams, VinaPose } from "../engines/vina/schema.ts";
import {
  about,
  CREATED_AT,
  closed,
  count,
  id,
  integer,
  list,
  MOST_IDS,
  MOST_IDS_IN_URL,
  NextCursor,
  nullable,
  number,
  text,
  word,
} from "../fields.ts";
import { JobId, SUBMISSION_CHOICES } from "../jobs/schema.ts";
import { Rejected } from "../molecules/schema.ts";
import { PageInput } from "../paging.ts";
import { GivenMolecules, MOST_RECORDS, NoBatch, RequestedJobs } from "../requests/schema.ts";
import { SiteId, SiteText } from "../sites/schema.ts";

/** What is done with a ligand whose stereo is not fully drawn. */
export const STEREO_MODES = ["enumerate", "arbitrary", "refuse"] as const;
export type StereoMode = (typeof STEREO_MODES)[number];
export const StereoChoice = word(
  STEREO_MODES,
  "What is done with stereo that the drawing leaves open: `enumerate` (where left out) one job for each isomer, `arbitrary` any one of them, or `refuse` the record.",
);

const vina = VinaParams.properties;

/** What a person may ask of Vina for molecules at a site. */
export const SubmitDocking = closed({
  site: SiteText,
  molecules: Type.With(GivenMolecules, { minItems: 1, maxItems: MOST_RECORDS }),
  exhaustiveness: Type.Optional(
    about(vina.exhaustiveness, "How long it searches: searches per ligand; 8 where left out."),
  ),
  num_modes: Type.Optional(about(vina.num_modes, "Poses at most of each ligand; 9 where left out.")),
  energy_range_kcal_mol: Type.Optional(
    about(
      vina.energy_range_kcal_mol,
      "Poses that are worse than the best by more are left out; 3 where left out.",
    ),
  ),
  seed: Type.Optional(
    about(
      vina.seed,
      "Of the search and of the ligand's 3D: the same one gives the same poses; 42 where left out.",
      {
        unit: "1",
      },
    ),
  ),
  stereo: Type.Optional(StereoChoice),
  ...SUBMISSION_CHOICES,
});
export type SubmitDocking = Static<typeof SubmitDocking>;

export const SubmittedDocking = Type.Object({
  batch_id: NoBatch,
  site_id: SiteId,
  jobs: RequestedJobs,
  rejected: Rejected,
});
export type SubmittedDocking = Static<typeof SubmittedDocking>;

const Check = Type.Object({
  name: text("What was looked at."),
  passed: Type.Boolean({ description: "Whether it was as it should be." }),
  weight: number("1", "How much it counts in the confidence of the result.", { minimum: 0 }),
  detail: Type.Optional(text("More of it in words.")),
});

/** What the table keeps too where a program does not state it. */
const orUnstated = <T extends TSchema & { description?: string }>(schema: T) =>
  nullable(schema, `${schema.description ?? ""} Null where the program does not state it.`);
const UNSTATED = {
  inter_kcal_mol: orUnstated(VinaPose.properties.inter_kcal_mol),
  intra_kcal_mol: orUnstated(VinaPose.properties.intra_kcal_mol),
  unbound_kcal_mol: orUnstated(VinaPose.properties.unbound_kcal_mol),
  rmsd_lb_angstrom: orUnstated(VinaPose.properties.rmsd_lb_angstrom),
  rmsd_ub_angstrom: orUnstated(VinaPose.properties.rmsd_ub_angstrom),
};

/** A row of `docking_results` with what its molecule is. */
export const DockingResult = Type.Object({
  result_id: id("The pose."),
  job_id: id("Job whose result it is."),
  cached_from_job_id: Type.Optional(
    nullable(
      id(),
      "In a list by job alone: the job whose poses answer this one from the cache; null for its own.",
    ),
  ),
  task_name: text("Task of that job."),
  protocol_id: id("Protocol that it stands under: scores are comparable only within one, and one site."),
  site_id: id("Where it was docked."),
  molecule_id: id("Molecule that was docked."),
  smiles: nullable(text(), "Canonical SMILES of the molecule; null where that is not yours to see."),
  name: nullable(text(), "What its owner calls the molecule, where you may see that."),
  compound_key: nullable(
    text(),
    "What all salts, charge states and tautomers of the molecule share; null where that is not yours to see.",
  ),
  seed: integer("1", "Seed of the search and of the ligand's 3D; seeds are repeats of one question."),
  affinity_source: word(
    ["terms", "reported"],
    "Where the score is from: computed from the printed `terms`, or as it was `reported`.",
  ),
  torsions: count("Bonds that were turned (N_rot)."),
  heavy_atoms: count("Heavy atoms of the ligand."),
  ligand_efficiency: number("kcal/mol", "−affinity / heavy atoms; higher is better."),
  pose_structure_id: id("The pose with all hydrogens, as a structure."),
  checks: list(Check, "What was checked of the run, and how it came out."),
  program: text("Program that docked it."),
  program_version: text("Its version, as it states it."),
  created_at: CREATED_AT,
  ...VinaPose.properties,
  ...UNSTATED,
});
export type DockingResult = Static<typeof DockingResult>;

/**
 * Of which each the best is shown: every pose, each molecule, each compound (its salts, states and tautomers; an
 * isomer is another one), or each skeleton (all that differ in stereo only, too).
 */
export const BEST_PER = ["pose", "molecule", "compound", "skeleton"] as const;
export type BestPer = (typeof BEST_PER)[number];

export const QueryDocking = closed({
  site: Type.Optional(
    about(
      SiteText,
      "The binding site: its id, its name (the newest version), or name@version. Needed where several have results.",
    ),
  ),
  job_ids: Type.Optional(
    list(
      JobId,
      "All poses of these jobs, in the order of the jobs, instead of a ranking at a site; longer lists in parts.",
      {
        minItems: 1,
        maxItems: MOST_IDS_IN_URL,
      },
    ),
  ),
  protocol_id: Type.Optional(id("Only scores under this protocol; needed where the site has several.")),
  molecule_id: Type.Optional(id("Only poses of this molecule.")),
  per: Type.Optional(
    word(
      BEST_PER,
      "Of which each the best is shown: `pose` every one, `molecule` (where left out), `compound` its salts, states and tautomers together, or `skeleton` its isomers too.",
    ),
  ),
  max_affinity_kcal_mol: Type.Optional(
    number("kcal/mol", "Only scores of this or better: lower is better.", { minimum: -50, maximum: 50 }),
  ),
  ...PageInput.properties,
});
export type QueryDocking = Static<typeof QueryDocking>;

const optionalId = nullable(id(), "");
export const DockingPage = Type.Object({
  items: list(DockingResult, "Poses: best score first at a site, or those of the jobs."),
  next_cursor: NextCursor,
  site_id: about(optionalId, "Site that was ranked at; null for a list by job, which ranks nothing."),
  protocol_id: about(
    optionalId,
    "Protocol that all these scores stand under; null for a list by job, and where there is none.",
  ),
});

export const ExportPoses = closed({
  result_ids: list(id(), "The poses, in the order in which they are to be written.", {
    minItems: 1,
    maxItems: MOST_IDS,
  }),
});
export const ExportedPoses = Type.Object({
  records: count("Poses that were written."),
  content: text("An SD file: each pose with all its hydrogens, its scores, and its ids."),
});
