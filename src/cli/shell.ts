import type { Command } from "commander";
import { type Principal, viewerOf } from "../access/principal.ts";
import type { Context } from "../context.ts";
import { parseAddress } from "../db/address.ts";
import { AppError } from "../errors.ts";
import { pastPooler, type ShellTarget, withSession } from "../shell/session.ts";
import { statementsOf } from "../shell/split.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { printed, rowsOf } from "./shell-print.ts";

const MOST_SQL_BYTES = 64 * 1024 * 1024;

const HELP = `
Without -c: psql where version 15 or newer is installed, else a line reader of its own (\\? helps there);
without a terminal the statements are read from standard input. Statements given together are one
transaction; --json answers the rows of the last one, with numbers as numbers where JSON holds them exactly.

It is the system's eyes and hands: no row is hidden and nothing is asked twice. With --as USER it is what
that person would see, which is a view and no boundary.`;

export function register(program: Command, cli: Cli): void {
  program
    .command("shell")
    .description("SQL in an organization's database, as the system; with --as, as that person sees it")
    .option("-c <sql>", "run this and end")
    .option("--metadata", "in the metadata database instead")
    .addHelpText("after", HELP)
    .action(async ({ c, metadata = false }: { c?: string; metadata?: boolean }) => {
      const interactive = c === undefined && cli.io.stdin.isTTY === true;
      if (interactive) return talk(cli, metadata);
      // Read and cut before anything is started for it.
      const statements = statementsOf(c ?? (await readAll(cli.io.stdin)));
      await answer(cli, metadata, statements);
    });
}

async function answer(cli: Cli, metadata: boolean, statements: string[]): Promise<void> {
  const { target } = await targetOf(cli, metadata);
  const say = (line: string) => cli.out.say(line);
  const results = await withSession(target, say, (session) => session.run(statements));
  const last = results.at(-1);
  if (last === undefined) return;
  const { command, row_count } = last;
  cli.out.result({ items: rowsOf(last), next_cursor: null, command, row_count }, () =>
    results.map(printed).join("\n\n"),
  );
}

async function talk(cli: Cli, metadata: boolean): Promise<void> {
  if (cli.out.json)
    throw new AppError("usage", "--json answers one document: say the SQL with -c, or on standard input");
  const { target, name } = await targetOf(cli, metadata);
  const { findPsql, psqlEnv, runPsql } = await import("./shell-psql.ts");
  const psql = await findPsql(cli.config.search_path);
  if (psql !== undefined) {
    const code = await runPsql(psql, psqlEnv(cli.io.env, target), name);
    if (code !== 0) throw new ExitWith(1);
    return;
  }
  cli.out.say("no psql 15 or newer is installed: this reader is Aliquot's own, \\? helps");
  const { readLoop } = await import("./shell-reader.ts");
  const { stdin: input, stdout: output } = cli.io;
  await withSession(
    target,
    (line) => cli.out.say(line),
    (session) => readLoop(session, { input, output, terminal: output.isTTY === true, name }),
  );
}

/** Which database, by whose login, and who one is in it. */
async function targetOf(cli: Cli, metadata: boolean): Promise<{ target: ShellTarget; name: string }> {
  const context = await cli.context();
  const { as } = cli.options;
  if (metadata) {
    const person = as === undefined ? undefined : (await cli.member()).principal;
    const { appPassword } = await import("../setup.ts");
    const address = {
      ...context.admin,
      user: context.roles.app,
      password: appPassword(context.secret).reveal(),
    };
    return { target: { address, ...whoOf(context, person, null) }, name: "metadata" };
  }
  const { principal, org } = await cli.member();
  const url = context.config.database_url;
  const pooler = url === undefined ? context.admin : parseAddress(url);
  const login = await context.results.loginAddress(org.org_id);
  const address = pastPooler(login, { pooler, direct: context.admin });
  const person = as === undefined ? undefined : principal;
  return { target: { address, ...whoOf(context, person, org.org_id) }, name: org.slug };
}

function whoOf(
  { roles }: Context,
  person: Principal | undefined,
  orgId: string | null,
): Pick<ShellTarget, "role" | "viewer"> {
  if (person !== undefined) return { role: roles.member, viewer: viewerOf(person) };
  return { role: roles.system, viewer: { user_id: "", org_id: orgId, is_org_admin: false } };
}

/** Everything on a stream, as text. Throws AppError bad_input: no UTF-8, or more than fits. */
async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk as Buffer | string);
    bytes += buffer.length;
    if (bytes > MOST_SQL_BYTES)
      throw new AppError("bad_input", "standard input has more than 64 MiB of SQL: give it to psql");
    chunks.push(buffer);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new AppError("bad_input", "standard input is not UTF-8", { cause });
  }
}
