import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { withClient } from "../db/connect.ts";
import { type MigrateOptions, migrateDown } from "../db/migrate.ts";
import { BRANCHES, type Branch, readMigrations } from "../db/migrations.ts";
import type { Direction, Step } from "../db/step.ts";
import { AppError } from "../errors.ts";
import {
  type FleetOptions,
  type FleetProgress,
  type FleetReport,
  type FleetResult,
  migrateFleet,
} from "../orgs/fleet.ts";
import { fleetSettings, prepare, prepareShared } from "../ready.ts";
import { checkAppLogin } from "../setup.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { INTERRUPTED, onInterrupt } from "./interrupt.ts";
import { createMigration } from "./migrate-new.ts";
import { showHistory, showStatus } from "./migrate-show.ts";
import { runMigrateTest } from "./migrate-test.ts";
import { ranged } from "./options.ts";

export type ScopeOptions = { branch?: Branch; all?: boolean };

type RangeOptions = ScopeOptions & {
  steps?: number;
  to?: number;
  concurrency?: number;
  maxFailures?: number;
};

/** A line of the result: one database. */
type Item = {
  branch: Branch;
  database: string;
  org_id: string | null;
  organization: string | null;
  status: FleetResult["status"];
  steps: Step[];
  error?: string;
  detail?: string;
};

const MOST_VERSION = 9999;

export function register(program: Command, cli: Cli): void {
  const migrate = program
    .command("migrate")
    .description("schemas of the metadata database and of every results database");
  const scoped = (name: string, about: string) =>
    migrate
      .command(name)
      .description(about)
      .addOption(new Option("--branch <branch>", "metadata or results (both)").choices([...BRANCHES]));
  const moving = (name: string, about: string) =>
    scoped(name, about)
      .option("--steps <n>", "how many", ranged(1, MOST_VERSION))
      .option("--to <n>", "to this number", ranged(0, MOST_VERSION))
      .option("--all", "look into every database, also those that the directory calls current")
      .option("--concurrency <n>", "databases at once (4)", ranged(1, 64))
      .option("--max-failures <n>", "databases that may fail (5 %, at least 3)", ranged(0, 1_000_000));
  moving("up", "apply what is missing").action((options: RangeOptions) => up(cli, options));
  moving("down", "take migrations back, one unless told (asks first)").action((options: RangeOptions) =>
    down(cli, options),
  );
  const every = "every organization (the default, unless --org names one)";
  scoped("status", "what is applied and what is pending")
    .option("--all", every)
    .action((options: ScopeOptions) => showStatus(cli, branchesOf(cli, options)));
  scoped("history", "what was applied, when and how long it took")
    .option("--all", every)
    .action((options: ScopeOptions) => showHistory(cli, branchesOf(cli, options)));
  scoped("test", "up → down → up on scratch databases with rows in them, and compare").action(
    (options: ScopeOptions) => runMigrateTest(cli, branchesOf(cli, options)),
  );
  migrate
    .command("new <name>")
    .description("begin a migration: two files with the next number")
    .addOption(
      new Option("--branch <branch>", "metadata or results").choices([...BRANCHES]).makeOptionMandatory(),
    )
    .action((name: string, options: { branch: Branch }) => createMigration(cli, name, options.branch));
}

/** An organization has no part in the metadata branch: naming one means the results. */
function branchesOf(cli: Cli, { branch, all }: ScopeOptions): readonly Branch[] {
  const { org } = cli.options;
  if (org !== undefined && all === true) throw new AppError("usage", "--org and --all exclude each other");
  if (org !== undefined && branch === "metadata")
    throw new AppError("usage", "--org goes with the results branch: the metadata database is everyone's");
  if (branch !== undefined) return [branch];
  return org === undefined ? BRANCHES : ["results"];
}

