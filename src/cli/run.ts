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
 * 5 a dependency is unavailable, 130 interrupted.
 */
export async function runCli(argv: string[], io: Io): Promise<number> {
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
  if (word === "help" && argv.length === 1) {
    io.stdout.write(`${overview()}\n`);
    return 0;
  }
  const { runCommand } = await import("./command.ts");
  return runCommand(argv[0] === "help" ? [...argv.slice(1), "--help"] : argv, io);
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
