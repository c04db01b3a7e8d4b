import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { listCalculationsOfJobs, submitCalculationsOperation } from "../calculations/operations.ts";
import type { Calculation } from "../calculations/schema.ts";
import { DEMO_LIGANDS, DEMO_MOLECULES, DEMO_REDOCKED, DEMO_TARGET } from "../demo-molecules.ts";
import { queryDockingOperation, submitDockingOperation } from "../docking/operations.ts";
import type { DockingResult } from "../docking/schema.ts";
import { AppError } from "../errors.ts";
import type { JobRow, SubmittedJob } from "../jobs/schema.ts";
import { createOrgOperation, showOrgOperation } from "../orgs/operations.ts";
import { prepareReceptorOperation } from "../receptors/operations.ts";
import { createSiteOperation } from "../sites/operations.ts";
import type { Cli } from "./cli.ts";
import {
  type DemoDocking,
  type DemoRedock,
  type DemoResult,
  type DemoRow,
  describeDemo,
} from "./demo-report.ts";
import { ExitWith } from "./exit.ts";
import { Interrupted } from "./interrupt.ts";
import { waitForJobs } from "./wait.ts";

/** What was submitted, each list in the order of the demo's own. */
type Submitted = { docking: SubmittedJob[]; calculations: SubmittedJob[] };

export function register(program: Command, cli: Cli): void {
  program
    .command("demo")
    .description(
      "redock amprenavir into HIV-1 protease, dock seven more, optimise twenty molecules with GFN2-xTB; a second run reuses them",
    )
    .action(() => demo(cli));
}

async function demo(cli: Cli): Promise<void> {
  const began = { wall: performance.now(), cpu: process.cpuUsage() };
  await meanDemo(cli);
  const submitted = await submitAll(cli);
  const all = [...submitted.docking, ...submitted.calculations];
  announce(cli, all);
  const ids = [...new Set(all.map((job) => job.job_id))];
  const jobs = await untilDone(cli, ids);
  const docked = await cli.ask(queryDockingOperation, {
    job_ids: submitted.docking.map((job) => job.job_id),
  });
  const optimised = await cli.ask(listCalculationsOfJobs, {
    job_ids: submitted.calculations.map((job) => job.job_id),
  });
  const own = process.cpuUsage(began.cpu);
  const result: DemoResult = {
    redock: redockOf(docked.items, submitted.docking[0]),
    docking: [DEMO_REDOCKED, ...DEMO_LIGANDS].map((ligand, index) =>
      dockingOf(ligand, submitted.docking[index], docked.items, jobs),
    ),
    calculations: DEMO_MOLECULES.map((molecule, index) =>
      calculationOf(molecule, submitted.calculations[index], optimised.items),
    ),
    seconds: round((performance.now() - began.wall) / 1000),
    cpu_seconds: round((own.user + own.system) / 1e6 + engineSeconds(all, jobs)),
  };
  cli.out.result(result, describeDemo);
  if (jobs.some((job) => job.status !== "completed")) throw new ExitWith(1);
}

/** The longest run first: a slot of its own, while the other has everything else. */
async function submitAll(cli: Cli): Promise<Submitted> {
  const site = await demoSite(cli);
  const { exhaustiveness, seed } = DEMO_TARGET;
  const dock = (ligands: readonly { name: string; smiles: string }[], priority: number) =>
    cli.ask(submitDockingOperation, {
      site,
      molecules: ligands.map(({ name, smiles }) => ({ text: smiles, name, format: "smiles" as const })),
      exhaustiveness,
      seed,
      priority,
    });
  const redocked = await dock([DEMO_REDOCKED], 9);
  const others = await dock(DEMO_LIGANDS, 8);
  const calculations = await cli.ask(submitCalculationsOperation, {
    task: "optimize",
    molecules: DEMO_MOLECULES.map(({ name, smiles }) => ({ text: smiles, name, format: "smiles" as const })),
  });
  return { docking: [...redocked.jobs, ...others.jobs], calculations: calculations.jobs };
}

/** The receptor with its flap water, and the box around amprenavir's place in it. */
async function demoSite(cli: Cli): Promise<string> {
  const { file, water, residue, center_angstrom, size_angstrom } = DEMO_TARGET;
  const bytes = await readFile(new URL(`../../examples/${file}`, import.meta.url)).catch((cause) => {
    throw new AppError("unavailable", `examples/${file} is missing from this installation`, { cause });
  });
  const receptor = await cli.ask(prepareReceptorOperation, {
    file_name: file,
    content_base64: bytes.toString("base64"),
    keep_waters: [water],
  });
  const site = await cli.ask(createSiteOperation, {
    receptor_structure_id: receptor.structure_id,
    name: "HIV-1 protease",
    center_angstrom: [...center_angstrom],
    size_angstrom: [...size_angstrom],
    reference: { residue, smiles: DEMO_REDOCKED.smiles },
  });
  return site.site_id;
}

