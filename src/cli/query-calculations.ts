import type { Command } from "commander";
import { queryCalculationsOperation } from "../calculations/operations.ts";
import type { Calculation, QueryCalculations } from "../calculations/schema.ts";
import type { Cli } from "./cli.ts";
import { id, ids, limit, real } from "./options.ts";
import { fixed, short, table } from "./out.ts";

type Options = {
  job?: string[];
  molecule?: string;
  protocol?: string;
  minGap?: number;
  maxGap?: number;
  minEnergy?: number;
  maxEnergy?: number;
  changed?: boolean;
  limit?: number;
  cursor?: string;
};

export function registerCalculations(query: Command, cli: Cli): void {
  query
    .command("calculations")
    .description("calculations that you may see, newest first")
    .option("--job <id...>", "of these jobs, in their order, and of nothing else", ids)
    .option("--molecule <id>", "of this molecule only", id)
    .option("--protocol <id>", "of this one only; needed with a range where there are several", id)
    .option("--min-gap <eV>", "gap of this or more", real)
    .option("--max-gap <eV>", "gap of this or less", real)
    .option("--min-energy <Eh>", "total energy of this or more, with --molecule", real)
    .option("--max-energy <Eh>", "total energy of this or less, with --molecule", real)
    .option("--changed", "also where the optimisation changed the bonds")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: Options) => queryCalculations(cli, options));
}

async function queryCalculations(cli: Cli, options: Options): Promise<void> {
  const { job, molecule, protocol, minGap, maxGap, minEnergy, maxEnergy, changed, limit, cursor } = options;
  const given = {
    job_ids: job,
    molecule_id: molecule,
    protocol_id: protocol,
    min_gap_ev: minGap,
    max_gap_ev: maxGap,
    min_energy_eh: minEnergy,
    max_energy_eh: maxEnergy,
    changed,
    limit,
    cursor,
  };
  const input = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const page = await cli.ask(queryCalculationsOperation, input as QueryCalculations);
  cli.out.result(page, ({ items, next_cursor }) =>
    [calculationTable(items), ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`])].join("\n"),
  );
}

function calculationTable(items: Calculation[]): string {
  return table(
    ["molecule", "method", "charge", "mult.", "energy/Eh", "gap/eV", "dipole/D", "protocol", "job"],
    items.map((row) => [
      short(row.smiles ?? row.molecule_id, 28),
      row.solvent === null ? row.method : `${row.method}/${row.solvent}`,
      row.charge,
      row.multiplicity,
      fixed(row.energy_eh, 6),
      fixed(row.gap_ev, 3),
      fixed(row.dipole_debye, 3),
      row.protocol_id,
      row.job_id,
    ]),
    "no calculation that you may see is so",
  );
}
