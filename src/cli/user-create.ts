import type { Command } from "commander";
import { drawPassword } from "../access/passwords.ts";
import { AppError } from "../errors.ts";
import { createServiceOperation, createUserOperation } from "../people/operations.ts";
import type { CreatedUser } from "../people/schema.ts";
import type { Cli } from "./cli.ts";
import { roles } from "./options.ts";
import { time } from "./out.ts";
import { lost, newPassword, tokenLines } from "./shown-once.ts";

type Options = {
  email?: string;
  operator?: true;
  askPassword?: true;
  token?: true;
  service?: true;
  role?: string[];
};

export function registerCreate(user: Command, cli: Cli): void {
  user
    .command("create <username>")
    .description("make a person with a drawn password, printed this once; or a service of this organization")
    .option("--email <address>", "their address (needed of a person)")
    .option("--operator", "they operate the installation")
    .option("--ask-password", "type the password, or give it on standard input, instead of drawing one")
    .option("--token", "make a token with which they choose a password themselves")
    .option("--service", "an account of programs in this organization, which acts through keys alone")
    .option(
      "--role <roles>",
      "of a service: its roles here (service); several with commas, or said again",
      roles,
    )
    .action((username: string, options: Options) =>
      options.service === true ? service(cli, username, options) : person(cli, username, options),
    );
}

async function person(cli: Cli, username: string, options: Options): Promise<void> {
  const { email, operator, token } = options;
  if (email === undefined) throw new AppError("usage", "a person needs an address: --email ADDRESS");
  if (options.role !== undefined)
    throw new AppError("usage", "--role is for a service: `aliquot member add` makes a person a member");
  if (token === true && options.askPassword === true)
    throw new AppError("usage", "--token lets them choose the password: leave --ask-password out");
  // Drawn here, so that it travels once and the API keeps nothing that it could show again.
  const password =
    token === true ? undefined : options.askPassword === true ? await newPassword(cli) : drawPassword();
  const made = await cli.ask(
    createUserOperation,
    {
      username,
      email,
      ...(password === undefined ? {} : { password }),
      ...(operator === true ? { operator } : {}),
    },
    { outside: true, once: true },
  );
  const drawn = options.askPassword === true ? undefined : password;
  if (token === true && made.reset_token === null) lost(`\`aliquot user reset ${made.username}\``);
  cli.out.result(drawn === undefined ? made : { ...made, password: drawn }, () => described(made, drawn));
}

function described(made: CreatedUser, drawn: string | undefined): string {
  const { username, email, is_admin, user_id, reset_token, reset_expires_at } = made;
  return [
    `${username} <${email}> is ${is_admin ? "an operator" : "a user"}`,
    `  id        ${user_id}`,
    ...(drawn === undefined
      ? []
      : [`  password  ${drawn}`, "it can't be shown again; `aliquot user password` changes it"]),
    ...(reset_token === null || reset_expires_at === null
      ? []
      : [tokenLines(`they can choose a password until ${time(reset_expires_at)}`, reset_token)]),
    ...(is_admin ? [] : [`make them a member: \`aliquot member add ${username} --role viewer\``]),
  ].join("\n");
}

async function service(cli: Cli, username: string, options: Options): Promise<void> {
  const given = [options.email, options.operator, options.askPassword, options.token].some(
    (one) => one !== undefined,
  );
  if (given)
    throw new AppError(
      "usage",
      "a service has neither address nor password, and operates nothing: say --role alone",
    );
  const made = await cli.ask(
    createServiceOperation,
    { username, ...(options.role === undefined ? {} : { roles: options.role }) },
    { once: true },
  );
  cli.out.result(made, ({ user_id, roles }) =>
    [
      `${username} is a service here: ${roles.join(", ")}`,
      `  id  ${user_id}`,
      `make a key for it: \`aliquot key create NAME --for ${username}\``,
    ].join("\n"),
  );
}
