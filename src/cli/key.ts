import { type Command, InvalidArgumentError } from "commander";
import { PERMISSIONS, type Permission } from "../access/permissions.ts";
import { closestName } from "../edit-distance.ts";
import { AppError } from "../errors.ts";
import type { ApiKey, MadeKey } from "../identity/key-schema.ts";
import { createKeyOperation, listKeysOperation, revokeKeyOperation } from "../identity/operations.ts";
import { isUuid } from "../ids.ts";
import { showMember } from "../people/member-operations.ts";
import type { Cli } from "./cli.ts";
import { id, limit, ranged } from "./options.ts";
import { table, time } from "./out.ts";

type CreateOptions = { scope?: Permission[]; days?: number; until?: string; for?: string };
type ListOptions = { limit?: number; cursor?: string; of?: string; active?: true };

export function register(program: Command, cli: Cli): void {
  const key = program
    .command("key")
    .description("API keys: a program acts with one as you, here and no more");
  key
    .command("create <name>")
    .description("make a key that acts in this organization; it is printed this once")
    .option("--scope <permission>", "limit it to this permission; may be said again", scope)
    .option("--days <n>", "it ends in so many days", ranged(1, 3650))
    .option("--until <time>", "it ends then, such as 2030-01-31 or 2030-01-31T12:00:00Z", moment)
    .option("--for <user>", "a service account that it acts as, by name or id (needs keys:manage)")
    .action((name: string, options: CreateOptions) => create(cli, name, options));
  key
    .command("list")
    .description("your keys in this organization, newest first; with keys:manage everybody's")
    .option("--of <user-id>", "only of this account", id)
    .option("--active", "only those that may be used")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: ListOptions) => list(cli, options));
  key
    .command("revoke")
    .argument("<key-id>", "the key", id)
    .description("refuse a key from now on, for good (asks first)")
    .action((key_id: string) => revoke(cli, key_id));
}

async function create(cli: Cli, name: string, options: CreateOptions): Promise<void> {
  if (options.days !== undefined && options.until !== undefined)
    throw new AppError("usage", "--days and --until both say when the key ends: give one of them");
  const input = {
    name,
    ...(options.scope === undefined ? {} : { scopes: options.scope }),
    ...(options.days === undefined ? {} : { days: options.days }),
    ...(options.until === undefined ? {} : { expires_at: options.until }),
    ...(options.for === undefined ? {} : { user_id: await accountOf(cli, options.for) }),
  };
  const made = await cli.ask(createKeyOperation, input, { once: true });
  if (made.key === null)
    throw new AppError(
      "unavailable",
      `the key was made and the answer with it was lost: \`aliquot key revoke ${made.key_id}\`, and make another one`,
    );
  cli.out.result(made, described);
  cli.out.say("keep it now, where only the program reads it: it can't be shown again");
}

/** Id of a service account of the organization, by id or name. Throws AppError not_found. */
async function accountOf(cli: Cli, text: string): Promise<string> {
  if (isUuid(text)) return text;
  const { user_id } = await cli.ask(showMember, { user: text });
  return user_id;
}

function described(made: MadeKey): string {
  const until = made.expires_at === null ? "until it is revoked" : `until ${time(made.expires_at)}`;
  const may = made.scopes === null ? "all that its owner may" : made.scopes.join(", ");
  return [
    `key ${made.key_id} (${made.name}) acts as ${made.username ?? made.user_id} ${until}: ${may}`,
    made.key ?? "",
  ].join("\n");
}

async function list(cli: Cli, { of, active, ...page }: ListOptions): Promise<void> {
  const input = {
    ...page,
    ...(of === undefined ? {} : { user_id: of }),
    ...(active === undefined ? {} : { active }),
  };
  const found = await cli.ask(listKeysOperation, input);
  cli.out.result(found, ({ items, next_cursor }) =>
    [keyTable(items), ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`])].join("\n"),
  );
}

function keyTable(items: ApiKey[]): string {
  const now = Date.now();
  return table(
    ["key", "begins with", "name", "owner", "scopes", "last used", "ends", ""],
    items.map((row) => [
      row.key_id,
      `alq_${row.prefix}`,
      row.name,
      row.username ?? row.user_id,
      row.scopes === null ? null : row.scopes.join(" "),
      row.last_used_at === null ? "never" : time(row.last_used_at),
      row.expires_at === null ? null : time(row.expires_at),
      stateOf(row, now),
    ]),
    "no key yet: make one with `aliquot key create NAME`",
  );
}

function stateOf({ is_active, expires_at }: ApiKey, now: number): string {
  if (!is_active) return "revoked";
  return expires_at !== null && Date.parse(expires_at) <= now ? "expired" : "";
}

async function revoke(cli: Cli, key_id: string): Promise<void> {
  const question = `This revokes key ${key_id} for good: programs that use it are refused within 10 s.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const key = await cli.ask(revokeKeyOperation, { key_id });
  cli.out.result(key, ({ name }) => `key ${key_id} (${name}) is revoked`);
}

function scope(text: string, before: Permission[] = []): Permission[] {
  const found = PERMISSIONS.find((name) => name === text);
  if (found !== undefined) return [...before, found];
  const near = closestName(text, PERMISSIONS, 3);
  throw new InvalidArgumentError(
    near === undefined ? "It must be a permission, such as jobs:read." : `Did you mean ${near}?`,
  );
}

/** A day means its beginning in UTC. */
function moment(text: string): string {
  const written = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(written) && !Number.isNaN(Date.parse(written)))
    return new Date(written).toISOString();
  throw new InvalidArgumentError("It must be a day or a time with its zone, such as 2030-01-31.");
}
