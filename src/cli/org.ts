import type { Command } from "commander";
import type { Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { chooseOrg, chosenOrg } from "../home.ts";
import { createOrgOperation, listOrgsOperation, showOrgOperation } from "../orgs/operations.ts";
import type { Org } from "../orgs/schema.ts";
import { perform } from "../perform.ts";
import type { Cli } from "./cli.ts";
import { table } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const org = program.command("org").description("organizations, each with its own database");
  org
    .command("create <name>")
    .description("make an organization with its own database")
    .action(async (name: string) => {
      const context = await cli.context();
      const made = await perform(context, createOrgOperation, await who(cli), { name });
      const first = await cli.chooseFirst(made.org_id);
      cli.out.result(
        made,
        () =>
          `${describe(made)}\n${first ? "commands mean it now, unless --org names another" : `commands still mean the one chosen before: \`aliquot org use ${made.slug}\` changes that`}`,
      );
    });
  org
    .command("use <org>")
    .description("choose the organization that commands mean")
    .action(async (text: string) => {
      const found = await perform(await cli.context(), showOrgOperation, await who(cli), {
        org: text,
      });
      if (found.status !== "active")
        throw new AppError("conflict", `organization ${found.name} is ${found.status}`);
      chooseOrg(cli.home(), found.org_id);
      cli.out.result(found, () => `commands mean ${found.name} now`);
    });
  org
    .command("list")
    .description("organizations")
    .action(async () => {
      const list = await perform(await cli.context(), listOrgsOperation, await who(cli), {});
      const chosen = chosenOrg(cli.home());
      cli.out.result(list, ({ items }) =>
        table(
          ["", "name", "slug", "status", "database", "schema"],
          items.map((item) => [
            item.org_id === chosen ? "*" : "",
            item.name,
            item.slug,
            item.status,
            item.database_name,
            item.schema_version,
          ]),
          "no organization yet: make one with `aliquot org create NAME`",
        ),
      );
    });
  org
    .command("show [org]")
    .description("one organization")
    .action(async (text: string | undefined) => {
      const wanted = text ?? (await cli.organization()).org_id;
      const found = await perform(await cli.context(), showOrgOperation, await who(cli), {
        org: wanted,
      });
      cli.out.result(found, describe);
    });
}

/** The operator, or with --as a person in the organization that is meant: what they may see hangs on it. */
async function who(cli: Cli): Promise<Principal> {
  return cli.options.as === undefined ? cli.principal() : (await cli.member()).principal;
}

function describe(org: Org): string {
  return `organization ${org.name} (${org.slug}) is ${org.status}\n  id        ${org.org_id}\n  database  ${org.database_name}, schema ${org.schema_version}`;
}
