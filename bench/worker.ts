import { readFileSync } from "node:fs";
import { join } from "node:path";
import { submitCalculationsOperation } from "../src/calculations/operations.ts";
import { findEngines } from "../src/engines/registry.ts";
import { planXtb } from "../src/engines/xtb/plan.ts";
import { xtbParams } from "../src/engines/xtb/schema.ts";
import type { RunPlan } from "../src/executors/executor.ts";
import { perform } from "../src/perform.ts";
import type { Geometry } from "../src/structures/geometry.ts";
import { addStructure } from "../src/structures/operations.ts";
import { formatXyz, parseXyzFrames } from "../src/structures/xyz.ts";
import { startWorker } from "../src/worker/start.ts";
import { runBare, waitForAll } from "./bare-runs.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, type Clock, clocked, item, median } from "./measure.ts";

const SLOTS = 2;
const BATCH = 8;
const TINY = 60;
const ROUNDS = 5;

type Round = { ours: Clock; bare: Clock };
type Done = { order: Molecule[]; ended_at: number };
type Molecule = { structure_id: string; plan: RunPlan };

export const benchmark: Benchmark = {
  name: "worker",
  about: `optimisations by xtb through Aliquot, ${SLOTS} at a time, beside bare xtb runs of the same files: CPU is xtb's own and what is spent around it, wall the median of rounds`,
  async run({ quick, say }) {
    await using lab = await openLab();
    const frames = parseXyzFrames(readFileSync(join(import.meta.dirname, "data/xtb.xyz")));
    const molecules = await store(lab, frames);
    const worker = await startWorker(lab.context, { slots: SLOTS });
    const tiny = await store(lab, hydrogens(TINY));
    const rounds: Round[] = [];
    const small: Round[] = [];
    try {
      await submitAndWait(lab, molecules.slice(0, SLOTS)); // connections, plans, files in memory
      // Eight at a time, A B A B: whatever else the machine does meanwhile then disturbs both sides alike.
      for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
        const at = (round * BATCH) % molecules.length;
        rounds.push(await oneRound(lab, molecules.slice(at, at + BATCH)));
        for (const line of told(rounds.at(-1)!)) say(line);
        small.push(await oneRound(lab, tiny));
        for (const line of told(small.at(-1)!)) say(`H2 ${line}`);
      }
    } finally {
      worker.stop();
      await worker.done;
    }
    return [wall(rounds), cpu(rounds, small), perTask(small)];
  },
};

async function oneRound(lab: Lab, molecules: Molecule[]): Promise<Round> {
  const began = Date.now();
  let done: Done = { order: [], ended_at: began };
  const clock = await clocked(async () => {
    done = await submitAndWait(lab, molecules);
  }, lab.postmaster);
  // Until the last one's own time of completion, not until the next look at it; the looks count as CPU.
  const ours = { ...clock, wall: (done.ended_at - began) / 1000 };
  // In the order in which the worker took them: which long run comes last decides the wall time.
  return {
    ours,
    bare: await clocked(() =>
      runBare(
        done.order.map(({ plan }) => plan),
        SLOTS,
      ),
    ),
  };
}

function told(round: Round): string[] {
  return Object.entries(round).map(([side, { wall, own, children, server }]) => {
    const cpu = `CPU: xtb ${children.toFixed(2)} s, this process ${own.toFixed(2)} s`;
    return `${side}: ${wall.toFixed(2)} s wall, ${cpu}, PostgreSQL ${server.toFixed(2)} s`;
  });
}

/** What a slot loses a task, from runs so short that their own noise is smaller than it. */
function perTask(rounds: Round[]) {
  const each = (side: keyof Round) => median(rounds.map((round) => (round[side].wall * 1000 * SLOTS) / TINY));
  const [ours, bare] = [each("ours"), each("bare")];
  return item("worker overhead a task (H2)", "ms", ours - bare, bare, {
    of: "value",
    most: 60,
  });
}

/** So many different questions that xtb answers in 10 ms each. */
function hydrogens(count: number): Geometry[] {
  return Array.from({ length: count }, (_, at) => ({
    elements: ["H", "H"],
    positions_angstrom: [
      [0, 0, 0],
      [0, 0, 0.7 + at / 1000],
    ],
  }));
}

/** The median of what each round says, whose two sides ran the same files one after the other. */
function wall(rounds: Round[]) {
  const bare = median(rounds.map((round) => round.bare.wall));
  const ratio = median(rounds.map((round) => round.ours.wall / round.bare.wall));
  return item("worker overhead, wall", "s", bare * ratio, bare, { of: "ratio", most: 1.05 });
}

/**
 * xtb's CPU, and the same with what is spent around it. The CPU of two runs of one file differs by more than 5 % on busy
 * cores, so that the sums of the two sides say nothing of us: xtb's is the mean of both, and the rest is counted by itself.
 * That is this process and PostgreSQL, less what starting programs costs the bare side, and the guard that
 * each program runs under, which the kernel counts with it: known from H2, where xtb is short.
 */
function cpu(rounds: Round[], small: Round[]) {
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const xtb = sum(({ ours, bare }) => (ours.children + bare.children) / 2);
  const guard = Math.max(0, median(small.map(({ ours, bare }) => (ours.children - bare.children) / TINY)));
  const around = sum(({ ours, bare }) => ours.own + ours.server - bare.own) + guard * rounds.length * BATCH;
  return item("worker overhead, CPU", "s", xtb + around, xtb, { of: "ratio", most: 1.05 });
}

async function store({ context, principal }: Lab, frames: Geometry[]): Promise<Molecule[]> {
  const { engines } = await findEngines(context.config);
  const xtb = engines.get("xtb");
  if (xtb === undefined) throw new Error("xtb is missing here: this benchmark needs it");
  const stored: Molecule[] = [];
  for (const [at, geometry] of frames.entries()) {
    const { structure_id } = await perform(context, addStructure, principal, {
      file_name: `${at}.xyz`,
      format: "xyz",
      content_base64: Buffer.from(formatXyz(geometry, "bench", 10)).toString("base64"),
    });
    const input = { geometry, charge: 0, multiplicity: 1 };
    stored.push({ structure_id, plan: planXtb(xtb.install, xtbParams(), input) });
  }
  return stored;
}

/** Submits and waits. Returns the molecules in the order in which they were started, and when the last one ended. */
async function submitAndWait({ context, principal }: Lab, molecules: Molecule[]): Promise<Done> {
  const { jobs } = await perform(context, submitCalculationsOperation, principal, {
    task: "optimize",
    structure_ids: molecules.map(({ structure_id }) => structure_id),
    reuse: false,
  });
  const ids = jobs.map(({ job_id }) => job_id);
  const { order, ended_at } = await waitForAll({ context, principal }, ids);
  return { order: order.flatMap((id) => molecules[ids.indexOf(id)] ?? []), ended_at };
}
