import type { Command } from "commander";
import { listReceptors, showReceptor } from "../receptors/operations.ts";
import type { Receptor } from "../receptors/receptor.ts";
import type { ReceptorReport } from "../receptors/report.ts";
import { chainName } from "../receptors/select.ts";
import type { Cli } from "./cli.ts";
import { addReceptorOptions, prepareFile, type ReceptorOptions } from "./docking-parts.ts";
import { id as anId, limit } from "./options.ts";
import { table } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const receptor = program.command("receptor").description("proteins prepared for docking");
  addReceptorOptions(
    receptor
      .command("prepare <file>")
      .description("prepare a PDB file by residue templates; every choice is in the report"),
  )
    .option("--private", "only you and the organization's admins see it")
    .action(async (file: string, options: ReceptorOptions) => {
      const row = await prepareFile(cli, file, options);
      cli.out.result(row, (value) => describeReceptor(value));
    });
  receptor
    .command("list")
    .description("prepared receptors that you may see, newest first")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { limit?: number; cursor?: string }) => {
      const page = await cli.ask(listReceptors, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          table(
            ["receptor", "file", "chains", "waters kept", "heavy atoms", "visibility"],
            (items as Receptor[]).map(({ structure_id, name, visibility, preparation: { report } }) => [
              structure_id,
              name,
              report.chains.map(({ chain }) => chain).join(" "),
              report.waters_kept.length,
              report.heavy_atoms,
              visibility,
            ]),
            "no receptor yet: make one with `aliquot receptor prepare FILE.pdb`",
          ),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
  receptor
    .command("show")
    .argument("<id>", "the receptor", anId)
    .description("one receptor's report; --pdbqt prints the file that Vina reads")
    .option("--pdbqt", "print the prepared file")
    .action(async (id: string, options: { pdbqt?: boolean }) => {
      const found = await cli.ask(showReceptor, { structure_id: id });
      cli.out.result(found, (value) =>
        options.pdbqt === true ? value.content.trimEnd() : describeReceptor(value as unknown as Receptor),
      );
    });
}

/** Tells of a receptor that was prepared on the way to something else; one that was there before is known. */
export function sayPrepared(cli: Cli, row: (Receptor & { created?: boolean }) | null): void {
  if (row?.created === true) cli.out.say(describeReceptor(row));
}

/** A receptor with every choice that was made, one a line. */
export function describeReceptor(row: Receptor & { created?: boolean }): string {
  const { report } = row.preparation;
  const { symmetry } = report;
  const lines: [label: string, text: string][] = [
    ["file", fileOf(report)],
    ["chains", chainsOf(report)],
    ["ends", endsOf(report)],
    ["atoms", `${report.heavy_atoms} heavy, ${report.hydrogens_built} polar hydrogens built`],
    ["hydrogens", report.hydrogens_dropped === 0 ? "" : `${report.hydrogens_dropped} of the file dropped`],
    [
      "waters",
      `${report.waters_kept.length > 0 ? `kept ${report.waters_kept.join(", ")}` : "none kept"}, ${report.waters_dropped} left out`,
    ],
    [
      "left out",
      report.hets_left_out.map((het) => `${het.label} (${het.atoms} atoms, ${words(het.reason)})`).join(", "),
    ],
    [
      "histidines",
      report.histidines.map((one) => `${one.residue} ${one.state} (${words(one.reason)})`).join(", "),
    ],
    ["states", statesOf(report)],
    ["disulfides", report.disulfides.map(({ residues }) => residues.join("–")).join(", ")],
    [
      "missing",
      report.missing_atoms
        .map(({ residue, name, atoms }) => `${name} ${residue}: ${atoms.join(" ")}`)
        .join("; "),
    ],
    [
      "symmetry",
      symmetry === null
        ? ""
        : `chains ${symmetry.chains.join(" and ")} swap to within ${symmetry.rmsd_angstrom.toFixed(3)} Å`,
    ],
    ...report.notes.map((note): [string, string] => ["note", note]),
  ];
  const made = row.created === false ? " (prepared so before)" : "";
  return [
    `receptor ${row.structure_id}${made}`,
    ...lines.flatMap(([label, text]) => (text === "" ? [] : [`  ${label.padEnd(11)}${text}`])),
  ].join("\n");
}

function fileOf({ models_in_file, old_format }: ReceptorReport): string {
  const models = models_in_file === 1 ? "1 model" : `${models_in_file} models, the first used`;
  return old_format ? `${models}, format of before 1996` : models;
}

function chainsOf({ chains, chains_left_out }: ReceptorReport): string {
  const kept = chains.map(({ chain, residues }) => `${chainName(chain)} (${residues} residues)`).join(", ");
  return chains_left_out.length === 0
    ? kept
    : `${kept}; left out ${chains_left_out.map(chainName).join(", ")}`;
}

function endsOf({ termini }: ReceptorReport): string {
  return termini
    .map(
      ({ n_terminus, n_hydrogens, c_terminus, oxt }) =>
        `${n_terminus} with ${n_hydrogens} H to ${c_terminus} ${oxt ? "with" : "without"} OXT`,
    )
    .join(", ");
}

/** States that are not the usual ones; those of histidines have their own line. */
function statesOf({ protonation_states, histidines }: ReceptorReport): string {
  const told = new Set(histidines.map(({ residue }) => residue));
  return protonation_states
    .filter(({ residue }) => !told.has(residue))
    .map(({ residue, state, reason }) => `${residue} ${state} (${words(reason)})`)
    .join(", ");
}

/** A reason as people read it: `named_in_file` is "named in file". */
function words(reason: string): string {
  return reason.replaceAll("_", " ");
}
