import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { RunOutcome } from "../../executors/executor.ts";
import { openLocalExecutor } from "../../executors/local.ts";
import type { Ligand, PreparedLigand } from "../../ligands/ligand.ts";
import { prepareLigand } from "../../ligands/pdbqt.ts";
import type { Box } from "../../structures/box.ts";
import type { EngineInstall } from "../engine.ts";
import { planVina } from "./plan.ts";
import { probeVina } from "./probe.ts";
import { vinaProgram } from "./program.ts";
import { type VinaInput, type VinaParams, vinaParams } from "./schema.ts";

/** Shared by the tests of this folder; it has none of its own. */
export const FIXTURES = join(import.meta.dirname, "fixtures");

/** The active site of 1HPV: residues within 10 Å of the middle of this box, with the flap water. */
export const RECEPTOR = readFileSync(join(FIXTURES, "receptor.pdbqt"), "utf8");
export const SITE: Box = { center_angstrom: [9.4, 16.1, 9.2], size_angstrom: [18, 18, 18] };

const LIGANDS = join(import.meta.dirname, "../../ligands/fixtures/ligands.json");

/** A ligand of the ligands' own fixtures, by name. */
export function ligand(name: string): PreparedLigand {
  const all = JSON.parse(readFileSync(LIGANDS, "utf8")) as Record<string, Ligand>;
  const found = all[name];
  if (found === undefined) throw new Error(`no ligand ${name}`);
  return prepareLigand(found);
}

export function input(name: string, change: Partial<VinaInput> = {}): VinaInput {
  return { receptor_pdbqt: RECEPTOR, ligand: ligand(name), box: SITE, reference: null, ...change };
}

type Recorded = { params: VinaParams; box: Box; exit_code: number | null; signal: string | null };

/** A recorded run as the executor would hand it over, in a copy that the test may damage. */
export async function recorded(t: TestContext, name: string) {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-fixture-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(join(FIXTURES, name), folder, { recursive: true });
  const read = (file: string) => readFile(join(folder, file), "utf8");
  const run = JSON.parse(await read("run.json")) as Recorded;
  const prepared = JSON.parse(await read("ligand.json")) as PreparedLigand;
  const given: VinaInput = { receptor_pdbqt: RECEPTOR, ligand: prepared, box: run.box, reference: null };
  const outcome: RunOutcome = {
    folder,
    exit_code: run.exit_code,
    signal: run.signal,
    timed_out: false,
    aborted: false,
    stdout: await read("stdout"),
    stderr: await read("stderr"),
    wall_seconds: 1.5,
    cpu_seconds: 1.25,
  };
  return { params: run.params, input: given, outcome };
}

export const INSTALL: EngineInstall = {
  name: "vina",
  version: "1.2.3",
  path: "/usr/bin/vina",
  fingerprint: "f".repeat(64),
  env: {},
};

/** The Vina of this machine, or why there is none. */
export async function installed(): Promise<{ install: EngineInstall | null; skip: string | false }> {
  const probe = await probeVina({ search_path: "/usr/bin:/usr/local/bin:/opt/conda/bin" });
  return probe.found ? { install: probe.install, skip: false } : { install: null, skip: probe.reason };
}

/** All stages but the check on the real program, or on whatever `install` names. One search a ligand unless said. */
export async function runVina(
  t: TestContext,
  install: EngineInstall,
  partial: Partial<VinaParams>,
  given: VinaInput,
  limits: { time_limit_seconds?: number; memory_limit_bytes?: number } = {},
) {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), "aliquot-vina-")));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  await using executor = openLocalExecutor({ scratch, owner: "test" });
  const params = vinaParams({ exhaustiveness: 1, ...partial });
  const plan = { ...planVina(install, params, given), ...limits };
  const outcome = await executor.run(plan, { signal: new AbortController().signal });
  return await vinaProgram.parse(params, given, outcome);
}
