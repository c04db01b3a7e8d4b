import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import type { EngineSettings } from "./engine.ts";

const ANSWER_LIMIT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 100_000;

/**
 * The absolute path of a program: `settings.path`, else the first of that name in the folders of `search_path`
 * (a PATH; relative folders are passed over). Null where there is none that may be executed.
 */
export async function findProgram(
  name: string,
  settings: EngineSettings & { search_path?: string },
): Promise<string | null> {
  const folders = (settings.search_path ?? "").split(delimiter).filter(isAbsolute);
  const candidates =
    settings.path === undefined ? folders.map((folder) => join(folder, name)) : [settings.path];
  for (const path of candidates.filter(isAbsolute)) {
    if (await mayRun(path)) return path;
  }
  return null;
}

function mayRun(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * What a program prints on stdout for `args`, in an environment of `env` alone; null where it can't be
 * started or is not done within 10 s. Its whole group is ended then.
 */
export function askProgram(
  path: string,
  args: string[],
  env: Record<string, string>,
): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(path, args, { cwd: "/", env, detached: true, stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    const finish = (answer: string | null) => {
      clearTimeout(timer);
      if (child.pid !== undefined) endGroup(child.pid);
      child.stdout.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), ANSWER_LIMIT_MS);
    child.stdout.on("data", (chunk: Buffer) => {
      if (said.length < ANSWER_LIMIT_BYTES) said += chunk.toString("latin1");
    });
    child.once("error", () => finish(null));
    child.once("close", () => finish(said));
  });
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Ended by itself.
  }
}
