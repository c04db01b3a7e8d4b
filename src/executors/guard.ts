import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Words put before the program so that the kernel enforces what we can't once we are dead: `setpriv`
 * asks for SIGKILL when the thread that forked ends, `prlimit` caps the address space. Both replace
 * themselves by the program, so its pid and its signal are seen as if it had been started bare.
 */
export type Guard = (memory_limit_bytes: number) => string[];

/** Not PATH: the executor has no environment of its own, and these two live in one of these. */
const FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
/** Fortran programs keep their arrays on the stack: with the usual 8 MiB, xtb dies of SIGSEGV at 992 atoms. */
const STACK_BYTES = 1024 ** 3;

/** Finds the tools and tries them once (busybox's setpriv has no --pdeathsig); no words where they fail. */
export async function findGuard(): Promise<Guard> {
  const none: Guard = () => [];
  if (process.platform !== "linux") return none;
  const [setpriv, prlimit] = await Promise.all([find("setpriv"), find("prlimit")]);
  const stack = await stackBytes();
  const death = setpriv === null ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
  const limits = (bytes: number) =>
    prlimit === null ? [] : [prlimit, `--as=${bytes}`, `--stack=${stack}:`, "--core=0", "--"];
  const full: Guard = (bytes) => [...death, ...limits(bytes)];
  if (await works(full(STACK_BYTES * 4))) return full;
  if (await works(death)) return () => death;
  if (await works(limits(STACK_BYTES * 4))) return limits;
  return none;
}

async function find(tool: string): Promise<string | null> {
  for (const folder of FOLDERS) {
    const path = join(folder, tool);
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return null;
}

/** As much stack as we may ask for: the hard limit of this process, at most 1 GiB. */
async function stackBytes(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "latin1").catch(() => "");
  const hard = /^Max stack size\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? STACK_BYTES : Math.min(STACK_BYTES, Number(hard));
}

function works(words: string[]): Promise<boolean> {
  const [tool, ...args] = words;
  if (tool === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(tool, [...args, "/bin/sh", "-c", "exit 0"], { env: {}, stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
