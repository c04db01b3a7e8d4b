import { type Command, Option } from "commander";
import { listCalculationsOfJobs } from "../calculations/operations.ts";
import type { Calculation } from "../calculations/schema.ts";
import { type DockingResult, STEREO_MODES } from "../docking/schema.ts";
import { AppError } from "../errors.ts";
import type { JobRow } from "../jobs/schema.ts";
import { runPipelineOperation } from "../pipelines/operations.ts";
import type { RanPipeline, RunPipeline } from "../pipelines/run.ts";
import { MOST_RECORDS } from "../requests/schema.ts";
import type { Cli } from "./cli.ts";
import { describeDocking, resultsOf } from "./dock.ts";
import { describeFailure, follow } from "./follow.ts";
import { readGiven } from "./given.ts";
import { ids, type Params, param, priority } from "./options.ts";
import { describeResults } from "./xtb.ts";

type Options = {
  molecules?: string;
  structure: string[];
  site?: string;
  stereo?: string;
  param?: Params;
  version?: string;
  private?: boolean;
  priority?: number;
  cache: boolean;
  wait?: boolean;
};

/** A result of any engine, and which. */
type Result = ({ engine: "vina" } & DockingResult) | ({ engine: "xtb" } & Calculation);

export function registerRun(pipeline: Command, cli: Cli): void {
  pipeline
    .command("run <pipeline> [file-or-smiles...]")
    .description("run a published pipeline: one job for each molecule or structure")
    .option("--molecules <file>", "SMILES list, SDF or MOL")
    .option("--structure <id...>", "structures that were added before", ids, [])
    .option("--site <site>", "where a pipeline docks: id, name or name@version")
    .addOption(
      new Option("--stereo <mode>", "what to do with stereo that is not drawn").choices([...STEREO_MODES]),
    )
    .option("--param <key=value>", "a parameter of the pipeline (may be said again)", param)
    .option("--version <version>", "this one, not the latest published")
    .option("--private", "only you and the organization's admins see it")
    .option("--priority <p>", "0 to 9, the higher the sooner (5)", priority)
    .option("--no-cache", "run again even where a completed job asked the same")
    .option("--wait", "wait for the results")
    .action((text: string, smiles: string[], options: Options) => run(cli, text, smiles, options));
}

async function run(cli: Cli, pipeline: string, smiles: string[], options: Options): Promise<void> {
  const input = await requestOf(pipeline, smiles, options);
  const answer = await cli.ask(runPipelineOperation, input, { once: true });
  const { engines } = answer;
  const read = async (job_ids: string[]): Promise<Result[]> => {
    const results: Result[] = [];
    if (engines.includes("vina")) {
      const items = await resultsOf(cli, job_ids);
      results.push(...items.map((row) => ({ engine: "vina" as const, ...row })));
    }
    if (engines.includes("xtb")) {
      const { items } = await cli.ask(listCalculationsOfJobs, { job_ids });
      results.push(...items.map((row) => ({ engine: "xtb" as const, ...row })));
    }
    return results;
  };
  const [wait, isPrivate] = [options.wait === true, options.private === true];
  await follow(cli, answer, { wait, engines, isPrivate, read, describe: describeRun });
}

async function requestOf(pipeline: string, smiles: string[], options: Options): Promise<RunPipeline> {
  const { molecules: path, structure, site, version, priority } = options;
  const { records: molecules, source_file } = await readGiven(smiles, path);
  if (molecules.length + structure.length === 0)
    throw new AppError("usage", "give SMILES, --molecules FILE or --structure ID (--help shows how)");
  if (molecules.length > MOST_RECORDS)
    throw new AppError(
      "bad_input",
      `${molecules.length} molecules are more than ${MOST_RECORDS} in one call: \`aliquot batch create ${pipeline}\` takes up to a million`,
    );
  const given = { site, version, priority, stereo: options.stereo, params: options.param };
  return {
    pipeline,
    molecules,
    structure_ids: structure,
    reuse: options.cache,
    on_reject: source_file === null ? "refuse" : "skip",
    ...(source_file === null ? {} : { source_file }),
    ...(options.private === true ? { visibility: "private" as const } : {}),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** Results engine by engine, as `dock` and `xtb` print theirs; a job that failed with its reason, once. */
function describeRun(jobs: JobRow[], results: Result[], answer: RanPipeline): string {
  const done = jobs.filter((job) => job.status === "completed");
  const { engines } = answer;
  const docked = results.filter((row) => row.engine === "vina");
  const calculated = results.filter((row) => row.engine === "xtb");
  const tables =
    done.length === 0
      ? []
      : [
          ...(engines.includes("vina") ? [describeDocking(done, docked, answer)] : []),
          ...(engines.includes("xtb") ? [describeResults(done, calculated, answer)] : []),
        ];
  const failed = jobs.filter((job) => job.status !== "completed").map((job) => describeFailure(job, answer));
  const parts = failed.length === 0 ? tables : [...tables, failed.join("\n")];
  return parts.join("\n\n");
}
