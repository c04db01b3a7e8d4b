import type { Command } from "commander";
import { require } from "../access/policy.ts";
import type { Principal } from "../access/principal.ts";
import type { Context } from "../context.ts";
import { isLoginRefused } from "../db/postgres-errors.ts";
import { AppError, toAppError } from "../errors.ts";
import { adoptDatabase } from "../orgs/adopt.ts";
import { nameOf, orgOf } from "../orgs/create.ts";
import { discover, type Found } from "../orgs/discover.ts";
import { rotateCredentialsOperation, showOrgOperation } from "../orgs/operations.ts";
import type { Org } from "../orgs/schema.ts";
import { selectPlaces } from "../orgs/store.ts";
import { perform } from "../perform.ts";
import { type Reindexed, reindexOrg } from "../relay/reindex.ts";
import { repairAppLogin } from "../setup.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { meant, who, whoIn } from "./org-who.ts";
import { table } from "./out.ts";

/** What an operator needs when something was lost or put back: the projection, the directory, the logins. */
export function registerRecovery(org: Command, cli: Cli): void {
  org
    .command("reindex [org]")
    .description("rewrite the job index and the queue from the organization's own database, while jobs run")
    .option("--all", "every organization")
    .action((text: string | undefined, options: { all?: boolean }) => reindex(cli, text, options));
  org
    .command("rotate-credentials [org]")
    .description("give the login of an organization's database a new derived password")
    .option("--all", "every organization")
    .action((text: string | undefined, options: { all?: boolean }) => rotate(cli, text, options));
  org
    .command("discover")
    .description("hold the results databases of our servers against the directory")
    .option("--adopt <database>", "take an unknown database into the directory (asks first)")
    .option("--all", "adopt every unknown one (asks first)")
    .option("--name <name>", "name of the adopted organization (recovered …)")
    .action((options: DiscoverOptions) => recover(cli, options));
}

type Named = { org_id: string; name: string };
type Target = Named & { status: string };
type Failed = Named & { error: { code: string; message: string } };

/** The organizations that a command of the operator means: one, or all whose database is there. */
async function targets(
  cli: Cli,
  principal: Principal,
  text: string | undefined,
  all: boolean,
): Promise<Target[]> {
  if (all && text !== undefined) throw new AppError("usage", "say either --all or one organization");
  const context = await cli.context();
  if (!all) return [await perform(context, showOrgOperation, principal, { org: await meant(cli, text) })];
  const places = await context.metadata.system(selectPlaces);
  return places.filter(({ state }) => state === "active");
}

/** One after the other; one that fails is told and the others go on. */
async function each<T extends { org_id: string }, W extends Named>(
  cli: Cli,
  list: W[],
  work: (target: W) => Promise<T>,
): Promise<((T & { name: string }) | Failed)[]> {
  const items: ((T & { name: string }) | Failed)[] = [];
  for (const [index, target] of list.entries()) {
    if (list.length > 1) cli.out.progress(index, list.length, target.name);
    const { org_id, name } = target;
    try {
      items.push({ name, ...(await work(target)) });
    } catch (thrown) {
      if (list.length === 1) throw thrown;
      const { code, message } = toAppError(thrown);
      items.push({ org_id, name, error: { code, message } });
    }
  }
  return items;
}

/** One that was named is answered as its row, all of them as a list. */
function told<T extends object>(
  cli: Cli,
  items: (T | Failed)[],
  all: boolean,
  human: (item: T) => string,
): void {
  const say = (item: T | Failed) =>
    "error" in item ? `${item.name}: ${item.error.message}` : human(item as T);
  const [one] = items;
  if (!all && one !== undefined) cli.out.result(one, say);
  else cli.out.result({ items, next_cursor: null }, () => items.map(say).join("\n"));
  if (items.some((item) => "error" in item)) throw new ExitWith(1);
}

async function reindex(cli: Cli, text: string | undefined, options: { all?: boolean }): Promise<void> {
  const principal = await (text === undefined ? who(cli) : whoIn(cli, text));
  require(principal, "orgs:operate");
  const context = await cli.context();
  const list = await targets(cli, principal, text, options.all ?? false);
  const items = await each(cli, list, ({ org_id }) => reindexOrg(context, org_id, principal.user_id));
  told<Reindexed & { name: string }>(cli, items, options.all ?? false, differences);
}

/**
 * After the installation's key was changed no login fits any more, that of the shared database first: it is
 * repaired. Where it fits, who may not do this is refused before; where not, nobody can be asked who may.
 */
async function afterRepair(cli: Cli): Promise<Principal> {
  const context = await cli.context({ prepare: false });
  const before = await who(cli).catch((error: unknown) => {
    if (!isLoginRefused(error)) throw error;
    return undefined;
  });
  if (before !== undefined) require(before, "orgs:operate");
  await repairAppLogin(context);
  return before ?? who(cli);
}

