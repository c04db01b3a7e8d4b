import { type Command, Option } from "commander";
import { CreateBatch } from "../batches/schema.ts";
import { queryDockingOperation, submitDockingOperation } from "../docking/operations.ts";
import { type DockingResult, STEREO_MODES, type SubmitDocking } from "../docking/schema.ts";
import { VinaParams } from "../engines/vina/schema.ts";
import { AppError } from "../errors.ts";
import { MOST_IDS_IN_URL } from "../fields.ts";
import type { JobRow } from "../jobs/schema.ts";
import { chosenAmong } from "../requests/params.ts";
import { MOST_RECORDS, type RequestedJob } from "../requests/schema.ts";
import { submitBatch } from "./batch-submit.ts";
import type { Cli } from "./cli.ts";
import {
  addReceptorOptions,
  addSiteOptions,
  checkSiteOptions,
  makeSite,
  type ReceptorOptions,
  receptorOf,
  type SiteOptions,
  visibilityOf,
} from "./docking-parts.ts";
import { describeFailure, follow } from "./follow.ts";
import { type Given, readGiven } from "./given.ts";
import { aboveZero, MOST_SEED, priority, ranged } from "./options.ts";
import { fixed, table } from "./out.ts";
import { sayPrepared } from "./receptor.ts";

type Options = ReceptorOptions &
  SiteOptions & {
    receptor?: string;
    site?: string;
    ligands: string[];
    exhaustiveness?: number;
    modes?: number;
    energyRange?: number;
    seed?: string;
    stereo?: string;
    priority?: number;
    cache: boolean;
    wait?: boolean;
  };

export function register(program: Command, cli: Cli): void {
  const dock = program
    .command("dock [file-or-smiles...]")
    .description("dock molecules at a binding site with AutoDock Vina: one job for each")
    .option("--receptor <file-or-id>", "a PDB file, or a receptor that was prepared before")
    .option("--site <site>", "a site that was made before: id, name or name@version")
    .option("--ligands <file-or-smiles...>", "SMILES, a SMILES list, or SDF/MOL", []);
  addSiteOptions(addReceptorOptions(dock))
    .option("--exhaustiveness <n>", "searches for each ligand (8)", ranged(1, 1024))
    .option("--modes <n>", "poses at most (9)", ranged(1, 100))
    .option("--energy-range <kcal/mol>", "poses worse than the best by more are left out (3)", aboveZero(100))
    .option("--seed <n>", "seed of the search and of the 3D (42); random draws one and keeps it")
    .addOption(
      new Option(
        "--stereo <mode>",
        "what to do with stereo that is not drawn: dock each isomer (up to 8), one of them, none",
      )
        .choices([...STEREO_MODES])
        .default("enumerate"),
    )
    .option("--private", "only you and the organization's admins see it")
    .option("--priority <p>", "0 to 9, the higher the sooner (5)", priority)
    .option("--no-cache", "run again even where a completed job asked the same")
    .option("--wait", "wait for the results")
    .action((smiles: string[], options: Options) => runDock(cli, smiles, options));
}

async function runDock(cli: Cli, smiles: string[], options: Options): Promise<void> {
  if ((options.site === undefined) === (options.receptor === undefined))
    throw new AppError(
      "usage",
      "say where to dock: --site NAME, or --receptor FILE with a box (--help shows how)",
    );
  if (options.site === undefined) checkSiteOptions(options);
  else refuseBoxBesideSite(options);
  const ligands = await readGiven([...smiles, ...options.ligands]);
  if (ligands.records.length === 0)
    throw new AppError("usage", "give ligands: SMILES, or --ligands FILE (--help shows how)");
  const asked = requestOf(options, ligands);
  const site = options.site ?? (await siteOf(cli, options.receptor ?? "", options));
  if (ligands.records.length > MOST_RECORDS) return dockBatch(cli, ligands, asked, site, options);
  const input = { ...asked, site, molecules: ligands.records };
  const answer = await cli.ask(submitDockingOperation, input, { once: true });
  await follow(cli, answer, {
    wait: options.wait === true,
    engines: ["vina"],
    isPrivate: options.private === true,
    read: (job_ids) => resultsOf(cli, job_ids),
    describe: describeDocking,
  });
}

/** More than one call takes: one batch, whose jobs are made as others end. */
async function dockBatch(
  cli: Cli,
  { records }: Given,
  asked: ReturnType<typeof requestOf>,
  site: string,
  options: Options,
): Promise<void> {
  const { on_reject = "refuse", ...given } = asked;
  const params = chosenAmong(VinaParams.properties, given);
  const into = { ...chosenAmong(CreateBatch.properties, given), pipeline: "dock", site, params };
  await submitBatch(cli, { into, records, on_reject }, { wait: options.wait === true });
}

