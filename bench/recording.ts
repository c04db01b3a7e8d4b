import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { sql } from "kysely";
import type { Executor } from "../src/executors/executor.ts";
import { newId } from "../src/ids.ts";
import type { JobRequest } from "../src/jobs/submit.ts";
import { runWorker } from "../src/worker/loop.ts";
import { submitRequested } from "../test/support/submit-jobs.ts";
import { copyRecordedRows, serverTime } from "./bare-rows.ts";
import { makeSite } from "./docking.ts";
import { type Docked, dockedEngine, ENDED, filesOf, POSES, readDocked } from "./finished-docking.ts";
import { knowMolecules } from "./known.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, type Clock, clocked, item, median } from "./measure.ts";
import { insertStructure, nothingPipeline } from "./nothing.ts";

const MOLECULES = 100;
const compress = promisify(zstdCompress);

export const benchmark: Benchmark = {
  name: "recording",
  about: `dockings of ${POSES} poses that end at once, until all are recorded, beside the same bytes synced and bare rows`,
  async run({ quick, say }) {
    const count = quick ? 200 : 1000;
    await using lab = await openLab();
    const docked = await readDocked();
    const target = await makeTarget(lab);
    say(`files of a run: ${sizes(docked)} bytes`);
    await recordAll(lab, docked, target, Math.min(100, count)); // connections, plans, folders
    let last = { since: "", ids: [] as string[] };
    const { a, b } = await alternate(
      quick ? 2 : 3,
      async () => {
        last = await recordAll(lab, docked, target, count);
        return last as Recorded;
      },
      async () => {
        const bytes = await writeBare(docked, last.ids);
        const rows = await copyRecordedRows(lab, last.since);
        if (rows.rows["docking_results"] !== count * POSES) throw new Error("not all rows were copied");
        say(`bare: bytes ${bytes.toFixed(2)} s, rows ${rows.seconds.toFixed(2)} s`);
        return bytes + rows.seconds;
      },
    );
    const rate = count / median(a.map(({ clock }) => clock.wall));
    const cpu = (name: "own" | "server") =>
      ((1000 * median(a.map(({ clock }) => clock[name]))) / count).toFixed(2);
    say(`CPU of a ligand: this process ${cpu("own")} ms, PostgreSQL ${cpu("server")} ms`);
    return [
      item(`recording of dockings, ${POSES} poses, files included`, "ligands/s", rate, count / median(b), {
        of: "value",
        least: 1000,
      }),
    ];
  },
};

type Target = { site_id: string; molecule_ids: string[]; conformer_id: string };
type Recorded = { since: string; ids: string[]; clock: Clock };

async function makeTarget(lab: Lab): Promise<Target> {
  const { context, principal } = lab;
  const [site_id, molecule_ids] = [await makeSite(lab), await knowMolecules(lab, MOLECULES)];
  const conformer_id = await context.results.transact(principal, ({ tx }) =>
    insertStructure(tx, principal.user_id),
  );
  return { site_id, molecule_ids, conformer_id };
}

/** Starts `count` dockings in one worker, lets all end at once, and waits until the last is recorded. */
async function recordAll(lab: Lab, docked: Docked, target: Target, count: number): Promise<Recorded> {
  const { context } = lab;
  const since = await serverTime(lab);
  const ids = await submitDockings(lab, target, count);
  const [stop, never] = [new AbortController(), new AbortController().signal];
  const ended = Promise.withResolvers<void>();
  let running = 0;
  const executor: Executor = {
    run: async () => {
      if (++running === count) {
        stop.abort(); // takes no more; those in hand are finished
        setImmediate(ended.resolve);
      }
      await ended.promise;
      return { ...ENDED, dispose: async () => {} };
    },
  };
  const engines = new Map([["vina", dockedEngine(docked, target.conformer_id)]]);
  const settings = { slots: count, lease_seconds: 120, version: "bench", engines, probes: [] };
  const done = runWorker({ services: context, executor }, settings, { stop: stop.signal, kill: never });
  await Promise.race([ended.promise, done]);
  const clock = await clocked(() => done.then(() => {}), lab.postmaster);
  await assertRecorded(lab, ids);
  return { since, ids, clock };
}

async function submitDockings({ context, principal }: Lab, target: Target, count: number): Promise<string[]> {
  const pipeline = nothingPipeline();
  const task = { ...pipeline.spec.tasks.run, task: "vina.dock", engine: "vina" };
  const asked = { ...pipeline, name: "dock", spec: { version: "1", tasks: { dock: task } } };
  const owner_id = principal.user_id;
  const submission = {
    pipeline: asked,
    owner_id,
    visibility: "organization" as const,
    priority: 5,
    reuse: true,
  };
  const requests = Array.from({ length: count }, (_, at): JobRequest => {
    const molecule_id = target.molecule_ids[at % target.molecule_ids.length] ?? null;
    return {
      inputs: [{ key: "ligand", molecule_id, structure_id: null, identity: newId() }],
      params: { site_id: target.site_id },
    };
  });
  const jobs = await context.results.transact(principal, (scope) =>
    submitRequested(scope, submission, requests),
  );
  await context.results.relay(principal.org_id);
  return jobs.map(({ job_id }) => job_id);
}

async function assertRecorded({ context, principal }: Lab, ids: string[]): Promise<void> {
  const { rows } = await context.results.forMachinery(principal.org_id, ({ tx }) =>
    sql<{ poses: number; jobs: number }>`SELECT
        (SELECT count(*) FROM docking_results WHERE job_id = ANY (${ids}::uuid[])) AS poses,
        (SELECT count(*) FROM jobs WHERE job_id = ANY (${ids}::uuid[]) AND status = 'completed') AS jobs`.execute(
      tx,
    ),
  );
  const { poses, jobs } = rows[0] ?? {};
  if (jobs !== ids.length || poses !== ids.length * POSES)
    throw new Error(`${jobs} of ${ids.length} jobs are completed, with ${poses} poses`);
}

function sizes(docked: Docked): string {
  const { "out.pdbqt": pdbqt, "poses.sdf": sdf, log } = filesOf(docked, newId());
  return [pdbqt, sdf ?? "", log].map((text) => Buffer.byteLength(text)).join(" + ");
}

/** Seconds for the same files, each written and synced, then their folder; nothing renamed and nothing looked up. */
async function writeBare(docked: Docked, ids: string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-bench-bytes-"));
  try {
    const began = performance.now();
    await Promise.all(ids.map((id) => writeRun(docked, folder, id)));
    const opened = await open(folder, "r");
    await opened.sync();
    await opened.close();
    return (performance.now() - began) / 1000;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function writeRun(docked: Docked, folder: string, id: string): Promise<void> {
  const { log, ...kept } = filesOf(docked, id);
  const files = { ...kept, log: await compress(Buffer.from(log)) };
  await Promise.all(
    Object.entries(files).map(async ([name, content]) => {
      const file = await open(join(folder, `${id} ${name}`), "wx");
      await file.writeFile(content ?? "");
      await file.sync();
      await file.close();
    }),
  );
}
