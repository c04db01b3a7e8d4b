import { type Canonical, decimal } from "../../canonical.ts";
import { sha256 } from "../../ids.ts";
import { bondText } from "../../structures/bonds.ts";
import type { EngineInstall } from "../engine.ts";
import { CACHE_VERSION } from "../preparation.ts";
import { unpairedElectrons } from "./check.ts";
import { xtbArguments, xyzText } from "./plan.ts";
import type { XtbInput, XtbParams } from "./schema.ts";

const TASK_VERSION = 1;

/**
 * Everything that decides the result: program and parameter bytes, exact arguments, the XYZ bytes xtb
 * reads, the species and all parameters, decimals at stated places. Not in it: threads, limits, host,
 * names, paths, and `large`, which only permits. Given bonds are in it, as the verdict on the connectivity
 * depends on them; their order of listing and their bond order are not.
 */
export function xtbSignature(install: EngineInstall, params: XtbParams, input: XtbInput): Canonical {
  return {
    task: `xtb.${params.task}`,
    task_version: TASK_VERSION,
    cache_version: CACHE_VERSION.xtb,
    program: { name: install.name, version: install.version, fingerprint: install.fingerprint },
    arguments: xtbArguments(params, input),
    xyz_sha256: sha256(xyzText(input)),
    bonds_sha256: input.bonds === undefined ? null : sha256(bondText(input.bonds)),
    charge: input.charge,
    unpaired_electrons: unpairedElectrons(input.multiplicity),
    method: params.method,
    solvent: params.solvent,
    optimization_level: params.task === "optimize" ? params.optimization_level : null,
    max_optimization_cycles: params.task === "optimize" ? params.max_optimization_cycles : null,
    accuracy: decimal(params.accuracy, 6),
    electronic_temperature_k: decimal(params.electronic_temperature_k, 3),
    max_scf_iterations: params.max_scf_iterations,
  };
}
