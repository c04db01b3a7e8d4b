import { decimal } from "../../canonical.ts";
import type { RunPlan } from "../../executors/executor.ts";
import { formatXyz } from "../../structures/xyz.ts";
import type { EngineInstall } from "../engine.ts";
import { unpairedElectrons } from "./check.ts";
import { type XtbInput, type XtbParams, xtbParams } from "./schema.ts";

/** The input's name decides that of the gradient file. */
export const INPUT_FILE = "mol.xyz";
export const GRADIENT_FILE = "mol.engrad";

const GIB = 1024 ** 3;
const SHORTEST_LIMIT_SECONDS = 120;

/**
 * The bytes that xtb reads: Å at 10 decimals and a fixed comment, so that equal geometries are equal
 * bytes whatever the molecule is called.
 */
export function xyzText(input: XtbInput): string {
  return formatXyz(input.geometry, "aliquot", 10);
}

/**
 * xtb's exact arguments. `--opt` comes before `--grad`: the first run type named wins, and only so both
 * are written. GFN-FF is `--gfnff`: `--gfn ff` exits 0 after a GFN2 run. What equals xtb's own default is
 * left out, so that a person reads the command they would type.
 */
export function xtbArguments(params: XtbParams, input: XtbInput): string[] {
  const usual = xtbParams();
  const { accuracy, electronic_temperature_k, max_scf_iterations, max_optimization_cycles } = params;
  const args = [INPUT_FILE];
  if (params.task === "optimize") args.push("--opt", params.optimization_level);
  args.push("--grad", ...methodArguments(params.method), "--json");
  args.push("--chrg", String(input.charge), "--uhf", String(unpairedElectrons(input.multiplicity)));
  args.push("--norestart");
  if (params.solvent !== null) args.push("--alpb", params.solvent);
  if (accuracy !== usual.accuracy) args.push("--acc", decimal(accuracy, 6));
  if (electronic_temperature_k !== usual.electronic_temperature_k)
    args.push("--etemp", decimal(electronic_temperature_k, 3));
  if (max_scf_iterations !== usual.max_scf_iterations) args.push("--iterations", String(max_scf_iterations));
  if (params.task === "optimize" && max_optimization_cycles !== null)
    args.push("--cycles", String(max_optimization_cycles));
  return args;
}

function methodArguments(method: XtbParams["method"]): string[] {
  if (method === "gfnff") return ["--gfnff"];
  return ["--gfn", method === "gfn1" ? "1" : "2"];
}

/**
 * The run: one thread, as two take longer than one and change the last digits. The time limit is a stop for
 * what hangs, not a budget: amprenavir (70 atoms) needs 3.3 CPU s and gets 6 min. Memory is address space:
 * measured 0.06 GB at 200 atoms, 0.94 GB at 992.
 */
export function planXtb(install: EngineInstall, params: XtbParams, input: XtbInput): RunPlan {
  const atoms = input.geometry.elements.length;
  const seconds = params.task === "optimize" ? 0.075 * atoms ** 2 : 0.01 * atoms ** 2;
  return {
    program: install.path,
    args: xtbArguments(params, input),
    env: {
      ...install.env,
      OMP_NUM_THREADS: "1",
      OPENBLAS_NUM_THREADS: "1",
      MKL_NUM_THREADS: "1",
      OMP_STACKSIZE: "512M",
    },
    files: { [INPUT_FILE]: xyzText(input) },
    time_limit_seconds: Math.ceil(Math.max(SHORTEST_LIMIT_SECONDS, seconds)),
    memory_limit_bytes: Math.max(4 * GIB, 4096 * atoms ** 2),
  };
}