function differences(row: Reindexed & { name: string }): string {
  const part = (what: string, added: number, changed: number, removed: number) =>
    added + changed + removed === 0
      ? `${what} was right`
      : `${what}: ${added} added, ${changed} changed, ${removed} removed`;
  return [
    `${row.name}: ${row.jobs} jobs, ${row.open_tasks} open tasks`,
    `  ${part("the job index", row.jobs_added, row.jobs_changed, row.jobs_removed)}`,
    `  ${part("the queue", row.queue_added, row.queue_changed, row.queue_removed)}; ${row.leases_kept} leases left alone`,
    ...(row.audit_added === 0 ? [] : [`  the audit log got ${row.audit_added} rows back`]),
  ].join("\n");
}

async function rotate(cli: Cli, text: string | undefined, options: { all?: boolean }): Promise<void> {
  const all = options.all === true;
  const principal = await (all ? afterRepair(cli) : text === undefined ? who(cli) : whoIn(cli, text));
  require(principal, "orgs:operate");
  const context = await cli.context();
  const list = await targets(cli, principal, text, all);
  // One that is being deleted has its turn when it is taken back.
  const inUse = all ? list.filter(({ status }) => status !== "deleting") : list;
  const items = await each(cli, inUse, ({ org_id }) =>
    perform(context, rotateCredentialsOperation, principal, { org: org_id }),
  );
  told<{ name: string; credential_version: number }>(
    cli,
    items,
    all,
    ({ name, credential_version }) => `${name} has credential ${credential_version} now`,
  );
}

type DiscoverOptions = { adopt?: string; all?: boolean; name?: string };

async function recover(cli: Cli, options: DiscoverOptions): Promise<void> {
  const principal = await who(cli);
  require(principal, "orgs:operate");
  refuseNonsense(options);
  const context = await cli.context();
  const settings = { servers: context.provisioner.servers(), roles: context.roles };
  const found = await discover(context.metadata, settings, (done, total) =>
    cli.out.progress(done, total, "databases"),
  );
  if (options.adopt === undefined && options.all !== true) {
    cli.out.result({ items: found, next_cursor: null }, ({ items }) => describe(items));
    return;
  }
  await adopt(cli, context, principal, chosen(found, options), options);
}

function refuseNonsense({ adopt: one, all, name }: DiscoverOptions): void {
  if (one !== undefined && all === true) throw new AppError("usage", "say either --adopt DATABASE or --all");
  if (name !== undefined && one === undefined)
    throw new AppError("usage", "--name is for one database: say --adopt DATABASE with it");
  if (name !== undefined) nameOf(name);
}

function chosen(found: Found[], options: DiscoverOptions): Found[] {
  if (options.adopt === undefined) return found.filter(({ status }) => status === "unknown");
  const one = found.find(({ database_name }) => database_name === options.adopt);
  if (one !== undefined) return [one];
  throw new AppError("not_found", `no results database is called ${options.adopt}`);
}

async function adopt(
  cli: Cli,
  context: Context,
  principal: Principal,
  list: Found[],
  { name, all = false }: DiscoverOptions,
): Promise<void> {
  const which = list.length === 1 ? `database ${list[0]?.database_name}` : `${list.length} databases`;
  const question = `This takes ${which} into the directory, and makes you the owner of what is in there.`;
  if (list.length > 0 && !(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  if (list.length === 0) cli.out.say("every results database is in the directory");
  // Of two copies the later one is met first, and the other is told.
  const order = list.toSorted((a, b) => (b.generation ?? 0) - (a.generation ?? 0));
  const wanted = order.map((found) => ({ org_id: found.org_id ?? "", name: found.database_name, found }));
  const items = await each(cli, wanted, async ({ found }) =>
    orgOf(await adoptDatabase(context, principal, found, name)),
  );
  told<Org>(
    cli,
    items,
    all,
    (org) =>
      `organization ${org.name} (${org.slug}) is ${org.status}: \`aliquot org reindex ${org.slug}\` brings its jobs back into the index`,
  );
}

function describe(items: Found[]): string {
  const unknown = items.filter(({ status }) => status === "unknown").length;
  return [
    table(
      ["database", "status", "organization", "generation", "schema", "detail"],
      items.map((row) => [
        row.database_name,
        row.status,
        row.name ?? row.org_id,
        row.generation,
        row.schema_version,
        row.detail,
      ]),
      "no results database is on our servers",
    ),
    ...(unknown === 0
      ? []
      : [`${unknown} unknown: \`aliquot org discover --adopt DATABASE\` takes one into the directory`]),
  ].join("\n");
}
