import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineAdapter, EngineAtHand } from "../src/engines/adapter.ts";
import type { EngineInstall } from "../src/engines/engine.ts";
import { vinaEngine } from "../src/engines/vina/adapter.ts";
import type { VinaInput, VinaParams, VinaResult } from "../src/engines/vina/schema.ts";
import type { RunOutcome } from "../src/executors/executor.ts";
import type { PreparedLigand } from "../src/ligands/ligand.ts";

export const POSES = 9;
const FIXTURES = join(import.meta.dirname, "../src/engines/vina/fixtures");
const RUN = join(FIXTURES, "ibuprofen");

/** A docking that Vina once ran, its poses repeated until there are nine: scores, geometries, files as long as theirs. */
export type Docked = { params: VinaParams; input: VinaInput; result: VinaResult; install: EngineInstall };

export async function readDocked(): Promise<Docked> {
  const read = (file: string) => readFileSync(join(RUN, file), "utf8");
  const { params, box } = JSON.parse(read("run.json")) as { params: VinaParams; box: VinaInput["box"] };
  const ligand = JSON.parse(read("ligand.json")) as PreparedLigand;
  const receptor_pdbqt = readFileSync(join(FIXTURES, "receptor.pdbqt"), "utf8");
  const input: VinaInput = { receptor_pdbqt, ligand, box, reference: null };
  const outcome: RunOutcome = { ...ENDED, folder: RUN, stdout: read("stdout"), stderr: read("stderr") };
  const result = repeated(await vinaEngine.parse(params, input, outcome));
  const version = result.program_version;
  const install = { name: "vina" as const, version, path: "", fingerprint: "f".repeat(64), env: {} };
  return { params, input, result, install };
}

export const ENDED: RunOutcome = {
  folder: "",
  exit_code: 0,
  signal: null,
  timed_out: false,
  aborted: false,
  stdout: "",
  stderr: "",
  wall_seconds: 1,
  cpu_seconds: 1,
};

function repeated(result: VinaResult): VinaResult {
  const nine = <T>(items: T[]): T[] =>
    Array.from({ length: POSES }, (_, at) => items[at % items.length] as T);
  const { files } = result;
  const models = files["out.pdbqt"].split(/(?<=ENDMDL\n)/);
  const records = (files["poses.sdf"] ?? "").split(/(?<=\$\$\$\$\n)/);
  return {
    ...result,
    poses: nine(result.poses).map((pose, at) => ({ ...pose, pose_rank: at + 1 })),
    geometries: nine(result.geometries),
    files: {
      ...files,
      "out.pdbqt": nine(models.filter((text) => text.startsWith("MODEL"))).join(""),
      "poses.sdf": nine(records.filter((text) => text.trim() !== "")).join(""),
    },
  };
}

/** Files of one task: as long as all others' and with other bytes, so that none is stored already. */
export function filesOf({ result }: Docked, job_id: string): VinaResult["files"] {
  const { files } = result;
  return {
    "out.pdbqt": `REMARK ${job_id}\n${files["out.pdbqt"]}`,
    "poses.sdf": `${job_id}\n${files["poses.sdf"]?.replace(/^[^\n]*\n/, "")}`,
    log: `${job_id}\n${files.log}`,
  };
}

type Named = VinaInput & { job_id: string };

/** Vina as a worker has it, whose every run ends with that docking; what it leaves and records is the real engine's. */
export function dockedEngine(docked: Docked, conformer_id: string): EngineAtHand {
  const adapter: EngineAdapter<VinaParams, Named, VinaResult, null> = {
    ...vinaEngine,
    load: async () => null,
    prepare: async (_services, _lend, { job_id, inputs }) => ({
      params: docked.params,
      input: { ...docked.input, job_id },
      molecule_id: inputs.find(({ key }) => key === "ligand")?.molecule_id ?? null,
      structure_id: conformer_id,
    }),
    check() {},
    signature: (_install, _params, { job_id }) => ({ task: "vina.dock", job_id }),
    plan: (_install, _params, { job_id }) => {
      const limits = { time_limit_seconds: 60, memory_limit_bytes: 1 };
      return { program: job_id, args: [], env: {}, files: {}, ...limits };
    },
    parse: async (_params, { job_id }) => ({ ...docked.result, files: filesOf(docked, job_id) }),
  };
  return { adapter: adapter as unknown as EngineAtHand["adapter"], install: docked.install };
}
