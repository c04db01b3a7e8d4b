import { basename } from "node:path";
import { type Command, Option } from "commander";
import { CreateBatch } from "../batches/schema.ts";
import { listCalculationsOfJobs, submitCalculationsOperation } from "../calculations/operations.ts";
import type { Calculation, SubmitCalculations, SubmittedCalculations } from "../calculations/schema.ts";
import { ALPB_SOLVENTS, OPTIMIZATION_LEVELS } from "../engines/xtb/schema.ts";
import { AppError } from "../errors.ts";
import type { JobRow } from "../jobs/schema.ts";
import { readMoleculeFile } from "../molecules/read-file.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import { chosenAmong } from "../requests/params.ts";
import { MOST_RECORDS } from "../requests/schema.ts";
import { XTB_CHOICES } from "../requests/xtb.ts";
import { addStructure } from "../structures/operations.ts";
import { formatOfName } from "../structures/read.ts";
import { submitBatch } from "./batch-submit.ts";
import type { Cli } from "./cli.ts";
import { describeFailure, follow } from "./follow.ts";
import { namesFile } from "./given.ts";
import { ids, MOST_SEED, priority, ranged, readInput } from "./options.ts";
import { fixed, table } from "./out.ts";

type Options = {
  molecules?: string;
  structure: string[];
  singlePoint?: boolean;
  solvent?: string;
  charge?: number;
  multiplicity?: number;
  vertical?: boolean;
  gfn?: string;
  level?: string;
  cycles?: number;
  seed?: number;
  large?: boolean;
  private?: boolean;
  priority?: number;
  cache: boolean;
  wait?: boolean;
};

export function register(program: Command, cli: Cli): void {
  program
    .command("xtb [file-or-smiles...]")
    .description("geometry optimisation (or a single point) with GFN2-xTB: one job for each molecule")
    .option("--molecules <file>", "SMILES list, SDF/MOL, or XYZ coordinates")
    .option("--structure <id...>", "structures that were added before", ids, [])
    .option("--single-point", "energy and properties at the given geometry")
    .addOption(new Option("--solvent <name>", "implicit solvent (ALPB)").choices([...ALPB_SOLVENTS]))
    .option("--charge <q>", "net charge in e; another than drawn needs --vertical", ranged(-100, 100))
    .option("--multiplicity <m>", "spin multiplicity 2S+1", ranged(1, 100))
    .option("--vertical", "keep the drawn species' geometry for another charge")
    .addOption(new Option("--gfn <method>", "Hamiltonian").choices(["1", "2", "ff"]).default("2"))
    .addOption(new Option("--level <level>", "how tightly to optimise").choices([...OPTIMIZATION_LEVELS]))
    .option("--cycles <n>", "most optimisation cycles", ranged(1, 100_000))
    .option("--seed <n>", "seed of the 3D generator (42)", ranged(1, MOST_SEED))
    .option("--large", "allow more than 200 atoms")
    .option("--private", "only you and the organization's admins see it")
    .option("--priority <p>", "0 to 9, the higher the sooner (5)", priority)
    .option("--no-cache", "run again even where a completed job asked the same")
    .option("--wait", "wait for the results")
    .action((smiles: string[], options: Options) => runXtb(cli, smiles, options));
}

async function runXtb(cli: Cli, smiles: string[], options: Options): Promise<void> {
  if (smiles.length === 0 && options.molecules === undefined && options.structure.length === 0) {
    throw new AppError("usage", "give SMILES, --molecules FILE or --structure ID (--help shows how)");
  }
  const [files, drawn]: [string[], string[]] = [[], []];
  for (const text of smiles) ((await namesFile(text)) ? files : drawn).push(text);
  if (options.molecules !== undefined) files.push(options.molecules);
  const input = requestOf(drawn, options);
  for (const path of files) await addFile(cli, path, options, input);
  if ((input.molecules ?? []).length + (input.structure_ids ?? []).length > MOST_RECORDS)
    return xtbBatch(cli, input, options);
  const answer = await cli.ask(submitCalculationsOperation, input, { once: true });
  await follow(cli, answer, {
    wait: options.wait === true,
    engines: ["xtb"],
    isPrivate: options.private === true,
    read: async (job_ids) => (await cli.ask(listCalculationsOfJobs, { job_ids })).items,
    describe: describeResults,
  });
}

