import type { Command } from "commander";
import { AppError } from "../errors.ts";
import { adminPassword, type Secret } from "../secrets.ts";
import type { FirstPassword } from "../seeds/admin.ts";
import { countsOf, SEED_KINDS, type SeedChange } from "../seeds/report.ts";
import type { Cli } from "./cli.ts";
import type { SeededOrganization } from "./seed-organization.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("seed")
    .description(
      "put in what the system itself needs, the default organization (SEED_ORG, else default) with sample molecules, and a password for admin; again changes nothing",
    )
    .option("--force", "also put back what is the system's and was changed; what people made stays")
    .option(
      "--reset-admin-password",
      "instead: give admin another password, ADMIN_PASSWORD or a drawn one that is shown once (asks first)",
    )
    .action(async ({ force = false, resetAdminPassword }: Options) => {
      if (resetAdminPassword === true) return reset(cli, force);
      const given = adminPassword(cli.io.env);
      const context = await cli.context({ prepare: true });
      const { seed } = await import("../seeds/seed.ts");
      const system = await seed(context.metadata, { adminEmail: cli.config.admin_email, force });
      const organization = await seedOrg(cli, { asked: true, force });
      const before = context.seeded.filter(({ change }) => change !== "differs");
      const changes = [...before, ...system, ...(organization?.changes ?? [])];
      const first = await firstPassword(cli, given, true);
      const password = first.state === "drawn" ? first.password.reveal() : null;
      const answer = {
        ...countsOf(changes),
        organization: organization?.name ?? null,
        organization_status: organization?.status ?? null,
        changes,
        admin_password: password,
      };
      if (password !== null && !cli.out.json) sayPassword(cli, password);
      if (first.state === "given") cli.out.say("the user admin has the password of ADMIN_PASSWORD now");
      cli.out.result(answer, () => describe(changes, organization));
    });
}

type Options = { force?: boolean; resetAdminPassword?: boolean };

/** For who lost the password, or never saw the one that was drawn. */
async function reset(cli: Cli, force: boolean): Promise<void> {
  if (force) throw new AppError("usage", "say either --force or --reset-admin-password");
  const given = adminPassword(cli.io.env);
  const question = `This gives the user admin ${given === undefined ? "a drawn password" : "the password of ADMIN_PASSWORD"}; the one before is no good any more.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const { resetPassword } = await import("../seeds/admin.ts");
  const set = await resetPassword((await cli.context()).metadata, given);
  const password = set.state === "drawn" ? set.password.reveal() : null;
  if (password !== null && !cli.out.json) sayPassword(cli, password);
  cli.out.result({ done: true, admin_password: password }, () => "the user admin has another password now");
}

/**
 * What `up` seeds beside the system's own rows: an organization where there is none, and the admin's
 * password where the environment gives one or a person is there to read it, never into a log.
 */
export async function seedForUp(cli: Cli): Promise<void> {
  const given = adminPassword(cli.io.env);
  const organization = await seedOrg(cli, { asked: false, force: false }).catch((error: unknown) => {
    // One organization that can't be had now is no reason to keep the others waiting.
    if (!(error instanceof AppError) || error.kind === "usage" || error.kind === "bad_input") throw error;
    cli.out.say(`the default organization is not ready: ${error.message}`);
    return null;
  });
  if (organization?.changes.some(({ kind }) => kind === "organization") === true)
    cli.out.say(`made the organization ${organization.name} with its own database`);
  const first = await firstPassword(cli, given, cli.io.stderr.isTTY === true);
  if (first.state === "drawn") sayPassword(cli, first.password.reveal());
  if (first.state === "none") cli.out.say(NO_PASSWORD);
}

const NO_PASSWORD = "the user admin has no password yet: `aliquot seed` draws one, or set ADMIN_PASSWORD";
const OTHER_PASSWORD = "ADMIN_PASSWORD is not the password of admin, who has one already: it stays";

/** How admin signs in over HTTP after an `up` that nobody watched, by what it said in its log. */
export function howAdminSignsIn(log: string, given: boolean): string {
  const said = [NO_PASSWORD, OTHER_PASSWORD].find((line) => log.includes(line));
  return said ?? `over HTTP the user admin signs in with ${given ? "ADMIN_PASSWORD" : "the password it has"}`;
}

async function seedOrg(
  cli: Cli,
  options: { asked: boolean; force: boolean },
): Promise<SeededOrganization | null> {
  const { localPrincipal } = await import("../access/principal.ts");
  const { seedOrganization } = await import("./seed-organization.ts");
  const context = await cli.context();
  const admin = await localPrincipal(context.metadata, "admin", null);
  return seedOrganization(context, admin, { name: cli.config.seed_org, ...options });
}

async function firstPassword(cli: Cli, given: Secret | undefined, draw: boolean): Promise<FirstPassword> {
  const { setFirstPassword } = await import("../seeds/admin.ts");
  const first = await setFirstPassword((await cli.context()).metadata, { given, draw });
  if (first.state === "kept" && first.other) cli.out.say(OTHER_PASSWORD);
  return first;
}

/** The only time that it is shown; on stderr, so that a result that is kept in a file does not hold it. */
function sayPassword(cli: Cli, password: string): void {
  cli.out.say(`password of the user admin: ${password}`);
  cli.out.say("it is for signing in from elsewhere, is shown this once and kept nowhere: write it down");
}

const WORDS: Record<SeedChange["change"], string> = {
  added: "added",
  updated: "brought up to date",
  put_back: "put back",
  differs: "changed by somebody, put back by --force",
};

function describe(changes: SeedChange[], organization: SeededOrganization | null): string {
  const lines: string[] = [];
  for (const change of ["added", "updated", "put_back", "differs"] as const) {
    const some = changes.filter((one) => one.change === change);
    for (const kind of SEED_KINDS) {
      const names = some.filter((one) => one.kind === kind).map(named);
      const noun = `${kind.replaceAll("_", " ")}${names.length === 1 ? "" : "s"}`;
      if (names.length > 0) lines.push(`${WORDS[change]}: ${names.length} ${noun} (${names.join(", ")})`);
    }
  }
  if (lines.length === 0) lines.push("everything was there");
  if (organization !== null && organization.status !== "active")
    lines.push(`organization ${organization.name} is ${organization.status}: it was left alone`);
  return lines.join("\n");
}

function named({ name, what }: SeedChange): string {
  return what.length === 0 ? name : `${name}: ${what.join(" ")}`;
}