async function up(cli: Cli, options: RangeOptions): Promise<void> {
  const branches = branchesOf(cli, options);
  const range = rangeOf(options);
  await checkRange(branches, range, "up");
  const context = await cli.context({ prepare: false });
  await checkAppLogin(context);
  using interrupt = onInterrupt(cli.out, STOPPING);
  const fleet = { ...(await fleetOptions(cli, options)), signal: interrupt.signal };
  if (branches.length === BRANCHES.length && Object.keys(range).length === 0) {
    const applied = await prepare(context, fleet);
    return report(cli, [sharedItem(context, applied.metadata)], applied.results);
  }
  const items: Item[] = [];
  if (branches.includes("metadata"))
    items.push(sharedItem(context, await prepareShared(context, { ...range, onWait: waiting(cli) })));
  const results = branches.includes("results")
    ? await migrateFleet(context.metadata, fleetSettings(context), { ...fleet, ...range, direction: "up" })
    : null;
  report(cli, items, results);
}

async function down(cli: Cli, options: RangeOptions): Promise<void> {
  const branch = options.branch ?? (cli.options.org === undefined ? undefined : "results");
  if (branch === undefined) throw new AppError("usage", "say which: --branch metadata or --branch results");
  const branches = branchesOf(cli, { ...options, branch });
  const range = rangeOf(options);
  await checkRange(branches, range, "down");
  const question = `This takes back migrations of the ${branch} branch and drops what they made, with the rows in it.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.say("nothing was done");
    return;
  }
  const context = await cli.context({ prepare: false });
  await checkAppLogin(context);
  if (branch === "results") {
    using interrupt = onInterrupt(cli.out, STOPPING);
    const fleet = { ...(await fleetOptions(cli, options)), signal: interrupt.signal };
    const settings = fleetSettings(context);
    return report(
      cli,
      [],
      await migrateFleet(context.metadata, settings, { ...fleet, ...range, direction: "down" }),
    );
  }
  const steps = await withClient(context.admin, "aliquot migrate", (client) =>
    migrateDown(client, context.roles, context.migrations.metadata, { ...range, onWait: waiting(cli) }),
  );
  report(cli, [sharedItem(context, steps)], null);
}

type Range = Pick<MigrateOptions, "steps" | "to">;

function rangeOf({ steps, to }: RangeOptions): Range {
  if (steps !== undefined && to !== undefined)
    throw new AppError(
      "usage",
      "--steps and --to exclude each other: the one counts, the other names the end",
    );
  return { ...(steps === undefined ? {} : { steps }), ...(to === undefined ? {} : { to }) };
}

/** A number that no migration has is a slip of the hand. Throws AppError usage. */
async function checkRange(branches: readonly Branch[], { to, steps }: Range, way: Direction): Promise<void> {
  const [branch, second] = branches;
  if (to !== undefined && second !== undefined)
    throw new AppError(
      "usage",
      "--to names a migration of one branch: say --branch metadata or --branch results",
    );
  if (branch === undefined || (to === undefined && way === "up")) return;
  const latest = (await readMigrations(branch)).length;
  if (to !== undefined && to > latest)
    throw new AppError(
      "usage",
      `--to ${to} is past the last migration of the ${branch} branch, which is ${latest}`,
    );
  if (steps !== undefined && steps > latest)
    throw new AppError(
      "usage",
      `the ${branch} branch has ${latest} migrations: ${steps} can't be taken back`,
    );
}

