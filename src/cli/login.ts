import type { Command } from "commander";
import { AppError } from "../errors.ts";
import type { Session } from "../identity/schema.ts";
import type { Cli } from "./cli.ts";
import { askPassword, askText } from "./prompt.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("login")
    .description("sign in to the API that ALIQUOT_URL names; the password is asked for, or read from stdin")
    .option("--username <name>", "username or e-mail address (asked for)")
    .action((options: { username?: string }) => login(cli, options));
}

async function login(cli: Cli, options: { username?: string }): Promise<void> {
  const there = await cli.there();
  there.refuseBesideKey();
  const username = options.username ?? (await askText(cli.io, "username: "));
  if (username === "") throw new AppError("usage", "say who signs in: --username NAME");
  const password = await askPassword(cli.io, "password: ");
  if (password === "")
    throw new AppError("usage", "there is no password: type it, or give it on standard input");
  const org = cli.options.org ?? cli.config.org;
  const session = await there.login({ username, password, ...(org === undefined ? {} : { org }) });
  const { user, orgs, refresh_expires_at } = session;
  // No token: what is printed is kept in logs.
  cli.out.result({ url: there.url, user, org: session.org, orgs, expires_at: refresh_expires_at }, () =>
    describe(session, there.url),
  );
}

const MOST_NAMES = 10;

function describe({ user, org, orgs }: Session, url: string): string {
  const signed = `signed in to ${url} as ${user.username}`;
  const others = orgs.filter(({ org_id }) => org_id !== org?.org_id).map(({ slug }) => slug);
  const names = `${others.slice(0, MOST_NAMES).join(", ")}${others.length > MOST_NAMES ? " …" : ""}`;
  if (org === null && others.length === 0) return `${signed}, who is in no organization`;
  if (org === null) return `${signed}: choose an organization with \`aliquot org use\`: ${names}`;
  const means = `${signed}: commands mean ${org.name} (${org.slug})`;
  if (others.length === 0) return means;
  return `${means}\nyou may also act in ${names}: \`aliquot org use ORG\` chooses one, --org ORG names one for a command`;
}
