import { readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256 } from "../../ids.ts";
import type { EngineProbe, EngineSettings } from "../engine.ts";
import { askProgram, findProgram } from "../find-program.ts";

const HOW_TO_INSTALL =
  "apt-get install xtb (Debian, Ubuntu), conda install -c conda-forge xtb, or set XTB_PATH to its executable";
const PARAMETER_FILE = /^\.?param_.*\.txt$/;

/**
 * Looks for xtb: `settings.path`, else the folders of `search_path` (a PATH), asks its version and hashes
 * what decides its numbers. `found: false` with the reason where it is missing, silent, or not the pinned
 * version; never throws. Costs one start of xtb (10 ms) and a read of its 6 MB; nothing is remembered.
 */
export async function probeXtb(settings: EngineSettings & { search_path?: string }): Promise<EngineProbe> {
  const path = await findProgram("xtb", settings);
  if (path === null) {
    const where =
      settings.path === undefined ? "there is no xtb on the PATH" : `${settings.path} can't be run`;
    return missing(where);
  }
  const answer = await askProgram(path, ["--version"], { OMP_NUM_THREADS: "1" });
  const version = /\* xtb version (\d+(?:\.\d+)+)/.exec(answer ?? "")?.[1] ?? null;
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
