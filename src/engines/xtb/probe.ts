import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, readdir, readFile, realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { sha256 } from "../../ids.ts";
import type { EngineProbe, EngineSettings } from "../engine.ts";

const HOW_TO_INSTALL =
  "apt-get install xtb (Debian, Ubuntu), conda install -c conda-forge xtb, or set XTB_PATH to its executable";
const VERSION_LIMIT_MS = 10_000;
const PARAMETER_FILE = /^\.?param_.*\.txt$/;

/**
 * Looks for xtb: `settings.path`, else the folders of `search_path` (a PATH), asks its version and hashes
 * what decides its numbers. `found: false` with the reason where it is missing, silent, or not the pinned
 * version; never throws. Costs one start of xtb (10 ms) and a read of its 6 MB; nothing is remembered.
 */
export async function probeXtb(settings: EngineSettings & { search_path?: string }): Promise<EngineProbe> {
  const path = await findProgram(settings);
  if (path === null) {
    const where =
      settings.path === undefined ? "there is no xtb on the PATH" : `${settings.path} can't be run`;
    return missing(where);
  }
  const version = await askVersion(path);
  if (version === null) return missing(`${path} does not answer --version as xtb does`);
  if (settings.version !== undefined && settings.version !== version)
    return missing(`${path} is xtb ${version}, but version ${settings.version} is asked for`);
  const parameters = await parameterFiles(path);
  const env: Record<string, string> = parameters === null ? {} : { XTBPATH: parameters.folder };
  const fingerprint = await hash(path, parameters?.files ?? []);
  return { name: "xtb", found: true, install: { name: "xtb", version, path, fingerprint, env } };
}

function missing(reason: string): EngineProbe {
  return { name: "xtb", found: false, reason, how_to_install: HOW_TO_INSTALL };
}

async function findProgram(settings: EngineSettings & { search_path?: string }): Promise<string | null> {
  const folders = (settings.search_path ?? "").split(delimiter).filter(isAbsolute);
  const candidates =
    settings.path === undefined ? folders.map((folder) => join(folder, "xtb")) : [settings.path];
  for (const path of candidates.filter(isAbsolute)) {
    if (await canRead(path, constants.X_OK)) return path;
  }
  return null;
}

async function canRead(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** The version that xtb states, null where it states none within 10 s; its whole group is ended then. */
function askVersion(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(path, ["--version"], {
      cwd: "/",
      env: { OMP_NUM_THREADS: "1" },
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let said = "";
    const finish = (version: string | null) => {
      clearTimeout(timer);
      if (child.pid !== undefined) endGroup(child.pid);
      child.stdout.destroy();
      resolve(version);
    };
    const timer = setTimeout(() => finish(null), VERSION_LIMIT_MS);
    child.stdout.on("data", (chunk: Buffer) => {
      if (said.length < 100_000) said += chunk.toString("latin1");
    });
    child.once("error", () => finish(null));
    child.once("close", () => finish(/\* xtb version (\d+(?:\.\d+)+)/.exec(said)?.[1] ?? null));
  });
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Ended by itself.
  }
}

/**
 * Parameter files where packages put them: `share/xtb` beside the program's `bin` (Debian, conda). GFN1 and
 * GFN2 of 6.5.1 are built in, but a file on XTBPATH wins over them (an altered one moved the energy). Null where there are none.
 */
async function parameterFiles(path: string): Promise<{ folder: string; files: string[] } | null> {
  const folder = join(dirname(await realpath(path)), "..", "share", "xtb");
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => PARAMETER_FILE.test(name)).sort();
  return files.length === 0 ? null : { folder, files: files.map((name) => join(folder, name)) };
}

/** Executable first, then the parameter files by name, each as its own digest: no two sets can run together. */
async function hash(path: string, parameters: string[]): Promise<string> {
  const digests = [sha256(await readFile(path))];
  for (const file of parameters) digests.push(`${file.split("/").at(-1)} ${sha256(await readFile(file))}`);
  return sha256(digests.join("\n"));
}