/** More than one call takes: one batch, whose jobs are made as others end. */
async function xtbBatch(cli: Cli, input: SubmitCalculations, options: Options): Promise<void> {
  const { task, molecules = [], structure_ids = [], on_reject = "refuse", ...given } = input;
  const into = {
    ...chosenAmong(CreateBatch.properties, given),
    pipeline: task === "optimize" ? "xtb-optimize" : "xtb-singlepoint",
    params: chosenAmong(XTB_CHOICES, given),
  };
  await submitBatch(
    cli,
    { into, records: molecules, structure_ids, on_reject },
    { wait: options.wait === true },
  );
}

function requestOf(smiles: string[], options: Options): SubmitCalculations {
  const { solvent, charge, multiplicity, vertical, seed, level, cycles, large, priority } = options;
  const given = { charge, multiplicity, vertical, seed, large, priority, max_optimization_cycles: cycles };
  return {
    task: options.singlePoint === true ? "single_point" : "optimize",
    method: options.gfn === "ff" ? "gfnff" : `gfn${(options.gfn ?? "2") as "1" | "2"}`,
    molecules: smiles.map((text) => ({ text, format: "smiles" as const })),
    structure_ids: [...options.structure],
    reuse: options.cache,
    on_reject: "refuse",
    ...(solvent === undefined ? {} : { solvent: solvent as SubmitCalculations["solvent"] & string }),
    ...(level === undefined
      ? {}
      : { optimization_level: level as SubmitCalculations["optimization_level"] & string }),
    ...(options.private === true ? { visibility: "private" as const } : {}),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** Records of a file: SMILES and SDF become molecules, XYZ a structure of its own. */
async function addFile(cli: Cli, path: string, options: Options, input: SubmitCalculations): Promise<void> {
  const name = basename(path);
  if (!name.toLowerCase().endsWith(".xyz")) {
    const records: MoleculeRecord[] = await readMoleculeFile(path);
    input.molecules = [...(input.molecules ?? []), ...records];
    input.on_reject = "skip";
    input.source_file = name;
    return;
  }
  const { charge, multiplicity } = options;
  const row = await cli.ask(addStructure, {
    file_name: name,
    format: formatOfName(name),
    content_base64: (await readInput(path)).toString("base64"),
    ...(charge === undefined ? {} : { charge }),
    ...(multiplicity === undefined ? {} : { multiplicity }),
    ...(options.private === true ? { visibility: "private" as const } : {}),
  });
  input.structure_ids = [...(input.structure_ids ?? []), row.structure_id];
}

/** Results of a run as a table; a job that failed with its reason. */
export function describeResults(
  jobs: JobRow[],
  results: Calculation[],
  answer: SubmittedCalculations,
): string {
  const cached = new Set(answer.jobs.filter((job) => job.cached).map((job) => job.job_id));
  const rows = results.map((row) => [
    row.smiles ?? row.structure_id,
    row.method + (row.solvent === null ? "" : `/${row.solvent}`),
    row.charge,
    row.multiplicity,
    fixed(row.energy_eh, 6),
    fixed(row.gap_ev, 3),
    fixed(row.dipole_debye, 3),
    row.optimization_cycles,
    fixed(row.wall_seconds, 2),
    [...row.quality_flags, ...(cached.has(row.job_id ?? "") ? ["reused"] : [])].join(" "),
  ]);
  const headers = [
    "molecule",
    "method",
    "charge",
    "mult.",
    "energy/Eh",
    "gap/eV",
    "dipole/D",
    "cycles",
    "s",
    "notes",
  ];
  const failed = jobs.filter((job) => job.status !== "completed").map((job) => describeFailure(job, answer));
  return [table(headers, rows, "no results"), ...failed].join("\n");
}
