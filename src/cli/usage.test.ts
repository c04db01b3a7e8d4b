import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Command } from "commander";
import { assertRefused, type Refusal, type Runner, runHere } from "../../test/cli/home.ts";
import type { Cli } from "./cli.ts";
import { COMMANDS } from "./index.ts";
import { howAdminSignsIn } from "./seed.ts";
import { inWords } from "./serve.ts";

/** Command lines in this process: what ends before a database is asked for costs a millisecond here. */
const folder = mkdtempSync(join(tmpdir(), "aliquot-usage-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const run: Runner = (words, env = {}) =>
  runHere(words, { ALIQUOT_HOME: join(folder, "home"), ...env }, folder);

const usage = (words: string[], message: RegExp): Refusal => ({ words, exit: 2, code: "usage", message });

/** A message that names the flag before it says what is right. */
const flagged = (flag: unknown, says: unknown) =>
  new RegExp(`'${flag} <.*${says instanceof RegExp ? says.source : says}`);

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
    usage(
      ["molecule", "show", "it's"],
      /argument <id> 'it's' is invalid\. It must be an id, as lists show it\./,
    ),
    usage(["molecule", "add", "C", "O", "--name", "x"], /--name needs a single SMILES/),
    usage(["xtb"], /give SMILES, --molecules FILE or --structure ID/),
    usage(["xtb", "O", "--solvent", "vodka"], /acetone, acetonitrile/),
    usage(["xtb", "O", "--multiplicity", "999999999999999999999"], /It must be a whole number/),
    ...[
      ["--charge", "101", /from -100 to 100/],
      ["--multiplicity", "0", /from 1 to 100/],
      ["--cycles", "0", /from 1 to 100000/],
      ["--seed", "0", /from 1 to 2147483647/],
      ["--priority", "10", /from 0 to 9/],
    ].map(([flag, value, says]) => usage(["xtb", "O", String(flag), String(value)], flagged(flag, says))),
    ...["job", "molecule", "structure"].flatMap((word) =>
      ["0", "1001", "-1", "1.5"].map((n) =>
        usage([word, "list", "--limit", n], flagged("--limit", /It must be a whole number from 1 to 1000\./)),
      ),
    ),
    usage(["worker", "--slots", "0"], /It must be from 1 to 256/),
    usage(["up", "--workers", "-1"], /It must be 0 or more/),
    usage(["shell"], /no SQL to run: say it with -c, or on standard input/),
    usage(["down", "--purge"], /deletes the database.*--yes/),
    usage(["migrate", "down"], /--branch metadata or --branch results/),
    usage(["migrate", "down", "--branch", "results"], /drops what they made.*--yes/),
    usage(["migrate", "new", "Bad Name", "--branch", "results"], /lowercase letters/),
  ])
    await assertRefused(run, refusal);
  assert.equal(existsSync(join(folder, "home", "state.json")), false, "a usage error started a server");
});

test("an address that is no API's says why", async () => {
  for (const [url, says] of [
    ["http://127.0.0.1:8000/v1", /ALIQUOT_URL .*leave \/v1 out$/],
    ["http://example.org", /ALIQUOT_URL must be https.*passwords and keys would travel readable$/],
    ["example.org", /ALIQUOT_URL must be https:.*this machine$/],
  ] as const) {
    const { code, stderr } = await run(["whoami"], { ALIQUOT_URL: url });
    assert.deepEqual([code, says.test(stderr.trim())], [2, true], stderr);
  }
});

test("an API that listens everywhere is told with an address that can be typed", () => {
  assert.equal(inWords("http://127.0.0.1:8000"), "http://127.0.0.1:8000");
  assert.equal(inWords("http://0.0.0.0:8000"), "http://0.0.0.0:8000, here http://127.0.0.1:8000");
  assert.equal(inWords("http://[::]:80"), "http://[::]:80, here http://[::1]:80");
});

test("who starts everything in the background is told how admin signs in", () => {
  assert.match(howAdminSignsIn("", true), /signs in with ADMIN_PASSWORD$/);
  assert.match(howAdminSignsIn("", false), /signs in with the password it has$/);
});

test("the help of a command names the options of every command", async () => {
  for (const words of [
    ["xtb", "--help"],
    ["job", "list", "--help"],
    ["help", "job"],
  ]) {
    const { code, stdout } = await run(words);
    assert.equal(code, 0);
    assert.match(stdout, /\n\nEvery command also takes --org ORG, --json, --as USER.*aliquot --help/);
  }
});

test("the overview names every second word of a command", async () => {
  for (const { name, summary, load } of COMMANDS) {
    const program = new Command();
    (await load()).register(program, {} as Cli);
    const words = program.commands.flatMap(({ commands }) => commands.map((one) => one.name()));
    const said = /: ([a-z, -]+)$/.exec(summary)?.[1]?.split(", ") ?? [];
    if (words.length > 0) assert.deepEqual(said.toSorted(), words.toSorted(), name);
  }
});