async function fleetOptions(
  cli: Cli,
  { all, concurrency, maxFailures }: RangeOptions,
): Promise<Omit<FleetOptions, "direction" | "to" | "steps">> {
  const named = cli.options.org === undefined ? undefined : await cli.organization();
  if (named !== undefined && named.state !== "active")
    throw new AppError(
      "conflict",
      `the database of organization ${named.name} is ${named.state}: it can't be migrated now`,
    );
  return {
    ...(named === undefined ? {} : { org_id: named.org_id }),
    ...(all === undefined ? {} : { all }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(maxFailures === undefined ? {} : { max_failures: maxFailures }),
    report: teller(cli),
    onWait: waiting(cli),
  };
}

const STOPPING = "no other database is begun, and those under way are finished";

function waiting(cli: Cli): (name?: string) => void {
  return (name = "the metadata database") =>
    cli.out.say(`another migration is at ${name}: waiting until it ends`);
}

const SAY_EVERY_MS = 2000;

/** A bar on a terminal; elsewhere a line now and then. */
function teller(cli: Cli): (progress: FleetProgress) => void {
  let said = performance.now();
  return ({ done, total, failed, result }) => {
    const note = failed === 0 ? result.name : `${failed} failed, ${result.name}`;
    cli.out.progress(done, total, note);
    if (cli.io.stderr.isTTY === true || performance.now() - said < SAY_EVERY_MS) return;
    said = performance.now();
    cli.out.say(`${done} of ${total} databases${failed === 0 ? "" : `, ${failed} failed`}`);
  };
}

function sharedItem(context: Context, steps: Step[]): Item {
  const status = steps.length === 0 ? "current" : "migrated";
  return {
    branch: "metadata",
    database: context.admin.database,
    org_id: null,
    organization: null,
    status,
    steps,
  };
}

function fleetItem(
  cli: Cli,
  { org_id, name, database_name, status, steps, error, detail }: FleetResult,
): Item {
  return {
    branch: "results",
    database: database_name,
    org_id,
    organization: name,
    status,
    steps,
    ...(error === undefined ? {} : { error }),
    ...(detail === undefined || cli.options.verbose !== true ? {} : { detail }),
  };
}

/**
 * Prints what was done. Exit 130 where it was broken off, 5 where all that failed could not be reached, 1 where a
 * migration failed.
 */
function report(cli: Cli, shared: Item[], fleet: FleetReport | null): void {
  const items = [...shared, ...(fleet?.items ?? []).map((result) => fleetItem(cli, result))];
  const counts = { migrated: 0, current: 0, failed: 0, not_tried: 0 };
  for (const item of items) counts[item.status]++;
  const value = { items, counts, stopped: fleet?.stopped ?? null, next_cursor: null };
  cli.out.result(value, () => [...items.filter(isWorthALine).map(lineOf), ...closing(fleet)].join("\n"));
  if (value.stopped === "aborted") throw new ExitWith(INTERRUPTED);
  if (counts.failed === 0 && value.stopped === null) return;
  const away = fleet?.items.every((item) => item.status !== "failed" || item.code === "unavailable") ?? false;
  throw new ExitWith(away && counts.failed > 0 ? 5 : 1);
}

/** Of a large fleet, what went as it should is only counted. */
function isWorthALine(item: Item, index: number): boolean {
  return item.status === "failed" || (index < MOST_LINES && item.status !== "not_tried");
}

const MOST_LINES = 20;

function lineOf({ branch, database, organization, steps, error, detail }: Item): string {
  const taken = steps.map((step) => `${step.version} ${step.name} ${step.direction}`).join(", ");
  const line = `${branch} ${organization ?? database}: ${error ?? (taken === "" ? "nothing to do" : taken)}`;
  return detail === undefined ? line : `${line}\n  ${detail.replaceAll("\n", "\n  ")}`;
}

const STOPPED = {
  canary: "the first one failed, so the others were left alone: mend the migration and run it again",
  failures: "too many failed, so the rest was left alone: mend the cause and run it again",
  aborted: "it was broken off: run it again for the rest",
};

function closing(fleet: FleetReport | null): string[] {
  if (fleet === null) return [];
  if (fleet.items.length === 0) return ["organizations: nothing to do"];
  const { migrated, current, failed, not_tried } = fleet.counts;
  const counts = [
    `${migrated} migrated`,
    ...(current === 0 ? [] : [`${current} were current`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(not_tried === 0 ? [] : [`${not_tried} not tried`]),
  ].join(", ");
  return [`organizations: ${counts}`, ...(fleet.stopped === null ? [] : [STOPPED[fleet.stopped]])];
}
