import { isAbsolute, join } from "node:path";
import type { Command } from "commander";
import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";

type Options = { to?: string; check?: boolean };

export function register(program: Command, cli: Cli): void {
  program
    .command("docs")
    .description("the schema reference as Markdown, from the comments in the migrated schema")
    .option("--to <folder>", "write schema.md, schema/metadata.md and schema/results.md there (else: print)")
    .option("--check", "write nothing; exit 1 where what is in the folder differs")
    .action((options: Options) => docs(cli, options));
}

async function docs(cli: Cli, { to, check = false }: Options): Promise<void> {
  if (check && to === undefined)
    throw new AppError("usage", "--check needs a folder to look in: --to FOLDER");
  const { admin, roles, migrations } = await cli.context({ prepare: false });
  const { readSchemas } = await import("../docs/read.ts");
  const schemas = await readSchemas(admin, roles, migrations);
  const { referencePages, referenceText } = await import("../docs/pages.ts");
  if (to === undefined)
    return cli.out.result({ items: schemas, next_cursor: null }, () => referenceText(schemas).trimEnd());
  const { comparePages, writePages } = await import("../docs/write.ts");
  const pages = referencePages(schemas);
  const folder = isAbsolute(to) ? to : join(cli.io.cwd, to);
  const items = await comparePages(folder, pages);
  if (!check) await writePages(folder, pages);
  const stale = items.filter(({ state }) => state !== "same");
  cli.out.result({ items, next_cursor: null }, () =>
    items.map(({ path, state }) => `${path}: ${check || state === "same" ? state : "written"}`).join("\n"),
  );
  if (check && stale.length > 0) {
    cli.out.say("the schema reference is not that of this program: run the same without --check");
    throw new ExitWith(1);
  }
}
