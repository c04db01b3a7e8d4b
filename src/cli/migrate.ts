import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { withClient } from "../db/connect.ts";
import { type LedgerRow, migrateDown, migrateUp, readLedger, type Step } from "../db/migrate.ts";
import { type MigrationTest, testMigrations } from "../db/migrate-test.ts";
import { BRANCHES, type Branch, migrationsFolder, readMigrations } from "../db/migrations.ts";
import { AppError } from "../errors.ts";
import { type FleetResult, migrateFleet } from "../orgs/fleet.ts";
import type { OrgPlace } from "../orgs/place.ts";
import { selectPlaces } from "../orgs/store.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { whole } from "./options.ts";
import { table } from "./out.ts";

type Options = { branch?: Branch; steps?: number; to?: number; all?: boolean };

type Item = { branch: Branch; database: string; org_id: string | null; steps: Step[]; error?: string };

type Target = { branch: Branch; database: string; org_id: string | null };

export function register(program: Command, cli: Cli): void {
  const migrate = program
    .command("migrate")
    .description("schemas of the metadata database and of every results database");
  const scoped = (name: string, about: string) =>
    migrate
      .command(name)
      .description(about)
      .addOption(new Option("--branch <branch>", "metadata or results (both)").choices([...BRANCHES]))
      .option("--all", "every organization (the default, unless --org names one)");
  const ranged = (name: string, about: string) =>
    scoped(name, about)
      .option("--steps <n>", "how many", whole)
      .option("--to <n>", "up to this number", whole);
  ranged("up", "apply what is missing").action((options: Options) => up(cli, options));
  ranged("down", "take migrations back, one unless told (asks first)").action((options: Options) =>
    down(cli, options),
  );
  scoped("status", "what is applied and what is pending").action((options: Options) => status(cli, options));
  scoped("history", "what was applied, when and how long it took").action((options: Options) =>
    history(cli, options),
  );
  scoped("test", "up → down → up on scratch databases, and compare").action((options: Options) =>
    test(cli, options),
  );
  migrate
    .command("new <name>")
    .description("begin a migration: two files with the next number")
    .addOption(
      new Option("--branch <branch>", "metadata or results").choices([...BRANCHES]).makeOptionMandatory(),
    )
    .action((name: string, options: { branch: Branch }) => create(cli, name, options.branch));
}

function branchesOf(options: Options): readonly Branch[] {
  return options.branch === undefined ? BRANCHES : [options.branch];
}

async function up(cli: Cli, options: Options): Promise<void> {
  const range = rangeOf(options);
  const whole = range.steps === undefined && range.to === undefined && options.branch !== "results";
  const context = await cli.context({ prepare: whole });
  const items: Item[] = [];
  if (branchesOf(options).includes("metadata")) {
    const more = await withClient(context.admin, "aliquot migrate", (client) =>
      migrateUp(client, context.roles, context.migrations.metadata, range),
    );
    const steps = [...context.applied.metadata, ...more];
    items.push({ branch: "metadata", database: context.admin.database, org_id: null, steps });
  }
  if (branchesOf(options).includes("results")) {
    const done = new Map(context.applied.results.map((result) => [result.org_id, result.steps]));
    const results = await fleet(cli, context, "up", range);
    items.push(
      ...results
        .map(fleetItem)
        .map((item) => ({ ...item, steps: [...(done.get(item.org_id ?? "") ?? []), ...item.steps] })),
    );
  }
  report(cli, items);
}

