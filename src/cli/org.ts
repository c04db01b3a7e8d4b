import { type Command, Option } from "commander";
import { AppError } from "../errors.ts";
import { createOrgOperation, listOrgsOperation, showOrgOperation } from "../orgs/operations.ts";
import { type ListedOrg, ORG_STATUSES, type OrgStatus } from "../orgs/schema.ts";
import type { Cli } from "./cli.ts";
import { limit } from "./options.ts";
import { registerLife } from "./org-life.ts";
import { registerRecovery } from "./org-recovery.ts";
import { registerSettings } from "./org-settings.ts";
import { meant } from "./org-who.ts";
import { table, time } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const org = program.command("org").description("organizations, each with its own database");
  org
    .command("create <name>")
    .description("make an organization with its own database")
    .action((name: string) => create(cli, name));
  org
    .command("use <org>")
    .description("choose the organization that commands mean")
    .action((text: string) => use(cli, text));
  org
    .command("list")
    .description("organizations that you may see, newest first")
    .addOption(
      new Option("--status <status>", "only these; tombstones (deleted) only so").choices([...ORG_STATUSES]),
    )
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: ListOptions) => list(cli, options));
  org
    .command("show [org]")
    .description("one organization")
    .action((text?: string) => show(cli, text));
  registerSettings(org, cli);
  registerLife(org, cli);
  registerRecovery(org, cli);
}

async function create(cli: Cli, name: string): Promise<void> {
  const made = await cli.ask(createOrgOperation, { name }, { outside: true });
  const first = await cli.chooseFirst(made);
  const meaning = first
    ? "commands mean it now, unless --org names another"
    : `commands still mean the one chosen before: \`aliquot org use ${made.slug}\` changes that`;
  cli.out.result(made, () => `${describe(made)}\n${meaning}`);
}

async function use(cli: Cli, text: string): Promise<void> {
  if (cli.isRemote) await (await cli.there()).refuseChoice();
  const found = await cli.ask(showOrgOperation, { org: text }, { of: text });
  if (found.status !== "active" && found.status !== "suspended")
    throw new AppError("conflict", `organization ${found.name} is ${found.status}: it can't be chosen`);
  await cli.choose(found);
  cli.out.result(found, () => `commands mean ${found.name} now`);
}

type ListOptions = { status?: OrgStatus; limit?: number; cursor?: string };

async function list(cli: Cli, options: ListOptions): Promise<void> {
  const page = await cli.ask(listOrgsOperation, { ...options }, { outside: true });
  const chosen = await cli.chosen();
  cli.out.result(page, ({ items, next_cursor }) =>
    [
      table(
        ["", "name", "slug", "status", "database", "schema"],
        items.map((item) => [
          item.org_id === chosen ? "*" : "",
          item.name,
          item.slug,
          statusOf(item),
          item.database_name,
          item.schema_version,
        ]),
        options.status === undefined
          ? "no organization yet: make one with `aliquot org create NAME`"
          : `no organization is ${options.status}`,
      ),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

function statusOf(org: ListedOrg): string {
  if (org.deleted_at !== undefined) return `${org.status} ${time(org.deleted_at)}`;
  return org.delete_after === undefined ? org.status : `${org.status} after ${time(org.delete_after)}`;
}

async function show(cli: Cli, text?: string): Promise<void> {
  const org = await meant(cli, text);
  const found = await cli.ask(showOrgOperation, { org }, { of: org });
  cli.out.result(found, describe);
}

function describe(org: ListedOrg): string {
  return `organization ${org.name} (${org.slug}) is ${statusOf(org)}\n  id        ${org.org_id}\n  database  ${org.database_name}, schema ${org.schema_version}`;
}
