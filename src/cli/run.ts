import { COMMANDS, type CommandEntry } from "./index.ts";
import type { Io } from "./out.ts";
import { commandWord } from "./words.ts";

const GLOBAL_OPTIONS = [
  ["--json", "one JSON document on stdout, everything else on stderr"],
  ["--org ORG", "organization by name, slug or id (or ALIQUOT_ORG, or the one chosen by `org use`)"],
  ["--as USER", "act as another user than admin"],
  ["--yes", "answer questions before destruction with yes"],
  ["--verbose", "add details to errors"],
] as const;

/**
 * Finds the command, runs it, and returns the exit code: 0 done, 1 failed, 2 usage, 3 not found, 4 refused,
 * 5 a dependency is unavailable, 130 interrupted. Ends the process with 141 where the reader of stdout left.
 */
export async function runCli(argv: string[], io: Io): Promise<number> {
  obeyStreams(io);
  const word = commandWord(argv);
  if (word === undefined) {
    if (argv.includes("--version") || argv.includes("-V")) {
      const { version } = await import("../version.ts");
      io.stdout.write(`${version()}\n`);
      return 0;
    }
    if (argv.length === 0 || argv.includes("--help") || argv.includes("-h")) {
      io.stdout.write(`${overview()}\n`);
      return 0;
    }
  }
  const { runCommand } = await import("./command.ts");
  if (word !== "help") return runCommand(argv, io);
  const rest = argv.toSpliced(argv.indexOf("help"), 1);
  if (commandWord(rest) !== undefined) return runCommand([...rest, "--help"], io);
  io.stdout.write(`${overview()}\n`);
  return 0;
}

/** `| head` ends a command quietly, as it ends others; a full disk gets its line. Nobody hears of stderr. */
function obeyStreams({ stdout, stderr }: Io): void {
  stderr.on("error", () => {});
  stdout.on("error", ({ code = "unknown" }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit(141);
    stderr.write(`aliquot: can't write to standard output (${code})\n`);
    process.exit(1);
  });
}

function overview(): string {
  const row = ([name, about]: readonly [string, string]) => `  ${name.padEnd(14)} ${about}`;
  const entries = COMMANDS.map(({ name, summary }: CommandEntry) => [name, summary] as const);
  return [
    "Usage: aliquot COMMAND [options]",
    "",
    "The data platform of a computational-chemistry group: a database per organization, real engines.",
    "",
    "Commands:",
    ...entries.map(row),
    "",
    "Options of every command:",
    ...GLOBAL_OPTIONS.map(row),
    "",
    "`aliquot COMMAND --help` tells more. A first session: aliquot demo",
  ].join("\n");
}
