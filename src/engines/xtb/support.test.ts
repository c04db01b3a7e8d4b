import { cp, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { RunOutcome } from "../../executors/executor.ts";
import { openLocalExecutor } from "../../executors/local.ts";
import type { Geometry, Position } from "../../structures/geometry.ts";
import { parseXyz } from "../../structures/xyz.ts";
import { BOHR_ANGSTROM } from "../../units.ts";
import type { EngineInstall } from "../engine.ts";
import { planXtb } from "./plan.ts";
import { probeXtb } from "./probe.ts";
import { xtbProgram } from "./program.ts";
import { type XtbInput, type XtbParams, xtbParams } from "./schema.ts";

/** Shared by the tests of this folder; it has none of its own. */
export const FIXTURES = join(import.meta.dirname, "fixtures");

type Recorded = {
  params: XtbParams;
  input: { charge: number; multiplicity: number };
  exit_code: number | null;
  signal: string | null;
};

/** A recorded run as the executor would hand it over, in a copy that the test may damage. */
export async function recorded(t: TestContext, name: string) {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-fixture-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(join(FIXTURES, name), folder, { recursive: true });
  const read = (file: string) => readFile(join(folder, file), "utf8");
  const run = JSON.parse(await read("run.json")) as Recorded;
  const input: XtbInput = { ...run.input, geometry: parseXyz(await readFile(join(folder, "mol.xyz"))) };
  const outcome: RunOutcome = {
    folder,
    exit_code: run.exit_code,
    signal: run.signal,
    timed_out: false,
    aborted: false,
    stdout: await read("stdout"),
    stderr: await read("stderr"),
    wall_seconds: 0.1,
    cpu_seconds: null,
  };
  return { params: run.params, input, outcome };
}

/** The geometry of xtb's own unit tests. */
export const WATER: Geometry = {
  elements: ["O", "H", "H"],
  positions_angstrom: (
    [
      [0, 0, -0.73578586109551],
      [1.44183152868459, 0, 0.36789293054775],
      [-1.44183152868459, 0, 0.36789293054775],
    ] as const
  ).map(([x, y, z]): Position => [x * BOHR_ANGSTROM, y * BOHR_ANGSTROM, z * BOHR_ANGSTROM]),
};

export function species(geometry: Geometry, charge = 0, multiplicity = 1): XtbInput {
  return { geometry, charge, multiplicity };
}

/** `O 0 0 0; H 0 0 1` in Å. */
export function atoms(text: string): Geometry {
  const rows = text.split(";").map((row) => row.trim().split(/\s+/));
  return {
    elements: rows.map(([element = ""]) => element),
    positions_angstrom: rows.map(([, x, y, z]): Position => [Number(x), Number(y), Number(z)]),
  };
}

export function moved(geometry: Geometry, move: (position: Position) => Position): Geometry {
  return { ...geometry, positions_angstrom: geometry.positions_angstrom.map(move) };
}

export const INSTALL: EngineInstall = {
  name: "xtb",
  version: "6.5.1",
  path: "/usr/bin/xtb",
  fingerprint: "f".repeat(64),
  env: {},
};

/** The xtb of this machine, or why there is none. */
export async function installed(): Promise<{ install: EngineInstall | null; skip: string | false }> {
  const probe = await probeXtb({ search_path: "/usr/bin:/usr/local/bin:/opt/conda/bin" });
  return probe.found ? { install: probe.install, skip: false } : { install: null, skip: probe.reason };
}

/** All stages on the real program, or on whatever `install` names. */
export async function runXtb(
  t: TestContext,
  install: EngineInstall,
  partial: Partial<XtbParams>,
  input: XtbInput,
  limits: { time_limit_seconds?: number; memory_limit_bytes?: number } = {},
) {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), "aliquot-xtb-")));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  await using executor = openLocalExecutor({ scratch, owner: "test" });
  const params = xtbParams(partial);
  const plan = { ...planXtb(install, params, input), ...limits };
  const outcome = await executor.run(plan, { signal: new AbortController().signal });
  return await xtbProgram.parse(params, input, outcome);
}
