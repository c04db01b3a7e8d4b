import type { Command } from "commander";
import { sql } from "kysely";
import { inOrganization } from "../access/policy.ts";
import { viewerOf } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { table } from "./out.ts";

type Row = Record<string, unknown>;

export function register(program: Command, cli: Cli): void {
  program
    .command("shell")
    .description("SQL in an organization's database, as the system; with --as, as that person sees it")
    .requiredOption("-c <sql>", "the statement to run")
    .option("--metadata", "in the metadata database instead")
    .action(async (options: { c: string; metadata?: boolean }) => {
      const items = await run(cli, options.c, options.metadata === true);
      cli.out.result({ items }, (value) => render(value.items));
    });
}

async function run(cli: Cli, text: string, metadata: boolean): Promise<Row[]> {
  const context = await cli.context();
  const statement = sql.raw<Row>(text);
  try {
    if (metadata) {
      const person = cli.options.as === undefined ? undefined : (await cli.member()).principal;
      const rows =
        person === undefined
          ? await context.metadata.system((tx) => statement.execute(tx))
          : await context.metadata.member(viewerOf(person), (tx) => statement.execute(tx));
      return rows.rows ?? [];
    }
    const { principal, org } = await cli.member();
    const rows =
      cli.options.as === undefined
        ? await context.results.forMachinery(org.org_id, (scope) => statement.execute(scope.tx))
        : await context.results.transact(inOrganization(principal), (scope) => statement.execute(scope.tx));
    return rows.rows ?? [];
  } catch (error) {
    if (error instanceof AppError || (error as { code?: string }).code === undefined) throw error;
    throw new AppError("bad_input", `SQL: ${(error as Error).message}`, { cause: error });
  }
}

function render(items: Row[]): string {
  const headers = Object.keys(items[0] ?? {});
  const cell = (value: unknown) =>
    value === null || typeof value === "number"
      ? value
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
  return table(
    headers,
    items.map((row) => headers.map((name) => cell(row[name]))),
    "no rows",
  );
}
