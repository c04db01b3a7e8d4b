import { writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { Static } from "typebox";
import { AppError } from "../errors.ts";
import { changePasswordOperation, resetPasswordOperation } from "../identity/operations.ts";
import type { UserExport } from "../people/export-schema.ts";
import {
  disableUserOperation,
  enableUserOperation,
  eraseUserOperation,
  exportUserOperation,
  listUsersOperation,
  resetUserOperation,
  showUserOperation,
} from "../people/operations.ts";
import {
  type ChangedUser,
  MYSELF,
  type ShownUser,
  USER_KINDS,
  type User,
  type UserKind,
} from "../people/schema.ts";
import type { Cli } from "./cli.ts";
import { limit } from "./options.ts";
import { table, time } from "./out.ts";
import { lost, many, provenPassword, tokenLines } from "./shown-once.ts";
import { registerCreate } from "./user-create.ts";

type ListOptions = { limit?: number; cursor?: string; kind?: UserKind; disabled?: true; erased?: true };

export function register(program: Command, cli: Cli): void {
  const user = program.command("user").description("accounts of people and programs, across organizations");
  registerCreate(user, cli);
  user
    .command("list")
    .description("everybody who has an account, newest first")
    .addOption(new Option("--kind <kind>", "only these").choices([...USER_KINDS]))
    .option("--disabled", "only who is disabled")
    .option("--erased", "only who was erased; they are left out else")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: ListOptions) => list(cli, options));
  user
    .command("show <user>")
    .description("one user, by name, e-mail or id, with the organizations that they belong to")
    .action(async (text: string) =>
      cli.out.result(await cli.ask(showUserOperation, { user: text }, { outside: true }), described),
    );
  user
    .command("disable <user>")
    .description("keep somebody out: sessions end, keys are refused; what they own stays")
    .action(async (text: string) =>
      cli.out.result(await cli.ask(disableUserOperation, { user: text }, { outside: true }), stands),
    );
  user
    .command("enable <user>")
    .description("let somebody in again")
    .action(async (text: string) =>
      cli.out.result(await cli.ask(enableUserOperation, { user: text }, { outside: true }), stands),
    );
  user
    .command("reset <user>")
    .description("make a token with which a person chooses a new password; it is printed this once")
    .action((text: string) => reset(cli, text));
  user
    .command("password")
    .description("choose another password with the one that holds; both typed, or lines of standard input")
    .option("--token", "with a token from `user reset` or `user create`, instead of the password that holds")
    .option("--revoke-keys", "revoke your API keys too; with --token they always are")
    .option("--keep-keys", "with --token: keep your API keys")
    .action((options: PasswordOptions) => password(cli, options));
  user
    .command("erase <user>")
    .description("replace somebody's identity by a tombstone, for good (asks first)")
    .action((text: string) => erase(cli, text));
  user
    .command("export [user]")
    .description("everything that is held about you, or for the operator about anybody, as one JSON document")
    .option("--to <file>", "write it there, readable for you alone")
    .action((text: string | undefined, options: { to?: string }) =>
      exportTo(cli, text ?? MYSELF, options.to),
    );
}