async function down(cli: Cli, options: Options): Promise<void> {
  const branch = options.branch;
  if (branch === undefined) throw new AppError("usage", "say which: --branch metadata or --branch results");
  const question = `This takes back migrations of the ${branch} branch and drops what they made, with the rows in it.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.say("nothing was done");
    return;
  }
  const context = await cli.context({ prepare: false });
  const range = rangeOf(options);
  if (branch === "results") return report(cli, (await fleet(cli, context, "down", range)).map(fleetItem));
  const steps = await withClient(context.admin, "aliquot migrate", (client) =>
    migrateDown(client, context.roles, context.migrations.metadata, range),
  );
  report(cli, [{ branch, database: context.admin.database, org_id: null, steps }]);
}

function rangeOf({ steps, to }: Options): { steps?: number; to?: number } {
  return { ...(steps === undefined ? {} : { steps }), ...(to === undefined ? {} : { to }) };
}

async function fleet(
  cli: Cli,
  context: Context,
  direction: "up" | "down",
  range: { steps?: number; to?: number },
): Promise<FleetResult[]> {
  const only = cli.options.org === undefined ? {} : { org_id: (await cli.organization()).org_id };
  const { admin, roles, migrations, metadata } = context;
  return migrateFleet(
    metadata,
    { admin, roles, migrations: migrations.results },
    { direction, ...range, ...only },
  );
}

function fleetItem(result: FleetResult): Item {
  const { org_id, name, steps, error } = result;
  return {
    branch: "results" as const,
    database: name,
    org_id,
    steps,
    ...(error === undefined ? {} : { error }),
  };
}

function report(cli: Cli, items: Item[]): void {
  cli.out.result({ items }, () =>
    items
      .map(
        ({ branch, database, steps, error }) =>
          `${branch} ${database}: ${error ?? (steps.length === 0 ? "nothing to do" : steps.map((step) => `${step.version} ${step.name} ${step.direction}`).join(", "))}`,
      )
      .join("\n"),
  );
  if (items.some((item) => item.error !== undefined)) throw new ExitWith(1);
}

async function targets(cli: Cli, context: Context, options: Options): Promise<Target[]> {
  const list: Target[] = [];
  if (branchesOf(options).includes("metadata"))
    list.push({ branch: "metadata", database: context.admin.database, org_id: null });
  if (!branchesOf(options).includes("results")) return list;
  const named = cli.options.org === undefined ? undefined : (await cli.organization()).org_id;
  for (const place of await placesOf(context)) {
    if (place.state === "active" && (named === undefined || named === place.org_id)) {
      list.push({ branch: "results", database: place.database_name, org_id: place.org_id });
    }
  }
  return list;
}

/** Organizations of the directory; none while the metadata database itself is behind. */
async function placesOf(context: Context): Promise<OrgPlace[]> {
  const ledger = await withClient(context.admin, "aliquot migrate", readLedger);
  return ledger.length < context.migrations.metadata.length ? [] : context.metadata.system(selectPlaces);
}

async function status(cli: Cli, options: Options): Promise<void> {
  const context = await cli.context({ prepare: false });
  const items: (Target & { current: number; latest: number; pending: number; status: string })[] = [];
  for (const target of await targets(cli, context, options)) {
    const ledger = await withClient(
      { ...context.admin, database: target.database },
      "aliquot migrate",
      readLedger,
    );
    const latest = context.migrations[target.branch].length;
    const current = ledger.at(-1)?.version ?? 0;
    items.push({
      ...target,
      current,
      latest,
      pending: Math.max(0, latest - current),
      status: current === latest ? "current" : current < latest ? "behind" : "ahead",
    });
  }
  cli.out.result({ items }, () =>
    table(
      ["branch", "database", "current", "latest", "pending", "status"],
      items.map((row) => [row.branch, row.database, row.current, row.latest, row.pending, row.status]),
    ),
  );
}

async function history(cli: Cli, options: Options): Promise<void> {
  const context = await cli.context({ prepare: false });
  const items: (Target & LedgerRow)[] = [];
  for (const target of await targets(cli, context, options)) {
    const ledger = await withClient(
      { ...context.admin, database: target.database },
      "aliquot migrate",
      readLedger,
    );
    items.push(...ledger.map((row) => ({ ...target, ...row })));
  }
  cli.out.result({ items }, () =>
    table(
      ["branch", "database", "#", "name", "applied", "ms", "checksum"],
      items.map((row) => [
        row.branch,
        row.database,
        row.version,
        row.name,
        row.applied_at.slice(0, 19),
        Math.round(row.duration_ms),
        row.checksum.slice(0, 12),
      ]),
    ),
  );
}

async function test(cli: Cli, options: Options): Promise<void> {
  const context = await cli.context({ prepare: false });
  const items: MigrationTest[] = [];
  for (const branch of branchesOf(options))
    items.push(await testMigrations(context.admin, context.roles, branch, context.migrations[branch]));
  cli.out.result({ items }, () =>
    items
      .map(
        (item) =>
          `${item.branch}: ${item.steps} migrations up, down and up again: ${item.differences.length === 0 ? "no difference" : item.differences.join("; ")}`,
      )
      .join("\n"),
  );
  if (items.some((item) => item.differences.length > 0)) throw new ExitWith(1);
}

async function create(cli: Cli, name: string, branch: Branch): Promise<void> {
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    throw new AppError(
      "usage",
      "a migration is named in lowercase letters, digits and _, table first: molecules_add_column",
    );
  const number = String((await readMigrations(branch)).length + 1).padStart(4, "0");
  const files = (["up", "down"] as const).map((way) =>
    join(migrationsFolder(), branch, `${number}_${name}.${way}.sql`),
  );
  for (const file of files) writeFileSync(file, "", { flag: "wx" });
  cli.out.result({ files }, () => files.join("\n"));
}
