import { Command, CommanderError } from "commander";
import { closestName } from "../edit-distance.ts";
import { AppError, toAppError } from "../errors.ts";
import { Cli, type GlobalOptions } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { COMMANDS, type CommandEntry } from "./index.ts";
import { type Io, Out } from "./out.ts";
import { commandWord } from "./words.ts";

const EVERY_COMMAND =
  "Every command also takes --org ORG, --json, --as USER, --yes, --verbose: `aliquot --help` says what they do";

/** Loads the one module that the words name, lets commander read the rest, maps errors to exit codes. */
export async function runCommand(argv: string[], io: Io): Promise<number> {
  const globals = readGlobals(argv);
  let cli: Cli | undefined;
  try {
    const entry = findEntry(argv);
    cli = new Cli(io, globals);
    const program = newProgram(io).hook("preAction", (_program, action) => refuseAfar(entry, action, cli));
    (await entry.load()).register(program, cli);
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (thrown) {
    return report(
      isWordless(thrown) ? wordless(argv) : thrown,
      cli?.out ?? new Out(io, { json: globals.json ?? false, verbose: globals.verbose ?? false }),
    );
  } finally {
    await cli?.[Symbol.asyncDispose]().catch(() => {});
  }
}

/** How commander says that a command of several (`org`) came without a second word. */
function isWordless(thrown: unknown): boolean {
  return thrown instanceof CommanderError && thrown.code === "commander.help" && thrown.exitCode !== 0;
}

function wordless(argv: string[]): AppError {
  const word = commandWord(argv);
  return new AppError("usage", `${word} needs another word after it: \`aliquot help ${word}\` lists them`);
}

function findEntry(argv: string[]) {
  const word = commandWord(argv) ?? "";
  const entry = COMMANDS.find(({ name }) => name === word);
  if (entry !== undefined) return entry;
  const near = closestName(
    word,
    COMMANDS.map(({ name }) => name),
    2,
  );
  const hint = near === undefined ? "`aliquot --help` lists them" : `did you mean ${near}?`;
  throw new AppError(
    "usage",
    word === ""
      ? `no command was given, only ${argv.join(" ")}: \`aliquot --help\` lists them`
      : `there is no command "${word}": ${hint}`,
  );
}

/** Before a command does anything: whether an API can be asked to do it. Throws AppError usage. */
function refuseAfar({ name, here = [] }: CommandEntry, action: Command, cli: Cli | undefined): void {
  if (cli?.isRemote !== true) return;
  if (here === true || here.includes(action.name()))
    throw new AppError(
      "usage",
      `aliquot ${here === true ? name : `${name} ${action.name()}`} works on the server's own machine: say it there, without ALIQUOT_URL`,
    );
  if (cli.options.as !== undefined)
    throw new AppError("usage", "--as is for the server's own machine: `aliquot login` says who asks an API");
}

function newProgram(io: Io): Command {
  return new Command("aliquot")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Usage errors come back as exceptions and are printed once, in our words.
      writeErr: () => {},
    })
    .option("--json", "one JSON document on stdout")
    .option("--org <org>", "organization by name, slug or id")
    .option("--as <user>", "act as another user")
    .option("--yes", "answer questions with yes")
    .option("--verbose", "add details to errors")
    .addHelpText("afterAll", `\n${EVERY_COMMAND}`);
}

/** Read before commander runs, because errors of usage must already come as JSON where that was asked. */
function readGlobals(argv: string[]): GlobalOptions {
  const words = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  const after = (name: string) => {
    const inline = words.find((word) => word.startsWith(`${name}=`));
    if (inline !== undefined) return inline.slice(name.length + 1);
    const index = words.indexOf(name);
    return index < 0 ? undefined : words[index + 1];
  };
  const org = after("--org");
  const as = after("--as");
  return {
    json: words.includes("--json"),
    yes: words.includes("--yes"),
    verbose: words.includes("--verbose"),
    ...(org === undefined ? {} : { org }),
    ...(as === undefined ? {} : { as }),
  };
}

function report(thrown: unknown, out: Out): number {
  if (thrown instanceof ExitWith) return thrown.code;
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0;
    out.error(new AppError("usage", `${usageText(thrown.message)} (--help shows how)`));
    return 2;
  }
  const error = toAppError(thrown);
  out.error(error);
  return error.exit;
}

/** What commander says of a wrong argument, as it says it of an option, in one line. */
function usageText(message: string): string {
  return message
    .replace(/^error: /, "")
    .replace(
      /^command-argument value '(.*)' is invalid for argument '([^']+)'\./s,
      (_all, value, name) => `argument <${name}> '${value}' is invalid.`,
    )
    .replace(/\n/g, " ");
}
