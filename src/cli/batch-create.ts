import { access } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, Option } from "commander";
import { showBatch } from "../batches/operations.ts";
import { STEREO_MODES } from "../docking/schema.ts";
import { AppError, unreadable } from "../errors.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import { streamMoleculeFile } from "../molecules/stream-file.ts";
import { type BatchSource, fillBatch, type Request } from "./batch-fill.ts";
import { printFilled } from "./batch-submit.ts";
import type { Cli } from "./cli.ts";
import { namesFile } from "./given.ts";
import { id, ids, type Params, param, priority } from "./options.ts";

type CreateOptions = {
  version?: string;
  molecules?: string;
  structure: string[];
  registered?: boolean;
  resume?: string;
  site?: string;
  stereo?: string;
  param?: Params;
  name?: string;
  private?: boolean;
  priority?: number;
  cache: boolean;
  onReject?: "skip" | "refuse";
  wait?: boolean;
};

export function registerCreate(batch: Command, cli: Cli): void {
  batch
    .command("create [pipeline] [file-or-smiles...]")
    .description("run a pipeline on up to a million molecules: one job for each, made as others end")
    .option("--version <version>", "of the pipeline; else the latest published")
    .option("--molecules <file>", "SMILES list, SDF or MOL, of any length")
    .option("--structure <id...>", "structures that were added before", ids, [])
    .option("--registered", "every molecule of the organization; with --private your own as well")
    .option(
      "--resume <batch>",
      "go on with a batch that was broken off, after its last record of the same file",
      id,
    )
    .option("--site <site>", "where a pipeline docks: id, name or name@version")
    .addOption(
      new Option("--stereo <mode>", "what to do with stereo that is not drawn").choices([...STEREO_MODES]),
    )
    .option("--param <key=value>", "a parameter of the pipeline (may be said again)", param)
    .option("--name <name>", "what you call it")
    .option("--private", "only you and the organization's admins see it")
    .option("--priority <p>", "0 to 9, the higher the sooner (5)", priority)
    .option("--no-cache", "run again even where a completed job asked the same")
    .addOption(
      new Option("--on-reject <how>", "what a bad record does (skip for a file, refuse for SMILES)").choices([
        "skip",
        "refuse",
      ]),
    )
    .option("--wait", "wait for the end")
    .action((pipeline: string | undefined, things: string[], options: CreateOptions) =>
      create(cli, pipeline, things, options),
    );
}

async function create(
  cli: Cli,
  pipeline: string | undefined,
  things: string[],
  options: CreateOptions,
): Promise<void> {
  if (options.resume !== undefined) refuseBesideResume(options);
  const given = options.resume === undefined || pipeline === undefined ? things : [pipeline, ...things];
  const paths = options.molecules === undefined ? [] : [options.molecules];
  const smiles: string[] = [];
  for (const text of given) ((await namesFile(text)) ? paths : smiles).push(text);
  if (options.resume !== undefined && smiles[0] !== undefined)
    throw new AppError(
      "usage",
      `--resume takes the file that the batch was made of, and nothing else: leave ${smiles[0]} out (its pipeline is known)`,
    );
  const [path, other] = paths;
  if (other !== undefined)
    throw new AppError("usage", "give one file: a batch goes on by the line of its file");
  if (smiles.length > 0 && path !== undefined)
    throw new AppError("usage", "give a file or SMILES, not both: a batch goes on by the line of its file");
  const nothing = path === undefined && smiles.length === 0 && options.structure.length === 0;
  if (nothing && options.registered !== true)
    throw new AppError("usage", "give SMILES, a file, --structure ID or --registered (--help shows how)");
  if (path !== undefined)
    await access(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
  const source: BatchSource = {
    into:
      options.resume === undefined
        ? requestOf(pipeline, path, options)
        : await broken(cli, options.resume, path),
    records:
      path === undefined
        ? smiles.map((text): MoleculeRecord => ({ text, format: "smiles" }))
        : streamMoleculeFile(path),
    structure_ids: options.structure,
    registered: options.registered === true,
    on_reject: options.onReject ?? (path === undefined && options.registered !== true ? "refuse" : "skip"),
  };
  await printFilled(cli, await fillBatch(cli, source), { wait: options.wait === true });
}

function requestOf(pipeline: string | undefined, path: string | undefined, options: CreateOptions): Request {
  if (pipeline === undefined)
    throw new AppError("usage", "say which pipeline: `aliquot pipeline list` shows them (--help shows how)");
  const { version, site, name, priority, param: params, stereo } = options;
  const given = {
    version,
    site,
    name,
    priority,
    params,
    stereo,
    source_file: path === undefined ? undefined : basename(path),
  };
  return {
    pipeline,
    reuse: options.cache,
    ...(options.private === true ? { visibility: "private" as const } : {}),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** What the batch was asked for stands: what would be said anew here would not be obeyed. */
function refuseBesideResume(options: CreateOptions): void {
  const { version, site, stereo, param: params, name, priority, private: isPrivate, cache } = options;
  const said = [version, site, stereo, params, name, priority, isPrivate].some((one) => one !== undefined);
  if (said || !cache)
    throw new AppError("usage", "--resume goes on as the batch was asked for: leave the other options out");
}

/** A batch that was broken off, and the record after which it goes on. Throws AppError usage. */
async function broken(
  cli: Cli,
  batch_id: string,
  path: string | undefined,
): Promise<{ batch_id: string; after: number }> {
  const row = await cli.ask(showBatch, { batch_id });
  if (row.status === "cancelled")
    throw new AppError("conflict", `batch ${batch_id} is cancelled: make a new one`);
  if (row.sealed_at !== null)
    throw new AppError(
      "conflict",
      `batch ${batch_id} is sealed with all its ${row.total_items} items: there is nothing to go on with`,
    );
  if (path === undefined || row.source_file !== basename(path))
    throw new AppError(
      "usage",
      `batch ${batch_id} was made of ${row.source_file ?? "no file"}: give that file`,
    );
  return { batch_id, after: row.last_source_row ?? 0 };
}