function refuseBoxBesideSite(options: Options): void {
  const { center, size, around, reference, referenceSmiles, padding, largeBox } = options;
  const { chain, keepWater, dropHet, histidine } = options;
  const box = [center, size, around, reference, referenceSmiles, padding, largeBox];
  const given = [...box, chain, keepWater, dropHet, histidine];
  if (given.some((value) => value !== undefined))
    throw new AppError("usage", "--site already has its receptor and box: leave the other options out");
}

async function siteOf(cli: Cli, receptor: string, options: Options): Promise<string> {
  const { structure_id, prepared } = await receptorOf(cli, receptor, options);
  sayPrepared(cli, prepared);
  const site = await makeSite(cli, structure_id, options);
  cli.out.say(`${site.created ? "made" : "found"} site ${site.name}@${site.version} (${site.site_id})`);
  return site.site_id;
}

function requestOf(options: Options, ligands: Given): Omit<SubmitDocking, "site" | "molecules"> {
  const { exhaustiveness, modes, energyRange, priority } = options;
  const given = {
    exhaustiveness,
    num_modes: modes,
    energy_range_kcal_mol: energyRange,
    seed: options.seed === undefined ? undefined : seedOf(options.seed),
    priority,
    source_file: ligands.source_file ?? undefined,
  };
  return {
    stereo: options.stereo as (typeof STEREO_MODES)[number],
    reuse: options.cache,
    on_reject: ligands.source_file === null ? "refuse" : "skip",
    ...visibilityOf(options),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** A whole number, or one that is drawn now: what is stored is always the number. */
function seedOf(text: string): number {
  if (text === "random") return 1 + Math.floor(Math.random() * 2_147_483_646);
  const seed = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isInteger(seed) || seed < 1 || seed > MOST_SEED)
    throw new AppError("usage", `--seed takes a whole number from 1 to ${MOST_SEED}, or random`);
  return seed;
}

/** All poses of jobs, in the order of the jobs: in parts, because they are asked for in a URL. */
export async function resultsOf(cli: Cli, jobIds: string[]): Promise<DockingResult[]> {
  const results: DockingResult[] = [];
  // Isomers: a thousand drawings may be some thousand jobs.
  for (let at = 0; at < jobIds.length; at += MOST_IDS_IN_URL) {
    const job_ids = jobIds.slice(at, at + MOST_IDS_IN_URL);
    const page = await cli.ask(queryDockingOperation, { job_ids });
    results.push(...page.items);
  }
  return results;
}

/** The best pose of each job as a table; a job without one says why. */
export function describeDocking(
  jobs: JobRow[],
  results: DockingResult[],
  answer: { jobs: RequestedJob[] },
): string {
  const submitted = new Map(answer.jobs.map((job) => [job.job_id, job]));
  const posesOf = Map.groupBy(results, (row) => row.job_id);
  const rows = jobs.flatMap((job) => {
    if (job.status !== "completed") return [];
    const poses = posesOf.get(job.job_id) ?? [];
    const [best] = poses;
    const asked = submitted.get(job.job_id);
    return [
      [
        best?.name ?? best?.smiles ?? asked?.smiles ?? "",
        asked?.isomer ?? null,
        fixed(best?.affinity_kcal_mol, 2),
        fixed(best?.affinity_reported_kcal_mol, 2),
        fixed(best?.ligand_efficiency, 2),
        fixed(best?.rmsd_reference_angstrom, 2),
        poses.length,
        [
          ...(best === undefined ? [whyNoPose(job)] : failedChecks(best)),
          ...(asked?.cached === true ? ["reused"] : []),
        ].join(", "),
      ],
    ];
  });
  const names = ["molecule", "isomer", "Vina score", "as printed", "LE", "RMSD/Å", "poses", "notes"];
  const shown = dropEmpty(names, rows);
  const failed = jobs.filter((job) => job.status !== "completed").map((job) => describeFailure(job, answer));
  return [
    table(shown.headers, shown.rows, "no results"),
    ...(rows.length === 0 ? [] : ["Vina scores in kcal/mol: a ranking at one site, no measured affinity"]),
    ...failed,
  ].join("\n");
}

/** What the run itself said: rows that are not there prove nothing. */
function whyNoPose(job: JobRow): string {
  const tasks = Object.values((job.metrics ?? {}) as Record<string, { outcome?: string }>);
  return tasks.some(({ outcome }) => outcome === "no_favourable_pose")
    ? "no favourable pose"
    : "its poses are gone";
}

function failedChecks(row: DockingResult): string[] {
  const checks = row.checks as { name: string; passed: boolean }[];
  return checks.filter(({ passed }) => !passed).map(({ name }) => name);
}

type Cells = (string | number | null)[][];

/** Columns that say nothing in any row are left out. */
function dropEmpty(headers: string[], rows: Cells): { headers: string[]; rows: Cells } {
  const kept = headers.map((_, column) => rows.some((row) => row[column] !== null && row[column] !== ""));
  const keep = <T>(cells: T[]) => cells.filter((_, column) => kept[column]);
  return { headers: keep(headers), rows: rows.map(keep) };
}
