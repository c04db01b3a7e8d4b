import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import type { RunOutcome } from "../../executors/executor.ts";
import type { Geometry } from "../../structures/geometry.ts";
import { parseXyz } from "../../structures/xyz.ts";
import { unpairedElectrons } from "./check.ts";
import { xtbChecks } from "./checks.ts";
import { atomicNumber } from "./elements.ts";
import { type Engrad, readEngrad } from "./gradient.ts";
import { readXtbJson, type XtbJson } from "./json.ts";
import { readXtbLog, type XtbLog } from "./log.ts";
import { hasVirtualOrbital } from "./orbitals.ts";
import { assertSucceeded } from "./outcome.ts";
import { GRADIENT_FILE } from "./plan.ts";
import { atomRows, calculationColumns, gatherEvidence } from "./result.ts";
import { METHOD_NAMES, type XtbFiles, type XtbInput, type XtbParams, type XtbResult } from "./schema.ts";

/** Total energies are negative but for bare ions (F7+: 37 Eh). GFN1's N atom comes out at 3,597 Eh (see orbitals.ts). */
const ABSURD_EH_PER_ATOM = 50;
const CHARGE_TOLERANCE = 1e-3;

/**
 * Believes a run or says why not. Energies in Eh (12 decimals), orbitals in eV and charges in e as printed;
 * gradient in Eh/a0, shape (n_atoms, 3), of the final geometry; dipole in debye, about the centre of mass
 * for ions. Throws the AppErrors of `assertSucceeded`, `crashed` where a file is missing or cut short,
 * `engine_refused` where the numbers are nonsense.
 */
export async function parseXtb(params: XtbParams, input: XtbInput, run: RunOutcome): Promise<XtbResult> {
  const log = readXtbLog(run.stdout);
  assertSucceeded(params, input, run, { log, files: await readdir(run.folder) });
  const engrad = readEngrad(await text(run, GRADIENT_FILE));
  const json = params.method === "gfnff" ? undefined : readXtbJson(await text(run, "xtbout.json"));
  const files = await keptFiles(params, run);
  const final_geometry = files["xtbopt.xyz"] === undefined ? input.geometry : optimized(files["xtbopt.xyz"]);
  assertSameAtoms(input.geometry, final_geometry, engrad);
  if (json !== undefined) assertElectrons(params, input, json);
  const energy_eh = assertEnergy(log, final_geometry, json);
  const evidence = gatherEvidence(params, input, { log, engrad, json, files, final_geometry });
  return {
    ...calculationColumns(params, energy_eh, evidence, final_geometry, run),
    atoms: atomRows(final_geometry, engrad, json),
    final_geometry,
    files,
    checks: xtbChecks(evidence),
  };
}

async function bytes(run: RunOutcome, name: string): Promise<Uint8Array> {
  return readFile(join(run.folder, name)).catch((cause: unknown) => {
    throw new AppError("crashed", `xtb left no ${name} although it says that all went well`, { cause });
  });
}

async function text(run: RunOutcome, name: string): Promise<string> {
  return new TextDecoder().decode(await bytes(run, name));
}

async function keptFiles(params: XtbParams, run: RunOutcome): Promise<XtbFiles> {
  const log = run.stderr === "" ? run.stdout : `${run.stdout}\n--- stderr ---\n${run.stderr}`;
  if (params.task === "single_point") return { log };
  // A single atom may have no trajectory: xtb writes one frame a cycle.
  const trajectory = await readFile(join(run.folder, "xtbopt.log")).catch(() => undefined);
  const kept = { "xtbopt.xyz": await bytes(run, "xtbopt.xyz"), log };
  return trajectory === undefined ? kept : { ...kept, trajectory };
}

function optimized(xyz: Uint8Array): Geometry {
  try {
    return parseXyz(xyz);
  } catch (cause) {
    throw new AppError("crashed", "xtb left an xtbopt.xyz that is no sound geometry", { cause });
  }
}

function assertSameAtoms(start: Geometry, end: Geometry, engrad: Engrad): void {
  const numbers = start.elements.map(atomicNumber).join(" ");
  if (start.elements.join(" ") === end.elements.join(" ") && numbers === engrad.atomic_numbers.join(" "))
    return;
  throw new AppError("crashed", "xtb's atoms are not those of the input, in its order");
}

function assertElectrons(params: XtbParams, input: XtbInput, json: XtbJson): void {
  const [charges, atoms] = [json["partial charges"], input.geometry.elements.length];
  const sum = charges.reduce((total, value) => total + value, 0);
  const nonsense = (what: string) => new AppError("engine_refused", `xtb's answer is nonsense: ${what}`);
  if (json.method !== METHOD_NAMES[params.method]) throw nonsense(`its JSON is of ${json.method}`);
  if (charges.length !== atoms) throw nonsense(`${charges.length} charges for ${atoms} atoms`);
  if (!(Math.abs(sum - input.charge) < CHARGE_TOLERANCE))
    throw nonsense(`the partial charges sum to ${sum.toFixed(5)}, not ${input.charge}`);
  const unpaired = unpairedElectrons(input.multiplicity);
  if (json["number of unpaired electrons"] !== unpaired)
    throw nonsense(`it has ${json["number of unpaired electrons"]} unpaired electrons, not ${unpaired}`);
  if (json["number of electrons"] < unpaired || (json["number of electrons"] - unpaired) % 2 !== 0)
    throw nonsense(`${json["number of electrons"]} valence electrons can't have ${unpaired} unpaired`);
}

function assertEnergy(log: XtbLog, geometry: Geometry, json: XtbJson | undefined): number {
  if (log.energy_eh === null) throw new AppError("crashed", "xtb printed no total energy");
  // Such a system has electrons in every orbital, so its true energy is below zero.
  const highest =
    json !== undefined && !hasVirtualOrbital(json) ? 0 : ABSURD_EH_PER_ATOM * geometry.elements.length;
  if (log.energy_eh <= highest) return log.energy_eh;
  const what = `xtb's answer is nonsense: a total energy of ${log.energy_eh} Eh`;
  throw new AppError("engine_refused", `${what}: try another method or multiplicity`);
}
