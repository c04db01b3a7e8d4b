import type { Command } from "commander";
import type { Permission } from "../access/permissions.ts";
import { closestName } from "../edit-distance.ts";
import { AppError } from "../errors.ts";
import {
  createRoleOperation,
  deleteRoleOperation,
  listRoles,
  showRole,
  updateRoleOperation,
} from "../people/operations.ts";
import { GRANTABLE, type Role } from "../people/role-schema.ts";
import type { Cli } from "./cli.ts";
import { table, time, wrapped } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const role = program.command("role").description("what members of an organization may do");
  role
    .command("list")
    .description("the system's roles, then the organization's own, with what each may do")
    .action(() => list(cli));
  role
    .command("show <role>")
    .description("one role, by name or id, with what it may do")
    .action(async (text: string) =>
      cli.out.result(await cli.ask(showRole, { role: text }), (found) =>
        [
          described(found, cli.out.width),
          `  id       ${found.role_id}`,
          `  of       ${ownerOf(found)}`,
          `  members  ${found.members}`,
          `  changed  ${time(found.updated_at)}`,
        ].join("\n"),
      ),
    );
  role
    .command("create <name>")
    .description("make a role of permissions that you have yourself")
    .requiredOption(
      "--permission <permissions>",
      "noun:verb; several with commas, or said again",
      permissions,
    )
    .action(async (name: string, { permission }: { permission: Permission[] }) => {
      const made = await cli.ask(createRoleOperation, { name, permissions: permission }, { once: true });
      cli.out.result(made, (role) => described(role, cli.out.width));
    });
  role
    .command("update <role>")
    .description("rename a role, or give it these permissions and no other, for everybody who has it")
    .option("--name <name>", "its new name")
    .option("--permission <permissions>", "noun:verb; several with commas, or said again", permissions)
    .action(async (text: string, options: { name?: string; permission?: Permission[] }) => {
      const { name, permission } = options;
      const changed = await cli.ask(updateRoleOperation, {
        role: text,
        ...(name === undefined ? {} : { name }),
        ...(permission === undefined ? {} : { permissions: permission }),
      });
      cli.out.result(changed, (role) => described(role, cli.out.width));
    });
  role
    .command("delete <role>")
    .description("delete a role of the organization that nobody has (asks first)")
    .action((text: string) => remove(cli, text));
}

function permissions(text: string, before: Permission[] = []): Permission[] {
  return [...before, ...text.split(",").map(permission)];
}

function permission(text: string): Permission {
  const name = text.trim();
  const known = GRANTABLE.find((one) => one === name);
  if (known !== undefined) return known;
  const near = closestName(name, GRANTABLE, 4);
  const hint = near === undefined ? `there are ${GRANTABLE.join(", ")}` : `did you mean ${near}?`;
  throw new AppError("usage", `no role can have the permission "${name}": ${hint}`);
}

async function list(cli: Cli): Promise<void> {
  const found = await cli.ask(listRoles, {});
  cli.out.result(found, ({ items }) =>
    table(
      ["role", "of", "members", "may"],
      items.map((one) => [one.name, ownerOf(one), one.members, one.permissions.join(" ")]),
      "nothing",
      cli.out.width,
    ),
  );
}

function ownerOf({ system }: Role): string {
  return system ? "the system" : "this organization";
}

function described({ name, permissions: may }: Role, width: number): string {
  return wrapped(`the role ${name} may: ${may.join(" ")}`, 2, width, 0);
}

async function remove(cli: Cli, text: string): Promise<void> {
  const question = `This deletes the role ${text}, with invitations that give it.`;
  if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const gone = await cli.ask(deleteRoleOperation, { role: text });
  cli.out.result(gone, ({ name }) => `the role ${name} is gone`);
}
