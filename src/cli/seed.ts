import type { Command } from "commander";
import { type SeedReport, seed } from "../seeds/seed.ts";
import type { Cli } from "./cli.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("seed")
    .description("put in what the system itself needs; again changes nothing")
    .option("--force", "put back what is the system's and was changed")
    .action(async (options: { force?: boolean }) => {
      const { metadata } = await cli.context({ prepare: true });
      const report = await seed(metadata, {
        adminEmail: cli.config.admin_email,
        force: options.force ?? false,
      });
      cli.out.result(report, describe);
    });
}

function describe(report: SeedReport): string {
  const changed = Object.entries(report).filter(([, count]) => count > 0);
  if (changed.length === 0) return "everything was there";
  return changed.map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`).join(", ");
}
