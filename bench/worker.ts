import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
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
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, type Clock, clocked, item, median } from "./measure.ts";

const SLOTS = 2;
const BATCH = 4;
/** As often as `--wait` looks. */
const POLL_MS = 200;

type Molecule = { structure_id: string; plan: RunPlan };

export const benchmark: Benchmark = {
  name: "worker",
  about: `optimisations by xtb through Aliquot, ${SLOTS} at a time, beside bare xtb runs of the same files`,
  async run({ quick, say }) {
    await using lab = await openLab();
    const frames = parseXyzFrames(readFileSync(join(import.meta.dirname, "data/xtb.xyz")));
    const molecules = await store(lab, quick ? frames.filter((_, at) => at % 2 === 0) : frames);
    const worker = await startWorker(lab.context, { slots: SLOTS });
    const rounds: { ours: Clock; bare: Clock }[] = [];
    try {
      await submitAndWait(lab, molecules.slice(0, SLOTS)); // connections, plans, files in memory
      // Four at a time, A B A B: whatever else the machine does meanwhile then disturbs both sides alike.
      for (let at = 0; at < molecules.length; at += BATCH) {
        let order = molecules.slice(at, at + BATCH);
        const ours = await clocked(async () => {
          order = await submitAndWait(lab, order);
        }, lab.postmaster);
        // In the order in which the worker took them: which long run comes last decides the wall time.
        const bare = await clocked(() => runBare(order));
        say(`ours ${told(ours)}\n    bare ${told(bare)}`);
        rounds.push({ ours, bare });
      }
    } finally {
      worker.stop();
      await worker.done;
    }
    return items(rounds);
  },
};

function told({ wall, own, children, server }: Clock): string {
  const parts = [`${wall.toFixed(2)} s wall`, `CPU: xtb ${children.toFixed(2)} s`];
  return [...parts, `this process ${own.toFixed(2)} s`, `PostgreSQL ${server.toFixed(2)} s`].join(", ");
}

/**
 * Sums of all rounds; the milliseconds a task are those that a slot lost, median of the rounds. The CPU of
 * xtb itself differs by more than 5 % between two runs on busy cores, so the share of everything else
 * is shown too, of which both parts are of the same run.
 */
function items(rounds: { ours: Clock; bare: Clock }[]) {
  const sum = (side: "ours" | "bare", name: keyof Clock) =>
    rounds.reduce((total, round) => total + round[side][name], 0);
  const lost = rounds.map(({ ours, bare }) => ((ours.wall - bare.wall) * 1000 * SLOTS) / BATCH);
  const tasks = rounds.length * BATCH;
  const each = (seconds: number) => (1000 * seconds) / tasks;
  const beside = each(sum("ours", "own") + sum("ours", "server"));
  return [
    item("worker overhead, wall", "s", sum("ours", "wall"), sum("bare", "wall"), { of: "ratio", most: 1.05 }),
    item("worker overhead, CPU", "s", sum("ours", "cpu"), sum("bare", "cpu"), { of: "ratio", most: 1.05 }),
    item("worker overhead, CPU beside xtb ÷ xtb", "ms a task", beside, each(sum("ours", "children")), {
      of: "ratio",
      most: 0.05,
    }),
    item("worker overhead a task", "ms", median(lost), null, { of: "value", most: 60 }),
  ];
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

/** From submission to the last one completed. Returns the molecules in the order in which they were started. */
async function submitAndWait({ context, principal }: Lab, molecules: Molecule[]): Promise<Molecule[]> {
  const { jobs } = await perform(context, submitCalculationsOperation, principal, {
    task: "optimize",
    structure_ids: molecules.map(({ structure_id }) => structure_id),
    reuse: false,
  });
  const ids = jobs.map(({ job_id }) => job_id);
  for (;;) {
    await sleep(POLL_MS);
    const rows = await context.results.read(principal, async ({ tx }) => {
      const found = await sql<{ job_id: string; status: string }>`SELECT job_id, status FROM jobs
        WHERE job_id = ANY (${ids}::uuid[]) ORDER BY timings ->> 'started_at'`.execute(tx);
      return found.rows;
    });
    const failed = rows.find(({ status }) => status === "failed");
    if (failed !== undefined) throw new Error(`job ${failed.job_id} failed`);
    if (rows.every(({ status }) => status === "completed"))
      return rows.flatMap(({ job_id }) => molecules[ids.indexOf(job_id)] ?? []);
  }
}

/** The same files, arguments and environment, each in a folder of its own, output into a file. */
async function runBare(molecules: Molecule[]): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "aliquot-bench-bare-"));
  try {
    const waiting = [...molecules.entries()];
    const slot = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        await runOne(join(base, String(next[0])), next[1].plan);
    };
    await Promise.all(Array.from({ length: SLOTS }, slot));
  } finally {
    rmSync(base, { recursive: true });
  }
}

async function runOne(folder: string, { program, args, env, files }: RunPlan): Promise<void> {
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const log = openSync(join(folder, "log"), "w");
  // A session of its own, as the executor gives: the kernel shares cores between sessions.
  const child = spawn(program, args, { cwd: folder, env, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`bare xtb ended with ${code}`);
}
