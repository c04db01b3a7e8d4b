import { type Command, Option } from "commander";
import type { Static } from "typebox";
import { AppError } from "../errors.ts";
import type { AcceptedInvitation, Member } from "../people/member-schema.ts";
import { INVITE_DAYS } from "../people/member-schema.ts";
import {
  acceptInvitationOperation,
  addMemberOperation,
  changeRolesOperation,
  inviteMemberOperation,
  listInvitations,
  listMembers,
  removeMemberOperation,
  revokeInvitationOperation,
  showMember,
} from "../people/operations.ts";
import { USER_KINDS, type UserKind } from "../people/schema.ts";
import type { Cli } from "./cli.ts";
import { id, limit, ranged, roles } from "./options.ts";
import { table, time } from "./out.ts";
import { givenToken, lost, many, provenPassword } from "./shown-once.ts";

type Member_ = Static<typeof Member>;
type Page = { limit?: number; cursor?: string };
type RoleOptions = { role: string[] };

export function register(program: Command, cli: Cli): void {
  const member = program.command("member").description("people and services of an organization");
  member
    .command("list")
    .description("members with their roles, the newest accounts first")
    .option("--role <role>", "only those with this role")
    .addOption(new Option("--kind <kind>", "only these").choices([...USER_KINDS]))
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: Page & { role?: string; kind?: UserKind }) => list(cli, options));
  member
    .command("show <user>")
    .description("one member, by name or id, with their roles")
    .action(async (text: string) => cli.out.result(await cli.ask(showMember, { user: text }), whole));
  member
    .command("add <user>")
    .description("make a user, by name or id, a member at once (operator; others invite)")
    .requiredOption("--role <roles>", "their roles; several with commas, or said again", roles)
    .action(async (user: string, { role }: RoleOptions) =>
      cli.out.result(await cli.ask(addMemberOperation, { user, roles: role }), described),
    );
  member
    .command("roles <user>")
    .description("give a member these roles and no other")
    .requiredOption("--role <roles>", "their roles; several with commas, or said again", roles)
    .action(async (user: string, { role }: RoleOptions) =>
      cli.out.result(await cli.ask(changeRolesOperation, { user, roles: role }), described),
    );
  member
    .command("remove <user>")
    .description("end a membership, with its keys and open invitations (asks first)")
    .action((user: string) => remove(cli, user));
  member
    .command("invite <email>")
    .description("invite somebody: the token is printed this once, for you to send; nothing is mailed")
    .requiredOption("--role <role>", "the role that they get")
    .option("--days <n>", `how long it may be accepted (${INVITE_DAYS.default})`, ranged(1, INVITE_DAYS.most))
    .action((email: string, options: { role: string; days?: number }) => invite(cli, email, options));
  member
    .command("invitations")
    .description("invitations that can still be accepted, newest first")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: Page) => invitations(cli, options));
  member
    .command("revoke")
    .argument("<invitation-id>", "the invitation", id)
    .description("take an open invitation back")
    .action(async (invitation_id: string) => {
      const gone = await cli.ask(revokeInvitationOperation, { invitation_id });
      cli.out.result(gone, ({ email }) => `the invitation of ${email} is taken back`);
    });
  member
    .command("accept")
    .description(
      "join by an invitation, whose token is typed, or a line of standard input: as who is signed in",
    )
    .option("--username <name>", "make an account; its password is typed, or the next line of standard input")
    .action((options: { username?: string }) => accept(cli, options.username));
}

async function list(cli: Cli, options: Page & { role?: string; kind?: UserKind }): Promise<void> {
  const page = await cli.ask(listMembers, { ...options });
  cli.out.result(page, ({ items, next_cursor }) =>
    [
      table(
        ["name", "kind", "roles", "state", "e-mail", "last signed in", "since"],
        items.map((one) => [
          one.username,
          one.kind,
          one.roles.join(", "),
          one.enabled ? "enabled" : "disabled",
          addressOf(one),
          one.last_login_at === null ? null : time(one.last_login_at),
          time(one.joined_at),
        ]),
        "no member is so",
      ),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

function described({ username, roles }: Member_): string {
  return `${username} is a member: ${roles.join(", ")}`;
}

function whole(member: Member_): string {
  const { user_id, kind, enabled, last_login_at, joined_at, updated_at } = member;
  const address = addressOf(member);
  return [
    described(member),
    `  id              ${user_id}`,
    `  kind            ${kind}, ${enabled ? "enabled" : "disabled"}`,
    ...(address === null ? [] : [`  e-mail          ${address}`]),
    ...(last_login_at === null ? [] : [`  last signed in  ${time(last_login_at)}`]),
    `  since           ${time(joined_at)}`,
    `  roles changed   ${time(updated_at)}`,
  ].join("\n");
}

/** An address that somebody typed says of nobody who they are. */
function addressOf({ email, email_confirmed }: Member_): string | null {
  return email !== null && email_confirmed === false ? `${email} (unconfirmed)` : email;
}

async function remove(cli: Cli, user: string): Promise<void> {
  const { name } = await cli.meant();
  const question = `This ends the membership of ${user} in ${name}, with their keys for it. What they own there stays.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const gone = await cli.ask(removeMemberOperation, { user });
  cli.out.result(gone, ({ username, keys, invitations, service_keys }) =>
    [
      `${username} is no member any more: ${many(keys, "key")} and ${many(invitations, "invitation")} revoked`,
      ...(service_keys === 0
        ? []
        : [
            `${many(service_keys, "key")} of services that they made still work: replace them (\`aliquot key list\`)`,
          ]),
    ].join("\n"),
  );
}

async function invite(cli: Cli, email: string, options: { role: string; days?: number }): Promise<void> {
  const made = await cli.ask(inviteMemberOperation, { email, ...options }, { once: true });
  const token = made.token ?? lost("`aliquot member invite` once more");
  cli.out.result(made, ({ role, expires_at }) =>
    [
      `${email} may join as ${role} until ${time(expires_at)}, with this token, which can't be shown again:`,
      `  ${token}`,
      "send it to them alone; they run `aliquot member accept --username NAME`, or ask POST /v1/invitations/accept",
    ].join("\n"),
  );
}

async function invitations(cli: Cli, options: Page): Promise<void> {
  const page = await cli.ask(listInvitations, { ...options });
  cli.out.result(page, ({ items, next_cursor }) =>
    [
      table(
        ["e-mail", "role", "until", "id"],
        items.map((one) => [one.email, one.role, time(one.expires_at), one.invitation_id]),
        "no invitation is open",
      ),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

async function accept(cli: Cli, username: string | undefined): Promise<void> {
  if (username === undefined && !cli.isRemote && cli.options.as === undefined)
    throw new AppError(
      "usage",
      "say who joins: --username NAME makes an account, --as USER joins as somebody",
    );
  const joined = await (username === undefined ? asOneself(cli) : asNewUser(cli, username));
  cli.out.result(joined, ({ username: name, name: org, roles, created }) =>
    [
      `${name} is a member of ${org}: ${roles.join(", ")}`,
      ...(created ? [`sign in with \`aliquot login --username ${name}\``] : []),
    ].join("\n"),
  );
}

async function asOneself(cli: Cli): Promise<AcceptedInvitation> {
  return cli.ask(acceptInvitationOperation, { token: await givenToken(cli) }, { outside: true });
}

async function asNewUser(cli: Cli, username: string): Promise<AcceptedInvitation> {
  const { proof: token, password } = await provenPassword(cli, "token");
  return cli.ask(acceptInvitationOperation, { token, username, password }, { stranger: true });
}
