import { readFile } from "node:fs/promises";
import { sha256 } from "../../ids.ts";
import type { EngineProbe, EngineSettings } from "../engine.ts";
import { askProgram, findProgram } from "../find-program.ts";

const HOW_TO_INSTALL =
  "apt-get install autodock-vina (Debian, Ubuntu), conda install -c conda-forge vina, " +
  "a binary from github.com/ccsb-scripps/AutoDock-Vina/releases, or set VINA_PATH to its executable";
/** The files and numbers that we read are those of 1.2: 1.1.2 writes no INTER and INTRA. */
const READABLE = /^1\.2\.\d/;

/**
 * Looks for vina: `settings.path`, else the folders of `search_path` (a PATH), asks its version and hashes
 * the executable, which has all parameters built in. `found: false` with the reason where it is missing,
 * silent, not 1.2, or not the pinned version; never throws. Costs one start of vina (3 ms) and a read of its
 * 0.5 MB; nothing is remembered.
 */
export async function probeVina(settings: EngineSettings & { search_path?: string }): Promise<EngineProbe> {
  const path = await findProgram("vina", settings);
  if (path === null)
    return missing(
      settings.path === undefined ? "there is no vina on the PATH" : `${settings.path} can't be run`,
    );
  const answer = await askProgram(path, ["--version"], {});
  const version = answer === null ? null : statedVersion(answer);
  if (version === null) return missing(`${path} does not answer --version as AutoDock Vina does`);
  if (!READABLE.test(version)) return missing(`${path} is Vina ${version}, and only 1.2 is understood`);
  if (settings.version !== undefined && settings.version !== version)
    return missing(`${path} is Vina ${version}, but version ${settings.version} is asked for`);
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return missing(`${path} can't be read`);
  return {
    name: "vina",
    found: true,
    install: { name: "vina", version, path, fingerprint: sha256(bytes), env: {} },
  };
}

/** `1.2.3` of `AutoDock Vina v1.2.3`, the first line of whatever Vina prints; null where there is none. */
export function statedVersion(printed: string): string | null {
  return /^AutoDock Vina v?(\d+(?:\.\d+)+[^\s]*)/m.exec(printed)?.[1] ?? null;
}

function missing(reason: string): EngineProbe {
  return { name: "vina", found: false, reason, how_to_install: HOW_TO_INSTALL };
}
