import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before } from "node:test";
import pg from "pg";
import { hashedName, waitUntil } from "./files.ts";
import { findProcesses } from "./processes.ts";
import {
  type EmbeddedOptions,
  type EmbeddedServer,
  ensureServer,
  type ServerAddress,
  stopServer,
} from "./server.ts";

// Helpers alone. The name keeps it out of the build.

export const asRoot = process.getuid?.() === 0;
export const UNPRIVILEGED = 65534;

/** Memory where there is room: Docker gives /dev/shm 64 MB. */
function roomyFolder(): string {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize >= 2 ** 30) return "/dev/shm";
  } catch {}
  return tmpdir();
}

/** What of a test context the helpers need. */
type Cleaner = { after(clean: () => Promise<void>): unknown };

/** Deletes a folder of tests with every process and socket of the clusters in it. */
async function sweep(base: string): Promise<void> {
  const paths = readdirSync(base, { recursive: true, encoding: "utf8" });
  const clusters = paths.filter((path) => basename(path) === "postgres" || /clusters\/[^/]+$/.test(path));
  for (const dataDir of clusters.map((path) => join(base, path))) {
    // At once, but not killed: a killed server leaves its shared memory behind.
    for (const pid of findProcesses(dataDir)) quit(pid);
    await waitUntil(() => findProcesses(dataDir).length === 0, 5000, 20);
    rmSync(join(tmpdir(), `aliquot-${hashedName(dataDir)}`), { recursive: true, force: true });
  }
  rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

function quit(pid: number): void {
  try {
    process.kill(pid, "SIGQUIT");
  } catch {} // its parent was faster
}

/** Registers hooks that make a home with a finished, stopped cluster, and delete it after the file's tests. */
export function useTemplate(): { home(): EmbeddedOptions } {
  const cleanups: (() => Promise<void>)[] = [];
  let template: EmbeddedOptions | undefined;
  before(async () => {
    template = makeOptions({ after: (clean) => cleanups.push(clean) });
    await ensureServer(template);
    await stopServer(template);
  });
  after(async () => {
    for (const clean of cleanups) await clean();
  });
  return { home: () => template! };
}

/** A folder that everybody may enter, swept when the test ends. */
export function makeBase(t: Cleaner): string {
  const base = mkdtempSync(join(roomyFolder(), "aliquot-test-"));
  t.after(() => sweep(base));
  chmodSync(base, 0o755);
  return base;
}

/** Options for a home of its own in a new base. */
export function makeOptions(t: Cleaner, name = "home"): EmbeddedOptions {
  const base = makeBase(t);
  const home = join(base, name);
  mkdirSync(home, { recursive: true });
  return { home, systemRoot: join(base, "system"), fast: true };
}

/** Options for a copy of a stopped home with a finished cluster: 50 ms in place of a second. */
export function copyOf(
  template: { home(): EmbeddedOptions },
  t: Cleaner,
  name = "home",
): EmbeddedOptions & { data_dir: string } {
  const options = makeOptions(t, name);
  rmSync(options.home, { recursive: true });
  const copy = spawnSync("cp", ["-a", template.home().home, options.home], { encoding: "utf8" });
  if (copy.status !== 0) throw new Error(copy.stderr);
  return { ...options, data_dir: join(options.home, "postgres") };
}

/** The rows of a statement, as text where PostgreSQL has no number for it. */
export async function ask(address: ServerAddress, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(address);
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Runs a function body in another Node process; `server` is the module under test, `options` is given. */
export function inChild(
  body: string,
  options: EmbeddedOptions,
  how: { uid?: number; through?: string[] } = {},
): { child: ChildProcess; output: Promise<string> } {
  const server = JSON.stringify(new URL("./server.ts", import.meta.url).href);
  const script = `const server = await import(${server}); const options = ${JSON.stringify(options)};
    const print = (value) => console.log(JSON.stringify(value)); ${body}`;
  const [program = process.execPath, ...rest] = [...(how.through ?? []), process.execPath];
  const child = spawn(program, [...rest, "--input-type=module", "-e", script], {
    ...(how.uid === undefined ? {} : { uid: how.uid, gid: how.uid }),
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  const output = new Promise<string>((resolve) => {
    child.once("close", () => resolve(text.trim()));
  });
  return { child, output };
}

/** `ensureServer` in another process: the server, or an error with all that it printed. */
export async function ensureInChild(
  options: EmbeddedOptions,
  how: { uid?: number; through?: string[] } = {},
): Promise<EmbeddedServer> {
  const text = await inChild("print(await server.ensureServer(options));", options, how).output;
  if (!text.startsWith("{")) throw new Error(text);
  return JSON.parse(text) as EmbeddedServer;
}
