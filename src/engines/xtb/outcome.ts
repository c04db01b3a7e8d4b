import type { ChemistryCode } from "../../errors.ts";
import { AppError } from "../../errors.ts";
import type { RunOutcome } from "../../executors/executor.ts";
import { fatalReasons, type XtbLog } from "./log.ts";
import { METHOD_NAMES, type XtbInput, type XtbParams } from "./schema.ts";

/** Files that xtb leaves where something did not converge, even after an exit code of 0. */
const FAILURE_FILES: Record<string, ChemistryCode> = {
  ".sccnotconverged": "scf_not_converged",
  NOT_CONVERGED: "geometry_not_converged",
  "xtblast.xyz": "geometry_not_converged",
};
/** Shells turn signals into 128 + n; xtb's own abort and a kill for memory come as either. */
const SIGNAL_EXITS = new Map([
  [134, "SIGABRT"],
  [135, "SIGBUS"],
  [136, "SIGFPE"],
  [137, "SIGKILL"],
  [139, "SIGSEGV"],
]);

/**
 * Says why a run is no result, or returns. The exit code alone proves nothing: a run stopped at the cycle
 * limit exits 0 with every file in place. Throws AppError `lost_lease` (ended on request), `timeout`,
 * `crashed` (a signal, or an end without the words of a good one), `engine_refused` with
 * `scf_not_converged`, `geometry_not_converged` or no code where xtb gave another reason. Rule and table:
 * recipes §4.3, measured with xtb 6.5.1.
 */
export function assertSucceeded(params: XtbParams, input: XtbInput, run: RunOutcome, found: Found): void {
  assertEnded(run);
  const { log, files } = found;
  const reasons = fatalReasons(run.stdout);
  if (reasons.length > 0) throw refused(reasons);
  const left = Object.keys(FAILURE_FILES).find((name) => files.includes(name));
  if (left !== undefined) throw notConverged(FAILURE_FILES[left], `it left the file ${left}`, run);
  if (run.exit_code !== 0) throw crashed(`ended with exit code ${run.exit_code} and no reason`, run);
  if (!/^normal termination of xtb/m.test(run.stderr))
    throw crashed("ended without saying that all went well", run);
  assertConverged(params, input, run, log);
  assertAsAsked(params, log);
}

type Found = { log: XtbLog; files: string[] };

function assertEnded(run: RunOutcome): void {
  if (run.aborted) throw new AppError("lost_lease", "xtb was ended on request");
  if (run.timed_out) {
    const limit = `xtb was not done after ${Math.round(run.wall_seconds)} s and was ended`;
    throw new AppError("timeout", `${limit}: try a smaller molecule or a better start geometry`);
  }
  const signal = run.signal ?? SIGNAL_EXITS.get(run.exit_code ?? 0);
  if (signal === undefined) return;
  throw crashed(signal === "SIGKILL" ? "was killed (out of memory?)" : `died of ${signal}`, run);
}

function assertConverged(params: XtbParams, input: XtbInput, run: RunOutcome, log: XtbLog): void {
  if (params.task === "single_point") return;
  if (log.failed_after !== null)
    throw notConverged("geometry_not_converged", `not done after ${log.failed_after} cycles`, run);
  // A single atom has nothing to optimise: xtb then says neither that it converged nor that it did not.
  if (log.converged_after === null && input.geometry.elements.length > 1)
    throw crashed("ended without saying that the geometry converged", run);
}

/** xtb takes unknown words for its defaults without a sound; what it states must be what was asked. */
function assertAsAsked(params: XtbParams, log: XtbLog): void {
  const asked = {
    method: METHOD_NAMES[params.method],
    solvent: params.solvent,
    level: params.optimization_level,
  };
  const stated = log.hamiltonians.join(" and ");
  if (stated !== asked.method)
    throw new AppError(
      "internal",
      `xtb ran ${stated || "an unnamed method"} but ${asked.method} was asked for`,
    );
  if (log.solvent !== asked.solvent)
    throw new AppError("internal", `xtb used solvent ${log.solvent} but ${asked.solvent} was asked for`);
  const level = log.optimization_level;
  if (params.task === "optimize" && level !== null && level !== asked.level)
    throw new AppError("internal", `xtb optimised at level ${level} but ${asked.level} was asked for`);
  const kelvin = log.electronic_temperature_k;
  if (kelvin !== null && Math.abs(kelvin - params.electronic_temperature_k) > 0.001)
    throw new AppError(
      "internal",
      `xtb ran at ${kelvin} K but ${params.electronic_temperature_k} K was asked for`,
    );
}

function refused(reasons: string[]): AppError {
  const all = reasons.join("\n");
  const code = refusalCode(all);
  const options = code === undefined ? { detail: all } : { code, detail: all };
  return new AppError("engine_refused", `xtb gave up: ${reasons[0]}${advice(code)}`, options);
}

function refusalCode(reasons: string): ChemistryCode | undefined {
  if (/Self consistent charge iterator/.test(reasons)) return "scf_not_converged";
  if (/Geometry optimization did not converge|Could not relax/.test(reasons)) return "geometry_not_converged";
  if (/Cannot map symbol/.test(reasons)) return "unsupported_element";
  return undefined;
}

function notConverged(code: ChemistryCode | undefined, why: string, run: RunOutcome): AppError {
  const what = code === "scf_not_converged" ? "the SCF did not converge" : "the geometry did not converge";
  const options = { detail: tail(run), ...(code === undefined ? {} : { code }) };
  return new AppError("engine_refused", `${what} (${why})${advice(code)}`, options);
}

function advice(code: ChemistryCode | undefined): string {
  if (code === "scf_not_converged")
    return ": check charge and multiplicity, or raise the electronic temperature";
  if (code === "geometry_not_converged") return ": start from a better geometry, or allow more cycles";
  return "";
}

function crashed(what: string, run: RunOutcome): AppError {
  return new AppError("crashed", `xtb ${what}`, { detail: tail(run) });
}

/** The end of what was printed, for `--verbose`. */
function tail(run: RunOutcome): string {
  return `${run.stdout.slice(-2000)}\n${run.stderr.slice(-2000)}`;
}
