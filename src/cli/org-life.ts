import type { Command } from "commander";
import { AppError } from "../errors.ts";
import {
  deleteOrgOperation,
  resumeOrgOperation,
  showOrgOperation,
  suspendOrgOperation,
} from "../orgs/operations.ts";
import { DELETE_GRACE_DAYS, type OrgLife } from "../orgs/schema.ts";
import type { Cli } from "./cli.ts";
import { ranged } from "./options.ts";
import { time } from "./out.ts";

type DeleteOptions = { grace?: number; now?: boolean };

export function registerLife(org: Command, cli: Cli): void {
  org
    .command("suspend <org>")
    .description("no submissions and no claims; reading goes on, and what runs is recorded")
    .action(async (text: string) => {
      const life = await cli.ask(suspendOrgOperation, { org: text }, { of: text });
      cli.out.result(life, said);
    });
  org
    .command("resume <org>")
    .description("take a suspended organization back, or a deleted one within its grace")
    .action(async (text: string) => {
      const life = await cli.ask(resumeOrgOperation, { org: text }, { of: text });
      cli.out.result(life, said);
    });
  org
    .command("delete <org>")
    .description("delete an organization with its database and objects, after a grace (asks first)")
    .option("--grace <days>", "how long it can be taken back (7)", ranged(1, DELETE_GRACE_DAYS.most))
    .option("--now", "without a grace: gone when this command ends")
    .action((text: string, options: DeleteOptions) => remove(cli, text, options));
}

async function remove(cli: Cli, text: string, options: DeleteOptions): Promise<void> {
  if (options.now === true && options.grace !== undefined)
    throw new AppError("usage", "--now is a deletion without a grace: say either --now or --grace");
  const found = await cli.ask(showOrgOperation, { org: text }, { of: text });
  if (!(await confirmName(cli, found.name, options))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const grace_days = options.now === true ? 0 : (options.grace ?? DELETE_GRACE_DAYS.default);
  const life = await cli.ask(deleteOrgOperation, { org: found.org_id, grace_days }, { of: found.org_id });
  cli.out.result(life, said);
}

/** Whoever deletes an organization types its name; --yes stands for that. Throws AppError usage where nobody can type. */
async function confirmName(cli: Cli, name: string, { now, grace }: DeleteOptions): Promise<boolean> {
  if (cli.options.yes === true) return true;
  const days = grace ?? DELETE_GRACE_DAYS.default;
  const what = `This deletes organization ${name} with its database and every file in it, ${now === true ? "now" : `in ${days} days`}.`;
  const { stdin, stderr } = cli.io;
  if (stdin.isTTY !== true) throw new AppError("usage", `${what} Say --yes to do it without a terminal.`);
  const { createInterface } = await import("node:readline/promises");
  const reader = createInterface({ input: stdin, output: stderr });
  try {
    return (await reader.question(`${what}\nType its name to go on: `)).trim() === name;
  } finally {
    reader.close();
  }
}

function said({ name, slug, status, delete_after, changed }: OrgLife): string {
  if (status === "deleted") return `organization ${name} is gone`;
  const stands = `organization ${name} is ${changed ? "" : "already "}${status}`;
  if (status !== "deleting" || delete_after === null) return stands;
  return `${stands}: it is dropped after ${time(delete_after)}; until then \`aliquot org resume ${slug}\` takes it back`;
}
