import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { assertRefused, type Refusal, type Runner, runHere } from "../../test/cli/home.ts";

/** Command lines in this process: what ends before a database is asked for costs a millisecond here. */
const folder = mkdtempSync(join(tmpdir(), "aliquot-usage-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const run: Runner = (words, env = {}) =>
  runHere(words, { ALIQUOT_HOME: join(folder, "home"), ...env }, folder);

const usage = (words: string[], message: RegExp): Refusal => ({ words, exit: 2, code: "usage", message });

test("words that are wrong are usage errors that say what is right", async () => {
  for (const refusal of [
    usage(["xbt", "O"], /no command "xbt": did you mean xtb\?/),
    usage(["help", "nope"], /no command "nope"/),
    usage([], /no command was given, only --json/),
    usage(["org"], /org needs another word.*aliquot help org/),
    usage(["org", "creat", "lab"], /unknown command 'creat'.*create/),
    usage(["org", "create"], /missing required argument 'name'/),
    usage(["org", "list", "extra"], /too many arguments/),
    usage(["org", "list", "--jsno"], /unknown option '--jsno'.*--json/),
    usage(["job", "list", "--limit", "many"], /'many' is invalid. It must be a whole number/),
    usage(["job", "list", "--limit", "1e99"], /It must be a whole number/),
    usage(["job", "list", "--status", "done"], /pending, queued, running/),
    usage(["job", "submit"], /'--from <job>' not specified/),
    usage(["molecule", "add"], /missing required argument 'smiles'/),
    usage(["molecule", "add", "C", "O", "--name", "x"], /--name needs a single SMILES/),
    usage(["xtb"], /give SMILES, --molecules FILE or --structure ID/),
    usage(["xtb", "O", "--solvent", "vodka"], /acetone, acetonitrile/),
    usage(["xtb", "O", "--multiplicity", "999999999999999999999"], /It must be a whole number/),
    usage(["worker", "--slots", "0"], /It must be from 1 to 256/),
    usage(["up", "--workers", "-1"], /It must be 0 or more/),
    usage(["shell"], /'-c <sql>' not specified/),
    usage(["down", "--purge"], /deletes the database.*--yes/),
    usage(["migrate", "down"], /--branch metadata or --branch results/),
    usage(["migrate", "down", "--branch", "results"], /drops what they made.*--yes/),
    usage(["migrate", "new", "Bad Name", "--branch", "results"], /lowercase letters/),
  ])
    await assertRefused(run, refusal);
  assert.equal(existsSync(join(folder, "home", "state.json")), false, "a usage error started a server");
});

test("help comes in every way of asking, as text on stdout", async () => {
  const asks: [string[], RegExp][] = [
    [[], /Usage: aliquot COMMAND/],
    [["--help"], /Usage: aliquot COMMAND/],
    [["help"], /Usage: aliquot COMMAND/],
    [["--json", "help"], /Usage: aliquot COMMAND/],
    [["help", "org"], /create <name>/],
    [["help", "org", "create"], /Usage: aliquot org create/],
    [["org", "help"], /create <name>/],
    [["org", "create", "--help"], /Usage: aliquot org create/],
    [["--version"], /^\d+\.\d+\.\d+\n$/],
  ];
  for (const [words, expected] of asks) {
    const ran = await run(words);
    assert.deepEqual([ran.code, ran.stderr], [0, ""], words.join(" "));
    assert.match(ran.stdout, expected);
  }
});
