import { AppError } from "../../errors.ts";
import type { RunOutcome } from "../../executors/executor.ts";
import type { EngineInstall } from "../engine.ts";
import type { VinaLog } from "./log.ts";
import { GRID_SPACING_ANGSTROM, writtenBox } from "./plan.ts";
import type { VinaInput, VinaParams } from "./schema.ts";

/** Shells turn signals into 128 + n; an abort (NaN coordinates) and a kill for memory come as either. */
const SIGNAL_EXITS = new Map([
  [134, "SIGABRT"],
  [135, "SIGBUS"],
  [136, "SIGFPE"],
  [137, "SIGKILL"],
  [139, "SIGSEGV"],
]);
/** Vina's words for having found nothing, with exit code 0 and no file. */
const NOTHING_FOUND = /^WARNING: (Could not find any (conformations|poses)|Zero poses)/m;

/**
 * Says why a run is no result, or returns. An exit code of 0 proves nothing: it comes with a table of zeros,
 * and with no file at all. Throws AppError `lost_lease` (ended on request), `timeout`, `crashed` (a signal, no
 * memory, an end without reason), `engine_refused` where Vina gives a reason, with `unsupported_element` where
 * that is an atom type, `internal` where it ran something else than was asked. Table: recipes §3.4, measured
 * with Vina 1.2.3.
 */
export function assertSucceeded(params: VinaParams, input: VinaInput, run: RunOutcome, log: VinaLog): void {
  assertEnded(run);
  if (run.exit_code !== 0) throw refusal(run);
  if (log.version === null) throw crashed("ended without a word", run);
  assertAsAsked(params, input, run, log);
}

/** AppError `internal` where the version in Vina's own output is another than the one it was probed with. */
export function assertVersion(install: Pick<EngineInstall, "version">, program_version: string): void {
  if (program_version === install.version) return;
  const what = `Vina ${program_version} ran, and ${install.version} was found when the worker started`;
  throw new AppError("internal", `${what}: start the worker again`);
}

/** Whether Vina says that there is no pose, which is a result. */
export function saysNothingFound(run: RunOutcome): boolean {
  return NOTHING_FOUND.test(run.stderr);
}

/** AppError crashed with the end of what was printed. */
export function crashed(what: string, run: RunOutcome): AppError {
  return new AppError("crashed", `Vina ${what}`, { detail: tail(run) });
}

function assertEnded(run: RunOutcome): void {
  if (run.aborted) throw new AppError("lost_lease", "Vina was ended on request");
  if (run.timed_out) {
    const limit = `Vina was not done after ${Math.round(run.wall_seconds)} s and was ended`;
    const advice = "lower the exhaustiveness, or check that the ligand has room in the box";
    throw new AppError("timeout", `${limit}: ${advice}`, { detail: tail(run) });
  }
  const signal = run.signal ?? SIGNAL_EXITS.get(run.exit_code ?? 0);
  if (signal === undefined) return;
  throw crashed(signal === "SIGKILL" ? "was killed (out of memory?)" : `died of ${signal}`, run);
}

/** What is given as a reason on stderr, by its words. */
function refusal(run: RunOutcome): AppError {
  const { stderr } = run;
  const detail = tail(run);
  const type = /Atom type (\S+) is not a valid AutoDock type/.exec(stderr)?.[1];
  if (type !== undefined)
    return new AppError("engine_refused", `Vina has no parameters for atoms of type ${type}`, {
      code: "unsupported_element",
      detail,
    });
  const unreadable = /PDBQT parsing error: (.*)/.exec(stderr)?.[1];
  if (unreadable !== undefined)
    return new AppError("engine_refused", `Vina can't read the structure: ${unreadable}`, { detail });
  if (/insufficient memory|bad_alloc|thread_resource_error/.test(stderr))
    return crashed("did not get the memory it asked for", run);
  if (/Grid box dimensions must be greater than 0/.test(stderr))
    return new AppError("bad_input", "Vina refused the box: every side must be longer than 0 Å", { detail });
  // Our own arguments and files: no input of a user can change them.
  const ours = /Command line parse error: .*|could not open .*|Usage error: .*/.exec(stderr)?.[0];
  if (ours !== undefined) return new AppError("internal", `Vina was called wrongly: ${ours}`, { detail });
  const said = /^(?:ERROR|Error|An (?:internal |unknown )?error occurred).*/m.exec(stderr)?.[0];
  return crashed(`ended with exit code ${run.exit_code} and ${said ?? "no reason"}`, run);
}

/** What Vina states of its task must be what was asked; it prints 6 digits of each decimal. */
function assertAsAsked(params: VinaParams, input: VinaInput, run: RunOutcome, log: VinaLog): void {
  const { center_angstrom, size_angstrom } = writtenBox(input.box);
  if (log.scoring !== "vina")
    throw new AppError("internal", `Vina scored with "${log.scoring}" instead of vina`);
  const compared: [string, readonly number[], readonly number[] | null][] = [
    ["seed", [params.seed], log.seed],
    ["exhaustiveness", [params.exhaustiveness], log.exhaustiveness],
    ["grid spacing", [GRID_SPACING_ANGSTROM], log.grid_spacing_angstrom],
    ["box centre", center_angstrom, log.box_center_angstrom],
    ["box size", size_angstrom, log.box_size_angstrom],
  ];
  for (const [what, asked, stated] of compared) {
    if (stated === null) throw crashed(`ended without stating its ${what}`, run);
    if (asked.every((value, index) => sameDigits(value, stated[index])) && asked.length === stated.length)
      continue;
    throw new AppError("internal", `Vina ran with ${what} ${stated.join(" ")} instead of ${asked.join(" ")}`);
  }
}

/** Whole numbers are printed in full. */
function sameDigits(asked: number, stated: number | undefined): boolean {
  if (stated === undefined || Number.isInteger(asked)) return stated === asked;
  return Math.abs(asked - stated) <= 1e-5 * Math.abs(asked);
}

/** The end of what was printed, for `--verbose`. */
function tail(run: RunOutcome): string {
  return `${run.stdout.slice(-2000)}\n${run.stderr.slice(-2000)}`;
}