/** An id that nothing needs to have: what is wrong here is seen before it is looked up. */
const ID = "01a1fe29-0000-7183-9923-8edaf77b1628";
const BOX = ["--center", "9.4,16.1,9.2", "--size", "20,18,26"];
const dock = (...words: string[]) => ["dock", "CCO", ...words];
const make = (...words: string[]) => ["site", "create", "--receptor", "x.pdb", ...words];

test("where to dock is said in one way, and numbers are numbers, before anything is prepared or started", async () => {
  for (const refusal of [
    usage(dock(), /--site NAME, or --receptor FILE/),
    usage(dock("--site", "s", "--receptor", "x.pdb"), /--site NAME, or --receptor FILE/),
    usage(["dock", "--site", "s"], /give ligands: SMILES, or --ligands FILE/),
    usage(["dock", "--receptor", "x.pdb", ...BOX], /give ligands/),
    ...[
      [...BOX],
      ["--around", "478"],
      ["--reference", "478"],
      ["--reference-smiles", "CCO"],
      ["--padding", "6"],
      ["--large-box"],
      ["--keep-water", "201"],
      ["--chain", "A"],
    ].map((more) => usage(dock("--site", "s", ...more), /--site already has its receptor and box/)),
    ...[dock("--receptor", "x.pdb"), make()].flatMap((place) => [
      usage(place, /say where to dock: --center and --size, or --around/),
      usage([...place, "--center", "1,2,3"], /both --center and --size/),
      usage([...place, "--size", "1,2,3"], /both --center and --size/),
      usage([...place, "--around", "478", ...BOX], /with --center and --size say --reference/),
      usage([...place, "--around", "478", "--reference", "478"], /leave --reference out/),
      usage([...place, ...BOX, "--reference-smiles", "CCO"], /name it with --around or --reference/),
      usage([...place, ...BOX, "--padding", "6"], /--padding is the room around a ligand/),
      ...["NaN,1,2", "1,2", "1,2,3,4", "1,,3", "a,b,c", "", "1,2,Infinity", "1;2;3"].map((text) =>
        usage([...place, "--size", "20,20,20", "--center", text], /It must be three numbers in Å: x,y,z/),
      ),
      usage([...place, "--around", "478", "--padding", "wide"], /It must be a number from 0 to 30/),
      usage([...place, "--around", "478", "--padding", "31"], /It must be a number from 0 to 30/),
    ]),
    ...["0", "-1", "2147483648", "abc", "1.5", ""].map((seed) =>
      usage(
        dock("--site", "s", "--seed", seed),
        /--seed takes a whole number from 1 to 2147483647, or random/,
      ),
    ),
    ...[
      ["--exhaustiveness", ["many", "0", "1025"], "a whole number from 1 to 1024"],
      ["--modes", ["1.5", "0", "101"], "a whole number from 1 to 100"],
      ["--energy-range", ["NaN", "0", "-1", "100.1"], "a number above 0, 100 at most"],
      ["--priority", ["11", "-1", ""], "a whole number from 0 to 9"],
    ].flatMap(([flag, values, says]) =>
      [values].flat().map((value) => usage(dock("--site", "s", `${flag}=${value}`), flagged(flag, says))),
    ),
    usage(dock("--site", "s", "--stereo", "guess"), /enumerate, arbitrary, refuse/),
    usage(["site", "create", ...BOX], /'--receptor <file-or-id>' not specified/),
    usage(
      ["site", "create", "--receptor", ID, "--keep-water", "201", ...BOX],
      /prepared already.*--keep-water/,
    ),
    usage(dock("--receptor", ID, "--histidine", "HID", ...BOX), /prepared already.*--histidine/),
    usage(["site", "validate"], /missing required argument 'site'/),
    usage(["site", "validate", "s", "--seed", "x"], /It must be a whole number/),
    usage(["site", "show"], /missing required argument 'site'/),
    usage(["receptor"], /receptor needs another word/),
    usage(["receptor", "prepare"], /missing required argument 'file'/),
    usage(["receptor", "prepare", "x.pdb", "--histidine", "HIX"], /HID, HIE, HIP, or RESIDUE=STATE/),
    usage(["receptor", "prepare", "x.pdb", "--histidine", "HID", "HIE"], /RESIDUE=STATE for one/),
    usage(["receptor", "prepare", "x.pdb", "--histidine", "A:69="], /RESIDUE=STATE/),
    ...[
      ...["show", "watch", "logs", "cancel", "retry"].map((word) => ["job", word]),
      ...["show", "watch", "items", "seal", "pause", "resume", "cancel", "retry"].map((word) => [
        "batch",
        word,
      ]),
      ...["molecule", "structure", "receptor"].map((word) => [word, "show"]),
      ["molecule", "delete"],
      ["cache", "explain"],
      ["worker", "drain"],
      ["job", "submit", "--from"],
      ["job", "list", "--batch"],
      ["failures", "--batch"],
    ].map((words) => usage([...words, "nope"], /'nope' is invalid.*It must be an id, as lists show it/)),
    usage(["job", "cancel", ID, "nope"], /'nope' is invalid/),
    ...[
      ["--private"],
      ["--priority", "3"],
      ["--no-cache"],
      ["--stereo", "refuse"],
      ["--param", "seed=1"],
    ].map((more) =>
      usage(
        ["batch", "create", "--resume", ID, "many.smi", ...more],
        /--resume goes on as the batch was asked/,
      ),
    ),
    usage(["batch", "create", "xtb-optimize", "CCO", "--resume", ID], /leave xtb-optimize out/),
    usage(["protocol", "show", "nope"], /It must be an id.*or the 64 hex digits of a hash/),
    usage(["events", "--entity", "job:nope"], flagged("--entity", /It must be job:ID with an id/)),
    usage(["pipeline", "run", "screen", "--structure", "nope"], /'nope' is invalid. It must be an id/),
    usage(["query"], /query needs another word/),
    usage(["query", "calculations", "--molecule", "xx"], flagged("--molecule", /It must be an id/)),
    usage(["query", "calculations", "--min-gap", "wide"], flagged("--min-gap", /It must be a number/)),
    usage(["query", "calculations", "--limit", "0"], flagged("--limit", /a whole number from 1 to 1000/)),
    usage(["query", "docking", "--per", "atom"], /pose, molecule, compound, skeleton/),
    usage(["query", "docking", "--max-affinity", "strong"], /It must be a number from -50 to 50/),
    usage(["query", "docking", "--max-affinity=-51"], flagged("--max-affinity", /a number from -50 to 50/)),
    ...["x", "0", "1001"].map((n) =>
      usage(["query", "docking", "--limit", n], flagged("--limit", /a whole number from 1 to 1000/)),
    ),
    ...["--protocol", "--molecule", "--job"].map((flag) =>
      usage(["query", "docking", flag, "xx"], flagged(flag, /It must be an id/)),
    ),
    usage(["query", "docking", "--job", ID, "xx"], /'xx' is invalid. It must be an id/),
    usage(["query", "docking", "--sdf", "-"], /--sdf - and --json both want the standard output/),
  ])
    await assertRefused(run, refusal);
  assert.equal(existsSync(join(folder, "home", "state.json")), false, "a usage error started a server");
});

