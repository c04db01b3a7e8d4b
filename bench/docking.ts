import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_LIGANDS, DEMO_TARGET } from "../src/demo-molecules.ts";
import { submitDockingOperation } from "../src/docking/operations.ts";
import type { TaskContext } from "../src/engines/adapter.ts";
import { findEngines } from "../src/engines/registry.ts";
import { vinaEngine } from "../src/engines/vina/adapter.ts";
import type { RunPlan } from "../src/executors/executor.ts";
import { perform } from "../src/perform.ts";
import { prepareReceptorOperation } from "../src/receptors/operations.ts";
import { createSiteOperation } from "../src/sites/operations.ts";
import { startWorker } from "../src/worker/start.ts";
import { runBare, waitForAll } from "./bare-runs.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, type Clock, clocked, item } from "./measure.ts";

const SLOTS = 2;

type Side = "ours" | "bare";
type Round = Record<Side, Clock>;
type Submitted = { job_id: string; molecule_id: string | null }[];

export const benchmark: Benchmark = {
  name: "docking",
  about: `dockings through Aliquot, ${SLOTS} at a time, beside bare Vina runs of the same prepared files`,
  async run({ quick, say }) {
    await using lab = await openLab();
    const site = await makeSite(lab);
    // Not the longest of the demo's: which of two long runs comes last would decide the wall time.
    const ligands = DEMO_LIGANDS.slice(1);
    const worker = await startWorker(lab.context, { slots: SLOTS });
    const rounds: Round[] = [];
    try {
      // 3D structures are made once and kept; this round makes them.
      await waitForAll(lab, ids(await submit(lab, site, ligands, 1)));
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        rounds.push(await oneRound(lab, site, ligands, 4));
        const { ours, bare } = rounds.at(-1) as Round;
        say(
          `ours ${ours.wall.toFixed(2)} s wall, ${ours.cpu.toFixed(2)} s CPU; bare ${bare.wall.toFixed(2)}, ${bare.cpu.toFixed(2)}`,
        );
      }
    } finally {
      worker.stop();
      await worker.done;
    }
    const sum = (side: Side, name: keyof Clock) =>
      rounds.reduce((total, round) => total + round[side][name], 0);
    return [
      item("docking overhead, wall", "s", sum("ours", "wall"), sum("bare", "wall"), {
        of: "ratio",
        most: 1.05,
      }),
      item("docking overhead, CPU", "s", sum("ours", "cpu"), sum("bare", "cpu"), { of: "ratio", most: 1.05 }),
      item(
        "docking overhead, CPU beside Vina ÷ Vina",
        "s",
        sum("ours", "own") + sum("ours", "server"),
        sum("ours", "children"),
        { of: "ratio", most: 0.05 },
      ),
    ];
  },
};

async function oneRound(lab: Lab, site: string, ligands: typeof DEMO_LIGANDS, exhaustiveness: number) {
  const began = Date.now();
  let submitted: Submitted = [];
  let ended = { order: [] as string[], ended_at: began };
  const clock = await clocked(async () => {
    submitted = await submit(lab, site, ligands, exhaustiveness);
    ended = await waitForAll(lab, ids(submitted));
  }, lab.postmaster);
  const byJob = new Map(submitted.map((job) => [job.job_id, job.molecule_id]));
  // In the order in which the worker took them: which long run comes last decides the wall time.
  const plans: RunPlan[] = [];
  for (const job of ended.order) plans.push(await planOf(lab, site, byJob.get(job) ?? "", exhaustiveness));
  const ours = { ...clock, wall: (ended.ended_at - began) / 1000 };
  return { ours, bare: await clocked(() => runBare(plans, SLOTS)) };
}

/** Exactly what the worker ran, from the stored conformer. */
async function planOf(
  lab: Lab,
  site_id: string,
  molecule_id: string,
  exhaustiveness: number,
): Promise<RunPlan> {
  const { context, principal } = lab;
  const task: TaskContext = {
    org_id: principal.org_id,
    job_id: "",
    task_name: "dock",
    exec_id: "",
    owner_id: principal.user_id,
    visibility: "organization",
    params: { site_id, exhaustiveness },
    site_ids: [site_id],
    inputs: [{ key: "ligand", molecule_id, structure_id: null }],
  };
  const { engines } = await findEngines(context.config);
  const vina = engines.get("vina");
  if (vina === undefined) throw new Error("vina is missing here: this benchmark needs it");
  const loaded = await context.results.read(principal, (scope) => vinaEngine.load(scope, task));
  const lend = () => Promise.reject(new Error("the conformer is there: nothing is written"));
  const { params, input } = await vinaEngine.prepare(context, lend, task, loaded);
  return vinaEngine.plan(vina.install, params, input);
}

async function submit(
  { context, principal }: Lab,
  site: string,
  ligands: typeof DEMO_LIGANDS,
  exhaustiveness: number,
): Promise<Submitted> {
  const answer = await perform(context, submitDockingOperation, principal, {
    site,
    molecules: ligands.map(({ smiles, name }) => ({ text: smiles, name, format: "smiles" as const })),
    exhaustiveness,
    reuse: false,
  });
  return answer.jobs;
}

function ids(jobs: Submitted): string[] {
  return jobs.map((job) => job.job_id);
}

/** The demo's receptor with a box around its inhibitor. Returns the site's id. */
export async function makeSite({ context, principal }: Lab): Promise<string> {
  const { file, water, center_angstrom, size_angstrom } = DEMO_TARGET;
  const bytes = readFileSync(join(import.meta.dirname, "../examples", file));
  const receptor = await perform(context, prepareReceptorOperation, principal, {
    file_name: file,
    content_base64: bytes.toString("base64"),
    keep_waters: [water],
  });
  const site = await perform(context, createSiteOperation, principal, {
    receptor_structure_id: receptor.structure_id,
    center_angstrom: [...center_angstrom],
    size_angstrom: [...size_angstrom],
  });
  return site.site_id;
}
