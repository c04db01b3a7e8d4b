import type { Command } from "commander";
import { AppError } from "../errors.ts";
import { whoAmI } from "../identity/operations.ts";
import type { Whoami } from "../identity/schema.ts";
import type { Cli } from "./cli.ts";
import { time, wrapped } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("whoami")
    .description("who acts, in which organization, and what they may do there")
    .action(async () => cli.out.result(await ask(cli), (who) => describe(who, cli.out.width)));
}

/** Also of who is in no organization, or has not chosen one of several. */
async function ask(cli: Cli): Promise<Whoami> {
  const isNamed = cli.options.org !== undefined || cli.config.org !== undefined;
  return cli.ask(whoAmI, {}).catch((error: unknown) => {
    if (isNamed || !(error instanceof AppError) || error.kind !== "usage") throw error;
    return cli.ask(whoAmI, {}, { outside: true });
  });
}

const VIA: Record<Whoami["via"], string> = {
  local: "at the server's own machine",
  session: "signed in",
  key: "by an API key",
};

function describe(who: Whoami, width: number): string {
  const { user, org, orgs, roles, permissions, via, expires_at } = who;
  const kind = user.is_admin
    ? ", who operates the installation"
    : user.kind === "service"
      ? ", a service account"
      : "";
  const until = expires_at === null ? "" : `, until ${time(expires_at)}`;
  const others = orgs.filter(({ org_id }) => org_id !== org?.org_id).map(({ slug }) => slug);
  return [
    `${user.username}${kind}${user.email === null ? "" : ` <${user.email}>`}`,
    `  ${VIA[via]}${until}`,
    `  organization  ${org === null ? "none" : `${org.name} (${org.slug})`}`,
    ...(others.length === 0 ? [] : [`  also in       ${others.slice(0, 10).join(", ")}`]),
    ...(roles.length === 0 ? [] : [`  roles         ${roles.join(", ")}`]),
    `  may           ${permissions.length === 0 ? "nothing" : wrapped(permissions.join(" "), 16, width)}`,
  ].join("\n");
}
