import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { exportPosesOperation, queryDockingOperation } from "../docking/operations.ts";
import { BEST_PER, type BestPer, type DockingResult } from "../docking/schema.ts";
import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { id, ids, limit, realRanged } from "./options.ts";
import { fixed, table } from "./out.ts";
import { registerCalculations } from "./query-calculations.ts";

/** Poses that one call writes. */
const MOST_RECORDS = 1000;

type Options = {
  site?: string;
  job?: string[];
  protocol?: string;
  molecule?: string;
  per: BestPer;
  maxAffinity?: number;
  limit?: number;
  cursor?: string;
  sdf?: string;
};

export function register(program: Command, cli: Cli): void {
  const query = program.command("query").description("ask questions of the results");
  registerCalculations(query, cli);
  query
    .command("docking")
    .description("best poses at a site, or all poses of jobs; --sdf writes them as a file")
    .option("--site <site>", "id, name or name@version; not needed where only one has results")
    .option("--job <id...>", "poses of these jobs, in their order", ids)
    .option("--protocol <id>", "scores are compared within one protocol; needed where a site has several", id)
    .option("--molecule <id>", "of this molecule only", id)
    .addOption(
      new Option(
        "--per <what>",
        "show the best of each: pose, molecule, compound (its salts, states and tautomers), skeleton (its isomers too)",
      )
        .choices([...BEST_PER])
        .default("molecule"),
    )
    .option("--max-affinity <kcal/mol>", "scores of this or better, e.g. -8", realRanged(-50, 50))
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .option("--sdf <file>", "write these poses, with all hydrogens, as an SD file; - is the standard output")
    .action((options: Options) => queryDocking(cli, options));
}

async function queryDocking(cli: Cli, options: Options): Promise<void> {
  if (options.sdf === "-" && cli.out.json)
    throw new AppError("usage", "--sdf - and --json both want the standard output");
  if (options.sdf !== undefined && options.sdf !== "-" && existsSync(options.sdf))
    throw new AppError("bad_input", `can't write ${options.sdf}: ${IS_THERE}`);
  const { site, job, protocol, molecule, per, maxAffinity, limit, cursor } = options;
  const given = {
    site,
    job_ids: job,
    protocol_id: protocol,
    molecule_id: molecule,
    max_affinity_kcal_mol: maxAffinity,
    // A file is for all there is, as far as one call goes.
    limit: limit ?? (options.sdf === undefined || job !== undefined ? undefined : MOST_RECORDS),
    cursor,
  };
  const page = await cli.ask(queryDockingOperation, {
    per,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  });
  if (options.sdf === undefined) {
    cli.out.result(page, describePage);
    return;
  }
  if (page.items.length === 0) throw new AppError("not_found", "there is no such pose to write");
  const poses = await cli.ask(exportPosesOperation, {
    result_ids: page.items.map((row) => row.result_id),
  });
  if (options.sdf === "-") {
    cli.io.stdout.write(poses.content);
    return;
  }
  await writeNew(options.sdf, poses.content);
  const { next_cursor } = page;
  cli.out.result({ file: options.sdf, records: poses.records, next_cursor }, ({ file, records }) =>
    [
      `wrote ${records} poses to ${file}`,
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

const IS_THERE = "it is there already: name another file";

/** Never over a file that is there: it may be somebody's week. */
async function writeNew(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { flag: "wx" });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === "EEXIST" ? IS_THERE : (code ?? "unknown");
    throw new AppError("bad_input", `can't write ${path}: ${why}`, { cause });
  }
}

function describePage({
  items,
  next_cursor,
}: {
  items: DockingResult[];
  next_cursor: string | null;
}): string {
  return [
    table(
      ["molecule", "pose", "Vina score", "as printed", "LE", "RMSD/Å", "seed", "job"],
      items.map((row) => [
        row.name ?? row.smiles ?? row.molecule_id,
        row.pose_rank,
        fixed(row.affinity_kcal_mol, 2),
        fixed(row.affinity_reported_kcal_mol, 2),
        fixed(row.ligand_efficiency, 2),
        fixed(row.rmsd_reference_angstrom, 2),
        row.seed,
        row.job_id,
      ]),
      "no pose",
    ),
    ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
  ].join("\n");
}
