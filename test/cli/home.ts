import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { runCli } from "../../src/cli/run.ts";
import { commandWord } from "../../src/cli/words.ts";
import { parseConfig } from "../../src/config.ts";
import { type Context, openContext } from "../../src/context.ts";
import { secretKey } from "../../src/secrets.ts";
import { ROOT } from "../house/sources.ts";

const ENTRY = join(ROOT, "bin", "aliquot.js");
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

type Env = Record<string, string>;

export type Ran = { code: number | null; stdout: string; stderr: string };

export type Started = { child: ChildProcess; said: () => string; ended: Promise<Ran> };

/** Whatever runs command lines: a home's spawned ones, or a test's in its own process. */
export type Runner = (words: string[], env?: Record<string, string>) => Promise<Ran>;

/** What a command line prints with `--json` when it fails. */
export type Failure = {
  code: string;
  message: string;
  fields: { path?: string; line?: number; rule: string }[];
};

/** What of this process's environment reaches a command: the PATH, with this Node first on it. */
const PATH = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);

/** Why a test that runs a real program is skipped, or false where it is there. */
function without(program: string): string | false {
  const found = PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));
  return found ? false : `${program} is not installed`;
}
export const WITHOUT_XTB = without("xtb");
export const WITHOUT_VINA = without("vina");

export function bareEnv(folder: string): Env {
  return { PATH, HOME: folder };
}