test("files that are not there, or would be written over, are refused before a server is started", async () => {
  const there = join(folder, "poses.sdf");
  writeFileSync(there, "somebody's week");
  const empty = join(folder, "empty.smi");
  writeFileSync(empty, "");
  const refused = (words: string[], message: RegExp): Refusal => ({
    words,
    exit: 1,
    code: "bad_input",
    message,
  });
  for (const refusal of [
    refused(["dock", "--site", "s", "--ligands", "absent.smi"], /can't read absent\.smi: no such file/),
    refused(["dock", "absent.sdf", "--site", "s"], /can't read absent\.sdf: no such file/),
    refused(["dock", "--site", "s", "--ligands", empty], /empty\.smi is empty/),
    refused(["receptor", "prepare", "absent.pdb"], /can't read absent\.pdb: no such file/),
    refused(["site", "create", "--receptor", "absent.pdb", ...BOX], /can't read absent\.pdb: no such file/),
    refused(["xtb", "absent.sdf"], /can't read absent\.sdf: no such file/),
    refused(["xtb", "--molecules", "absent"], /can't read absent: no such file/),
    refused(["xtb", empty], /empty\.smi is empty/),
    refused(["xtb", "runs/may"], /can't read runs\/may: no such file/),
    refused(["pipeline", "run", "screen", "/no/absent.smi"], /can't read \/no\/absent\.smi: no such file/),
    refused(["pipeline", "run", "screen", empty], /empty\.smi is empty/),
    refused(["batch", "create", "xtb-optimize", "absent.CSV"], /can't read absent\.CSV: no such file/),
    refused(["batch", "create", "xtb-optimize", "--molecules", "absent.smi"], /absent\.smi: no such file/),
    refused(
      ["query", "docking", "--sdf", there],
      /can't write .*poses\.sdf: it is there already: name another file/,
    ),
  ])
    await assertRefused(run, refusal);
  assert.equal(readFileSync(there, "utf8"), "somebody's week");
  assert.equal(existsSync(join(folder, "home", "state.json")), false, "a bad file started a server");
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
