import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AppError } from "./errors.ts";

/**
 * The data folder: `ALIQUOT_HOME`, else the nearest `.aliquot` upwards, else `./.aliquot`, which is
 * made (and told through `say`). Returns an absolute path of a writable folder.
 * Throws AppError unavailable where it can't be made or written.
 */
export function openHome(options: {
  given: string | undefined;
  cwd: string;
  say: (line: string) => void;
}): string {
  const path = options.given === undefined ? nearestHome(options.cwd) : resolve(options.cwd, options.given);
  try {
    if (!existsSync(path)) {
      makeFolders(path);
      options.say(`made the data folder ${path}`);
    }
    if (!statSync(path).isDirectory()) throw new AppError("unavailable", `${path} is not a folder`);
    accessSync(path, constants.W_OK | constants.X_OK);
    return path;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new AppError(
      "unavailable",
      `can't use the data folder ${path} (${reason}): make it writable, or set ALIQUOT_HOME to a folder that is`,
      { cause },
    );
  }
}

/** Step by step: Node's own recursive mkdir never ends below /proc. */
function makeFolders(path: string): void {
  if (!existsSync(dirname(path))) makeFolders(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function nearestHome(cwd: string): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const candidate = join(folder, ".aliquot");
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return join(resolve(cwd), ".aliquot");
  }
}

/** The organization chosen by `org use`, by id; undefined where none is. */
export function chosenOrg(home: string): string | undefined {
  try {
    return readFileSync(join(home, "org"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Remembers the organization that commands mean when they name none. */
export function chooseOrg(home: string, orgId: string): void {
  writeFileSync(join(home, "org"), `${orgId}\n`);
}
