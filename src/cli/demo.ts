import type { Command } from "commander";
import { localPrincipal, type Principal } from "../access/principal.ts";
import { listCalculationsOfJobs, submitCalculationsOperation } from "../calculations/operations.ts";
import { DEMO_MOLECULES } from "../demo-molecules.ts";
import { createOrgOperation } from "../orgs/operations.ts";
import { selectOptionalPlaceByText } from "../orgs/store.ts";
import { perform } from "../perform.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { fixed, table } from "./out.ts";
import { Interrupted, waitForJobs } from "./wait.ts";

export type DemoRow = {
  name: string;
  smiles: string;
  energy_eh: number | null;
  gap_ev: number | null;
  dipole_debye: number | null;
  optimization_cycles: number | null;
  wall_seconds: number | null;
  converged: boolean;
  reused: boolean;
};

export type DemoResult = { calculations: DemoRow[]; seconds: number; cpu_seconds: number };

export function register(program: Command, cli: Cli): void {
  program
    .command("demo")
    .description(
      "optimise twenty molecules with GFN2-xTB in an organization called demo; a second run reuses them",
    )
    .action(() => demo(cli));
}

async function demo(cli: Cli): Promise<void> {
  const began = { wall: performance.now(), cpu: process.cpuUsage() };
  const principal = await demoPrincipal(cli);
  const context = await cli.context();
  const answer = await perform(context, submitCalculationsOperation, principal, {
    task: "optimize",
    molecules: DEMO_MOLECULES.map(({ name, smiles }) => ({ text: smiles, name, format: "smiles" as const })),
  });
  const reused = answer.jobs.filter((job) => job.cached).length;
  if (reused > 0)
    cli.out.say(
      `${reused} of ${answer.jobs.length} were computed before: their jobs answer by input signature`,
    );
  if (reused < answer.jobs.length)
    cli.out.say(
      `running ${answer.jobs.length - reused} GFN2-xTB optimisations, each from a fresh 3D structure`,
    );
  const ids = answer.jobs.map((job) => job.job_id);
  try {
    await waitForJobs(cli, principal, ids, "xtb");
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    cli.out.say("interrupted: run `aliquot demo` again, it goes on with what is left");
    throw new ExitWith(130);
  }
  const { items } = await perform(context, listCalculationsOfJobs, principal, { job_ids: ids });
  const byJob = new Map(items.map((row) => [row.job_id, row]));
  let engineCpu = 0;
  const calculations = DEMO_MOLECULES.map(({ name, smiles }, index): DemoRow => {
    const job = answer.jobs[index];
    const row = byJob.get(job?.job_id ?? "");
    if (job?.cached === false) engineCpu += row?.cpu_seconds ?? 0;
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
  });
  const own = process.cpuUsage(began.cpu);
  const result: DemoResult = {
    calculations,
    seconds: round((performance.now() - began.wall) / 1000),
    cpu_seconds: round((own.user + own.system) / 1e6 + engineCpu),
  };
  cli.out.result(result, describe);
  if (calculations.some((row) => !row.converged)) throw new ExitWith(1);
}

/** The operator in the organization `demo`, which is made where it is missing. */
async function demoPrincipal(cli: Cli): Promise<Principal> {
  const context = await cli.context();
  const there = await context.metadata.system((tx) => selectOptionalPlaceByText(tx, "demo"));
  const org =
    there?.status === "active"
      ? there
      : await perform(
          context,
          createOrgOperation,
          await localPrincipal(context.metadata, cli.options.as ?? "admin", null),
          { name: "demo" },
        );
  if (there === undefined) cli.out.say("made the organization demo with its own database");
  await cli.chooseFirst(org.org_id);
  return localPrincipal(context.metadata, cli.options.as ?? "admin", org.org_id);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function describe({ calculations, seconds, cpu_seconds }: DemoResult): string {
  const rows = calculations.map((row) => [
    row.name,
    fixed(row.energy_eh, 6),
    fixed(row.gap_ev, 3),
    fixed(row.dipole_debye, 3),
    row.optimization_cycles,
    fixed(row.wall_seconds, 2),
    row.converged ? (row.reused ? "reused" : "converged") : "failed",
  ]);
  return [
    table(["GFN2-xTB", "energy/Eh", "gap/eV", "dipole/D", "cycles", "s", ""], rows),
    `${calculations.length} optimisations in ${seconds} s (${cpu_seconds} s of CPU)`,
    "next: aliquot xtb CCO --wait · aliquot job list · aliquot shell -c 'select smiles, energy_eh from calculations join molecules using (molecule_id)'",
  ].join("\n");
}
