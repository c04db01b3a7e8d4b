import type { Command } from "commander";
import { queryDockingOperation, submitDockingOperation } from "../docking/operations.ts";
import { AppError } from "../errors.ts";
import { showMolecule } from "../molecules/operations.ts";
import { listSites, showSite, validateSiteOperation } from "../sites/operations.ts";
import type { Site } from "../sites/schema.ts";
import { showStructure } from "../structures/operations.ts";
import type { Cli } from "./cli.ts";
import {
  addReceptorOptions,
  addSiteOptions,
  checkSiteOptions,
  makeSite,
  type ReceptorOptions,
  receptorOf,
  type SiteOptions,
} from "./docking-parts.ts";
import { ExitWith } from "./exit.ts";
import { limit, MOST_SEED, ranged } from "./options.ts";
import { fixed, table } from "./out.ts";
import { sayPrepared } from "./receptor.ts";
import { waitForJobs } from "./wait.ts";

type CreateOptions = ReceptorOptions & SiteOptions & { receptor: string; name?: string };

export function register(program: Command, cli: Cli): void {
  const site = program.command("site").description("places to dock at: receptor, box, reference ligand");
  const create = site
    .command("create")
    .description("make a site from a receptor and a box, given or around a ligand")
    .requiredOption("--receptor <file-or-id>", "a PDB file, or a receptor that was prepared before")
    .option("--name <name>", "what to call it (the file's name and the ligand)");
  addSiteOptions(addReceptorOptions(create))
    .option("--private", "only you and the organization's admins see it")
    .action(async (options: CreateOptions) => {
      checkSiteOptions(options);
      const { structure_id, prepared } = await receptorOf(cli, options.receptor, options);
      sayPrepared(cli, prepared);
      const row = await makeSite(cli, structure_id, options);
      cli.out.result(row, describeSite);
    });
  site
    .command("list")
    .description("sites that you may see, newest first")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { limit?: number; cursor?: string }) => {
      const page = await cli.ask(listSites, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          table(
            [
              "site",
              "name",
              "visibility",
              "receptor",
              "waters",
              "center/Å",
              "size/Å",
              "reference",
              "redocked/Å",
            ],
            items.map((row) => [
              row.site_id,
              `${row.name}@${row.version}`,
              row.visibility,
              row.receptor_structure_id,
              row.report.receptor_waters_kept.join(" "),
              centerOf(row),
              sizeOf(row),
              row.report.reference,
              fixed(redocked(row), 2),
            ]),
            "no site yet: make one with `aliquot site create`",
          ),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
  site
    .command("show <site>")
    .description("one site, by id, name or name@version")
    .action(async (text: string) => {
      cli.out.result(await cli.ask(showSite, { site: text }), describeSite);
    });
  site
    .command("validate <site>")
    .description("redock the site's reference ligand and keep how near it comes; waits")
    .option("--exhaustiveness <n>", "searches (8)", ranged(1, 1024))
    .option("--seed <n>", "seed of the search and of the 3D (42)", ranged(1, MOST_SEED))
    .action((text: string, options: { exhaustiveness?: number; seed?: number }) =>
      validate(cli, text, options),
    );
}

async function validate(
  cli: Cli,
  text: string,
  options: { exhaustiveness?: number; seed?: number },
): Promise<void> {
  const site = await cli.ask(showSite, { site: text });
  const smiles = await referenceSmiles(cli, site);
  const answer = await cli.ask(submitDockingOperation, {
    site: site.site_id,
    molecules: [{ text: smiles, format: "smiles" }],
    ...options,
  });
  const [job] = answer.jobs;
  if (job === undefined) throw new AppError("internal", "a submission had no answer");
  const [ended] = await waitForJobs(cli, [job.job_id], "vina");
  if (ended?.status !== "completed") {
    cli.out.say(`job ${job.job_id} ${ended?.status}: \`aliquot job show ${job.job_id}\` says why`);
    throw new ExitWith(1);
  }
  const { items } = await cli.ask(queryDockingOperation, { job_ids: [job.job_id] });
  if (items.length === 0) throw new AppError("bad_input", "Vina found no pose of the reference ligand here");
  const { job_id } = job;
  const row = await cli.ask(validateSiteOperation, { site_id: site.site_id, job_id });
  cli.out.result(row, describeSite);
}

/** What the reference is; redocking starts from its drawing, never from its crystal coordinates. */
async function referenceSmiles(cli: Cli, site: Site): Promise<string> {
  if (site.reference_structure_id === null)
    throw new AppError(
      "bad_input",
      "this site has no reference ligand: make one with --around or --reference",
    );
  const structure = await cli.ask(showStructure, {
    structure_id: site.reference_structure_id,
  });
  if (structure.molecule_id === null)
    throw new AppError(
      "bad_input",
      "the site's reference is known by its atoms only: make the site again with --reference-smiles",
    );
  const molecule = await cli.ask(showMolecule, { molecule_id: structure.molecule_id });
  if (molecule.smiles === null) throw new AppError("bad_input", "the site's reference has no SMILES");
  return molecule.smiles;
}

function centerOf(row: Site): string {
  return [row.center_x_angstrom, row.center_y_angstrom, row.center_z_angstrom].map(short).join(", ");
}

function sizeOf(row: Site): string {
  return [row.size_x_angstrom, row.size_y_angstrom, row.size_z_angstrom].map(short).join(" × ");
}

function short(value: number): string {
  return String(Number(value.toFixed(3)));
}

function redocked(row: Site): number | null {
  const { rmsd_reference_angstrom } = row.validation as { rmsd_reference_angstrom?: number };
  return rmsd_reference_angstrom ?? null;
}

/** A site in words. */
export function describeSite(row: Site & { created?: boolean }): string {
  const { report } = row;
  const rmsd = redocked(row);
  return [
    `site ${row.site_id}${row.created === false ? " (made so before)" : ""}`,
    `  name       ${row.name}@${row.version}`,
    `  receptor   ${row.receptor_structure_id}${report.receptor_waters_kept.length === 0 ? "" : `, with water ${report.receptor_waters_kept.join(", ")}`}`,
    `  box        ${centerOf(row)} Å, ${sizeOf(row)} Å (${report.box}), ${report.receptor_heavy_atoms_in_box} receptor atoms in it`,
    ...(report.reference === null
      ? []
      : [`  reference  ${report.reference} (${report.reference_heavy_atoms} heavy atoms)`]),
    ...(report.symmetry_mate === null ? [] : [`  symmetry   ${report.symmetry_mate}`]),
    ...(rmsd === null ? [] : [`  redocked   first pose ${rmsd.toFixed(2)} Å from the reference`]),
    ...report.notes.map((note) => `  note       ${note}`),
  ].join("\n");
}
