import type { Canonical } from "../canonical.ts";
import type { RunOutcome, RunPlan } from "../executors/executor.ts";

/**
 * The port that a chemistry program stands behind. An engine is a folder of small stages that are
 * tested alone: probe (is it here?), check (may this input run?), signature (what decides the
 * result?), plan (exact arguments and files), parse (believe its output or say why not), record.
 */
export type EngineName = "xtb" | "vina";

/** A program as found on this machine. */
export type EngineInstall = {
  name: EngineName;
  /** As the program states it, e.g. `6.5.1`. */
  version: string;
  path: string;
  /** SHA-256 over the executable's bytes and those of its parameter files, by name. */
  fingerprint: string;
  /** Environment the program needs to find its parameters. */
  env: Record<string, string>;
};

/** What `doctor` shows: found, or not and what to type to get it. */
export type EngineProbe =
  | { name: EngineName; found: true; install: EngineInstall }
  | { name: EngineName; found: false; reason: string; how_to_install: string };

/** Paths and pins that the operator set (`XTB_PATH`, `XTB_VERSION`). */
export type EngineSettings = { path?: string; version?: string };

/** A check of a finished run, by name; the weighted share that passed is the confidence score. */
export type EngineCheck = { name: string; passed: boolean; weight: number; detail?: string };

/** The stages that need no database. `P` parameters, `I` input, `R` result. */
export type EngineProgram<P, I, R> = {
  name: EngineName;
  probe(settings: EngineSettings): Promise<EngineProbe>;
  /** Throws AppError (engine_refused, with a chemist's code) where this input must not run. */
  check(params: P, input: I): void;
  /** All that decides the result and nothing else; hashed into the task's signature. */
  signature(install: EngineInstall, params: P, input: I): Canonical;
  plan(install: EngineInstall, params: P, input: I): RunPlan;
  /** The result, or an AppError: crashed, timeout, engine_refused with a chemist's code. */
  parse(params: P, input: I, outcome: RunOutcome): Promise<R>;
};