function announce(cli: Cli, jobs: SubmittedJob[]): void {
  const reused = jobs.filter((job) => job.cached).length;
  if (reused > 0)
    cli.out.say(`${reused} of ${jobs.length} were computed before: their jobs answer by input signature`);
  if (reused < jobs.length)
    cli.out.say(
      `running ${jobs.length - reused} jobs, docking first; amprenavir alone takes about a minute of CPU`,
    );
}

async function untilDone(cli: Cli, ids: string[]): Promise<JobRow[]> {
  try {
    return await waitForJobs(cli, ids, "vina", "xtb");
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    cli.out.say("interrupted: run `aliquot demo` again, it goes on with what is left");
    throw error;
  }
}

function redockOf(results: DockingResult[], job: SubmittedJob | undefined): DemoRedock {
  const poses = results.filter((row) => row.job_id === job?.job_id);
  const [first] = poses;
  const known = poses.flatMap(({ pose_rank, rmsd_reference_angstrom: rmsd }) =>
    rmsd === null ? [] : [{ pose_rank, rmsd }],
  );
  const [best] = known.toSorted((a, b) => a.rmsd - b.rmsd);
  return {
    affinity_kcal_mol: first?.affinity_kcal_mol ?? null,
    affinity_reported_kcal_mol: first?.affinity_reported_kcal_mol ?? null,
    rmsd_angstrom: first?.rmsd_reference_angstrom ?? null,
    best_rmsd_angstrom: best?.rmsd ?? null,
    best_rmsd_rank: best?.pose_rank ?? null,
    rmsd_symmetry_mate_angstrom: first?.rmsd_symmetry_mate_angstrom ?? null,
    waters_kept: [DEMO_TARGET.water],
    seed: DEMO_TARGET.seed,
  };
}

function dockingOf(
  { name, smiles }: { name: string; smiles: string },
  job: SubmittedJob | undefined,
  results: DockingResult[],
  jobs: JobRow[],
): DemoDocking {
  const poses = results.filter((row) => row.job_id === job?.job_id);
  return {
    name,
    smiles,
    affinity_kcal_mol: poses[0]?.affinity_kcal_mol ?? null,
    affinity_reported_kcal_mol: poses[0]?.affinity_reported_kcal_mol ?? null,
    poses: poses.length,
    wall_seconds: timesOf(jobs.find((row) => row.job_id === job?.job_id)).wall_seconds,
    reused: job?.cached ?? false,
  };
}

function calculationOf(
  { name, smiles }: { name: string; smiles: string },
  job: SubmittedJob | undefined,
  results: Calculation[],
): DemoRow {
  const row = results.find(({ job_id }) => job_id === job?.job_id);
  return {
    name,
    smiles,
    energy_eh: row?.energy_eh ?? null,
    gap_ev: row?.gap_ev ?? null,
    dipole_debye: row?.dipole_debye ?? null,
    optimization_cycles: row?.optimization_cycles ?? null,
    wall_seconds: row?.wall_seconds ?? null,
    converged: row?.convergence_status === "converged",
    reused: job?.cached ?? false,
  };
}

type Times = { wall_seconds: number | null; cpu_seconds: number | null };

/** What a job's one task took, as its metrics say. */
function timesOf(job: JobRow | undefined): Times {
  const [times] = Object.values((job?.metrics ?? {}) as Record<string, Times>);
  return times ?? { wall_seconds: null, cpu_seconds: null };
}

/** CPU of the engines in this run: what was answered from before took none. */
function engineSeconds(submitted: SubmittedJob[], jobs: JobRow[]): number {
  const fresh = new Set(submitted.filter((job) => !job.cached).map((job) => job.job_id));
  return jobs
    .filter((job) => fresh.has(job.job_id))
    .reduce((sum, job) => sum + (timesOf(job).cpu_seconds ?? 0), 0);
}

/** From here on the command means the organization `demo`, which is made where it is missing. */
async function meanDemo(cli: Cli): Promise<void> {
  const there = await cli.ask(showOrgOperation, { org: "demo" }, { of: "demo" }).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.kind !== "not_found") throw error;
    return undefined;
  });
  const org =
    there?.status === "active"
      ? there
      : await cli.ask(createOrgOperation, { name: "demo" }, { outside: true });
  if (there === undefined) cli.out.say("made the organization demo with its own database");
  await cli.chooseFirst(org);
  cli.mean(org);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
