import type { Command } from "commander";
import { perform } from "../perform.ts";
import { listReceptors, showReceptor } from "../receptors/operations.ts";
import type { Receptor } from "../receptors/receptor.ts";
import type { Cli } from "./cli.ts";
import { addReceptorOptions, prepareFile, type ReceptorOptions } from "./docking-parts.ts";
import { whole } from "./options.ts";
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
    .option("--limit <n>", "how many (50)", whole)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { limit?: number; cursor?: string }) => {
      const { principal } = await cli.member();
      const page = await perform(await cli.context(), listReceptors, principal, { ...options });
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
    .command("show <id>")
    .description("one receptor's report; --pdbqt prints the file that Vina reads")
    .option("--pdbqt", "print the prepared file")
    .action(async (id: string, options: { pdbqt?: boolean }) => {
      const { principal } = await cli.member();
      const found = await perform(await cli.context(), showReceptor, principal, { structure_id: id });
      cli.out.result(found, (value) =>
        options.pdbqt === true ? value.content.trimEnd() : describeReceptor(value as unknown as Receptor),
      );
    });
}

/** A receptor with every choice that was made, one a line. */
export function describeReceptor(row: Receptor & { created?: boolean }): string {
  const { report } = row.preparation;
  const lines: [string, string | null][] = [
    ["chains", report.chains.map(({ chain, residues }) => `${chain} (${residues} residues)`).join(", ")],
    ["atoms", `${report.heavy_atoms} heavy, ${report.hydrogens_built} polar hydrogens built`],
    [
      "waters",
      `${report.waters_kept.length > 0 ? `kept ${report.waters_kept.join(", ")}` : "none kept"}, ${report.waters_dropped} left out`,
    ],
    ["left out", report.hets_left_out.map(({ label, atoms }) => `${label} (${atoms} atoms)`).join(", ")],
    ["histidines", report.histidines.map(({ residue, state }) => `${residue} ${state}`).join(", ")],
    ["disulfides", report.disulfides.map(({ residues }) => residues.join("–")).join(", ")],
    [
      "missing",
      report.missing_atoms
        .map(({ residue, name, atoms }) => `${name} ${residue}: ${atoms.join(" ")}`)
        .join("; "),
    ],
    [
      "symmetry",
      report.symmetry === null
        ? null
        : `chains ${report.symmetry.chains.join(" and ")} swap to within ${report.symmetry.rmsd_angstrom.toFixed(3)} Å`,
    ],
    ["notes", report.notes.join("; ")],
  ];
  const made = row.created === false ? " (prepared so before)" : "";
  return [
    `receptor ${row.structure_id}${made}`,
    ...lines.flatMap(([label, text]) =>
      text === null || text === "" ? [] : [`  ${label.padEnd(11)}${text}`],
    ),
  ].join("\n");
}