/** `node bin/aliquot.js WORDS`, as a person would start it. */
export function start(words: string[], env: Env, cwd: string): Started {
  const child = spawn(process.execPath, [ENTRY, ...words], { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = once(child, "close").then(([code]): Ran => ({ code: code as number | null, stdout, stderr }));
  return { child, said: () => stdout + stderr, ended };
}

/** A command line in this process, through the same door as bin/aliquot.js. */
export async function runHere(
  words: string[],
  env: Env,
  cwd: string,
  said: string[] = [],
  context?: Context,
): Promise<Ran> {
  const [stdout, stderr] = [new Text(), new Text()];
  const opened = context === undefined ? {} : { context };
  const code = await runCli(words, { env, cwd, stdout, stderr, stdin: Readable.from(said), ...opened });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

export class Text extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Commands that open the database in a way of their own. */
const OPEN_IT_THEMSELVES = new Set(["migrate", "seed"]);

/** A folder with a home in it; commands run there. */
export class CliHome {
  readonly folder: string;
  readonly path: string;
  readonly env: Env;
  readonly #spawned = new Set<string>();
  #context: Context | undefined;

  constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, "home");
    // Any port: two homes that are up at once have one each.
    this.env = { ...bareEnv(folder), ALIQUOT_HOME: this.path, API_PORT: "0" };
  }

  start(words: string[], env: Env = {}): Started {
    return start(words, { ...this.env, ...env }, this.folder);
  }

  run(words: string[], env: Env = {}): Promise<Ran> {
    return this.start(words, env).ended;
  }

  /** The same command in this process: no start of Node to pay for. Files are named by their whole path. */
  here(words: string[], env: Env = {}): Promise<Ran> {
    const alone = Object.keys(env).length > 0 || OPEN_IT_THEMSELVES.has(commandWord(words) ?? "");
    return runHere(words, { ...this.env, ...env }, this.folder, [], alone ? undefined : this.#context);
  }

  /** From now on commands in this process share one Context: opening one costs most of what a command does. */
  async open(): Promise<void> {
    const { config } = parseConfig(this.env);
    const secret = secretKey(this.env, this.path);
    this.#context = await openContext({ config, home: this.path, secret, say: () => {}, toolkitThreads: 1 });
  }

  /** From now on each opens its own again. */
  async close(): Promise<void> {
    await this.#context?.[Symbol.asyncDispose]();
    this.#context = undefined;
  }

  /**
   * Spawns the first command line of each noun (`job`, `xtb`) and runs the others in this process, which a
   * handle that one of them leaves open keeps from ending as it would its own.
   */
  sparing(words: string[], env: Env = {}): Promise<Ran> {
    const word = commandWord(words) ?? "";
    if (this.#spawned.has(word)) return this.here(words, env);
    this.#spawned.add(word);
    return this.run(words, env);
  }

  /** The one document that a command prints with `--json`; it must end with `code`. */
  async json<T>(words: string[], code = 0, env: Env = {}): Promise<T> {
    return documentOf<T>(words, await this.run(["--json", ...words], env), code);
  }

  /** Rows of a statement in the chosen organization's database. */
  async rows<T>(sql: string, ...more: string[]): Promise<T[]> {
    const words = ["shell", ...more, "-c", sql];
    return documentOf<{ items: T[] }>(words, await this.here(["--json", ...words]), 0).items;
  }

  /** A file in the folder; returns its path. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** How many objects the home's store holds, half-written ones included. */
  objects(): number {
    const entries = readdirSync(join(this.path, "objects"), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  }
}

/**
 * A home of its own for a test file. A guard waits at a pipe: when the tests end, or this process however it
 * ends, it runs `down --now --purge --yes` and deletes the folder, so that no server is left behind.
 */
export function openCliHome(t: { after(clean: () => Promise<void>): unknown }): CliHome {
  const home = new CliHome(mkdtempSync(join(tmpdir(), "aliquot-cli-")));
  const script = 'read -r _; "$1" "$2" down --now --purge --yes; rm -rf -- "$3"';
  const guard = spawn("/bin/sh", ["-c", script, "sh", process.execPath, ENTRY, home.folder], {
    env: home.env,
    cwd: ROOT,
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  t.after(async () => {
    await home.close();
    guard.stdin.end();
    await once(guard, "exit");
  });
  return home;
}

/** What a command printed, which must have ended with `code`. */
export function documentOf<T>(words: string[], ran: Ran, code: number): T {
  assert.equal(ran.code, code, `${words.join(" ")}: ${ran.stderr}${ran.stdout}`);
  return oneDocument(ran.stdout) as T;
}

/** A single JSON document and its line feed: nothing before it, nothing after. */
export function oneDocument(stdout: string): unknown {
  assert.match(stdout, /^[{[].*[}\]]\n$/s, "stdout is not one line of JSON");
  assert.equal(stdout.indexOf("\n"), stdout.length - 1, `stdout is more than one line: ${stdout}`);
  return JSON.parse(stdout);
}

export type Refusal = { words: string[]; exit: number; code: string; message: RegExp; env?: Env };

/**
 * A command with `--json` that must fail: the documented exit code, `{"error":{code,message,fields}}` and
 * nothing else on stdout, the same message as a line on stderr, and no stack.
 */
export async function assertRefused(run: Runner, refusal: Refusal): Promise<Failure> {
  const ran = await run(["--json", ...refusal.words], refusal.env ?? {});
  const what = `${refusal.words.join(" ").slice(0, 100)}: ${ran.stdout}${ran.stderr}`;
  assert.equal(ran.code, refusal.exit, what);
  const { error } = oneDocument(ran.stdout) as { error: Failure };
  assert.deepEqual(Object.keys(error), ["code", "message", "fields"], what);
  assert.equal(error.code, refusal.code, what);
  assert.match(error.message, refusal.message, what);
  assert.doesNotMatch(error.message, /\n|something of ours broke/, what);
  assert.ok(ran.stderr.includes(`aliquot: ${error.message}\n`), what);
  assertNoStack(ran);
  return error;
}

export function assertNoStack({ stdout, stderr }: Ran): void {
  assert.doesNotMatch(stdout + stderr, /^\s+at .+:\d+:\d+\)?$|node:internal/m);
}

/** Works on items a few at a time: a command waits for the server longer than it computes. */
export async function few<T>(items: T[], work: (item: T) => Promise<unknown>, atOnce = 3): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  // All lanes end before the first failure is told: the next test must not meet this one's commands.
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Asserts that every named key is there; more are allowed. */
export function assertKeys(value: unknown, ...keys: string[]): void {
  assert.ok(typeof value === "object" && value !== null, `not an object: ${JSON.stringify(value)}`);
  const missing = keys.filter((key) => !(key in value));
  assert.deepEqual(missing, [], `missing in ${JSON.stringify(value).slice(0, 300)}`);
}
