import type { Command } from "commander";
import { createOrgOperation } from "../orgs/operations.ts";
import { selectOptionalPlaceByName } from "../orgs/store.ts";
import { perform } from "../perform.ts";
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
      const org = await seedOrg(cli);
      cli.out.result(
        { ...report, organization: org },
        () => describe(report) + (org === null ? "" : `, organization ${org}`),
      );
    });
}

function describe(report: SeedReport): string {
  const changed = Object.entries(report).filter(([, count]) => count > 0);
  if (changed.length === 0) return "everything was there";
  return changed.map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`).join(", ");
}

/** Makes the organization that SEED_ORG names, where it is missing. Returns its name. */
export async function seedOrg(cli: Cli): Promise<string | null> {
  const name = cli.config.seed_org;
  if (name === undefined) return null;
  const context = await cli.context();
  const there = await context.metadata.system((tx) => selectOptionalPlaceByName(tx, name));
  if (there?.status !== "active") await perform(context, createOrgOperation, await cli.principal(), { name });
  return name;
}