async function list(cli: Cli, { disabled, erased, ...page }: ListOptions): Promise<void> {
  const input = {
    ...page,
    ...(disabled === true ? { enabled: false } : {}),
    ...(erased === true ? { erased } : {}),
  };
  const found = await cli.ask(listUsersOperation, input, { outside: true });
  cli.out.result(found, ({ items, next_cursor }) =>
    [
      table(
        ["name", "kind", "state", "e-mail", "last signed in", "id"],
        items.map((one) => [
          one.username,
          kindOf(one),
          stateOf(one),
          one.email,
          moment(one.last_login_at),
          one.user_id,
        ]),
        "no user is so",
      ),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

function kindOf({ kind, is_admin }: User): string {
  return is_admin ? "operator" : kind;
}

function stateOf({ enabled, erased_at }: User): string {
  if (erased_at !== null) return `erased ${time(erased_at)}`;
  return enabled ? "enabled" : "disabled";
}

function moment(text: string | null): string | null {
  return text === null ? null : time(text);
}

function described(user: ShownUser): string {
  const { username, email, user_id, organizations, has_password, last_login_at } = user;
  return [
    `${username}${email === null ? "" : ` <${email}>`}: ${kindOf(user)}, ${stateOf(user)}`,
    `  id              ${user_id}`,
    `  password        ${has_password ? "set" : "none"}`,
    `  last signed in  ${last_login_at === null ? "never" : time(last_login_at)}`,
    table(
      ["  organization", "slug", "roles"],
      organizations.map(({ name, slug, roles }) => [`  ${name}`, slug, roles.join(", ")]),
      "  no member of any organization",
    ),
  ].join("\n");
}

function stands({ username, enabled, changed }: ChangedUser): string {
  return `${username} is ${changed ? "" : "already "}${enabled ? "enabled" : "disabled"}`;
}

async function reset(cli: Cli, text: string): Promise<void> {
  const made = await cli.ask(resetUserOperation, { user: text }, { outside: true, once: true });
  const token = made.reset_token ?? lost(`\`aliquot user reset ${made.username}\``);
  cli.out.result(made, ({ username, reset_expires_at }) =>
    tokenLines(`${username} can choose a new password until ${time(reset_expires_at)}`, token),
  );
}

type PasswordOptions = { token?: true; revokeKeys?: true; keepKeys?: true };

async function password(cli: Cli, options: PasswordOptions): Promise<void> {
  const { token: byToken = false, revokeKeys = false, keepKeys = false } = options;
  if (keepKeys && (revokeKeys || !byToken))
    throw new AppError("usage", "--keep-keys goes with --token, and not with --revoke-keys");
  const { proof, password: new_password } = await provenPassword(cli, byToken ? "token" : "present password");
  const done = byToken
    ? await cli.ask(
        resetPasswordOperation,
        { token: proof, new_password, keep_keys: keepKeys },
        { stranger: true },
      )
    : await cli.ask(
        changePasswordOperation,
        { password: proof, new_password, revoke_keys: revokeKeys },
        { outside: true },
      );
  cli.out.result(done, ({ user, ended, keys }) => {
    const sessions = ended === 0 ? "" : `; ${many(ended, "session")} ended`;
    const revoked = keys === 0 ? "" : `; ${many(keys, "API key")} revoked`;
    return `${user.username} has another password now${sessions}${revoked}`;
  });
}

async function erase(cli: Cli, text: string): Promise<void> {
  const { user_id, username } = await cli.ask(showUserOperation, { user: text }, { outside: true });
  const question = `This erases ${username} for good: name, address, password, keys and memberships go. What they own and the audit log stay, under their id.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const erased = await cli.ask(eraseUserOperation, { user: user_id }, { outside: true });
  cli.out.result(erased, (done) =>
    done.changed
      ? `${username} is ${done.username} now: ${many(done.memberships, "membership")} ended, ${many(done.keys, "key")} revoked`
      : `${done.username} was erased ${time(done.erased_at)}`,
  );
}

async function exportTo(cli: Cli, user: string, file: string | undefined): Promise<void> {
  const found = await cli.ask(exportUserOperation, { user }, { outside: true });
  if (file === undefined) {
    cli.out.result(found, (all) => JSON.stringify(all, null, 2));
    return;
  }
  await writeFile(file, `${JSON.stringify(found, null, 2)}\n`, { mode: 0o600, flag: "wx" }).catch(
    (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EEXIST" ? "it is there already" : (cause.code ?? cause.message);
      throw new AppError("bad_input", `can't write ${file}: ${why}`, { cause });
    },
  );
  cli.out.result(
    { file, ...counts(found) },
    ({ rows, organizations }) =>
      `${many(rows, "row")} of the account and of ${many(organizations, "organization")}: ${file}`,
  );
}

function counts({ account, organizations }: Static<typeof UserExport>): {
  rows: number;
  organizations: number;
} {
  const tables = [...account, ...organizations.flatMap(({ tables }) => tables)];
  return { rows: tables.reduce((sum, { count }) => sum + count, 0), organizations: organizations.length };
}
