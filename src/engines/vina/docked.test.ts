import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BOX, createSite, prepareHpv } from "../../../test/support/docking.ts";
import {
  deskOf,
  ended,
  expireLeases,
  leaseOf,
  openLab,
  startWorker,
  sweepWithoutPause,
} from "../../../test/support/worker.ts";
import { queryDockingOperation, submitDockingOperation } from "../../docking/operations.ts";
import type { DockingResult } from "../../docking/schema.ts";
import { openLocalExecutor } from "../../executors/local.ts";
import { newId } from "../../ids.ts";
import { perform } from "../../perform.ts";
import { type Claim, claimTasks } from "../../queue/claims-store.ts";
import type { Site } from "../../sites/schema.ts";
import { boxOf } from "../../sites/schema.ts";
import { isInside } from "../../structures/box.ts";
import { showStructure } from "../../structures/operations.ts";
import { parseMolblock, splitSdf } from "../../structures/sdf.ts";
import { startTasks } from "../../worker/executions.ts";
import type { Started } from "../../worker/facts.ts";
import { runTask } from "../../worker/run.ts";
import type { EngineAtHand } from "../adapter.ts";
import { vinaEngine } from "./adapter.ts";
import { installed } from "./support.test.ts";

/**
 * The whole way from SMILES to stored poses with the real Vina. Scores are of 1HPV with its flap water, at
 * exhaustiveness 4 and seed 42, as they were measured for this project with Vina 1.2.3.
 */
const REFERENCES = [
  {
    name: "nicotine",
    smiles: "CN1CCC[C@H]1c1cccnc1",
    score: -5.4,
    tolerance: 0.15,
    torsions: 1,
    atoms: [12, 26],
  },
  {
    name: "caffeine",
    smiles: "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    score: -5.43,
    tolerance: 0.05,
    torsions: 0,
    atoms: [14, 24],
  },
] as const;
/** The flap water of 1HPV. */
const WATER = [8.009, 13.804, 8.675] as [number, number, number];

const { install, skip } = await installed();
const { context, org, scientist } = await openLab({ after });
let [site, small, tight]: Site[] = [];
const jobs: string[] = [];
let tooLarge = "";
const results = new Map<string, DockingResult[]>();

const engine = (): EngineAtHand => {
  assert.ok(install !== null);
  return { adapter: vinaEngine as unknown as EngineAtHand["adapter"], install };
};
const ask = <R extends object = Record<string, unknown>>(text: string, ...values: unknown[]) =>
  context.superuser<R>(text, values, org.database_name);
const dock = async (
  where: Site | undefined,
  ligands: readonly { name?: string; smiles: string }[],
  exhaustiveness = 4,
) => {
  const molecules = ligands.map(({ smiles, name = "x" }) => ({
    text: smiles,
    name,
    format: "smiles" as const,
  }));
  const asked = { site: where?.site_id ?? "", molecules, exhaustiveness, seed: 42 };
  return (await perform(context, submitDockingOperation, scientist, asked)).jobs;
};

before(
  async () => {
    if (skip !== false) return;
    const receptor = await prepareHpv(context, scientist);
    site = await createSite(context, scientist, receptor, { ...BOX, reference: { residue: "478" } });
    const around = (side: number, visibility: "private" | "organization") =>
      createSite(context, scientist, receptor, {
        center_angstrom: WATER,
        size_angstrom: [side, side, side],
        visibility,
      });
    [small, tight] = [await around(10, "private"), await around(4, "organization")];
    jobs.push(...(await dock(site, REFERENCES)).map((job) => job.job_id));
    tooLarge = (await dock(tight, REFERENCES.slice(1)))[0]?.job_id ?? "";
    const worker = startWorker({ after }, context, {
      engines: new Map([["vina", engine()]]),
      lease_seconds: 30,
    });
    for (const job of [...jobs, tooLarge]) await ended(context, org.org_id, job);
    await worker.stop();
    for (const job of jobs)
      results.set(job, (await perform(context, queryDockingOperation, scientist, { job_ids: [job] })).items);
  },
  { timeout: 120_000 },
);

for (const [index, { name, score, tolerance, torsions, atoms }] of REFERENCES.entries()) {
  test(`${name} scores as it was measured, and its poses are it, whole and in the box`, {
    skip,
  }, async () => {
    const job = jobs[index] ?? "";
    const { status, error, executions } = await ended(context, org.org_id, job);
    assert.deepEqual(
      [status, error, executions.map((row) => row.status)],
      ["completed", null, ["completed"]],
    );
    const rows = results.get(job) ?? [];
    assert.ok(rows.length >= 1 && rows.length <= 9);
    assert.ok(
      Math.abs((rows[0]?.affinity_kcal_mol ?? 0) - score) <= tolerance,
      `${rows[0]?.affinity_kcal_mol}`,
    );
    assert.deepEqual(
      rows.map((row) => row.pose_rank),
      rows.map((_, rank) => rank + 1),
    );
    const scores = rows.map((row) => row.affinity_kcal_mol);
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => a - b),
    );
    const [heavy, all] = atoms;
    for (const row of rows) {
      const { torsions: turned, heavy_atoms, seed, rmsd_reference_angstrom, program, name: called } = row;
      assert.deepEqual([turned, heavy_atoms, seed, program, called], [torsions, heavy, 42, "vina", name]);
      assert.equal(rmsd_reference_angstrom, null, "the reference is another molecule");
      assert.ok(
        (row.checks as { passed: boolean }[]).every(({ passed }) => passed),
        JSON.stringify(row.checks),
      );
      await assertPose(row, all);
    }
  });
}

/** The stored structure of a pose: its own record, every hydrogen, the molecule that was docked, in the box. */
async function assertPose(row: DockingResult, atoms: number): Promise<void> {
  const pose = await perform(context, showStructure, scientist, { structure_id: row.pose_structure_id });
  assert.deepEqual([pose.kind, pose.record, pose.molecule_id], ["pose", row.pose_rank, row.molecule_id]);
  const { geometry, properties } = parseMolblock(pose.content);
  assert.equal(geometry.elements.length, atoms);
  assert.equal(properties["affinity_kcal_mol"], row.affinity_kcal_mol.toFixed(3));
  assert.ok(site !== undefined);
  const box = boxOf(site);
  const inside = geometry.positions_angstrom.filter((position) => isInside(box, position));
  assert.ok(inside.length > atoms / 2, "rank 1 lies in it whole, which is a check; others nearly so");
  const text = splitSdf(pose.content)[0]?.text ?? "";
  const [found] = await context.toolkit.identify([{ text, format: "molblock" }]);
  const [molecule] = await ask<{ identity_key: string }>(
    "SELECT identity_key FROM molecules WHERE molecule_id = $1",
    row.molecule_id,
  );
  assert.equal(found?.ok && found.species.identity_key, molecule?.identity_key);
}

test("both runs share a protocol, say how they ended, and leave their files", { skip }, async () => {
  const all = jobs.flatMap((job) => results.get(job) ?? []);
  assert.equal(new Set(all.map((row) => row.protocol_id)).size, 1);
  const [protocol] = await ask<{ task: string; program_version: string; params: Record<string, unknown> }>(
    "SELECT task, program_version, params FROM protocols WHERE protocol_id = $1",
    all[0]?.protocol_id,
  );
  assert.deepEqual([protocol?.task, protocol?.program_version], ["vina.dock", install?.version]);
  assert.deepEqual([protocol?.params["exhaustiveness"], protocol?.params["seed"]], [4, undefined]);
  for (const job of jobs) {
    const poses = results.get(job) ?? [];
    const [result] = await ask<{ confidence_score: number; result_data: Record<string, unknown> }>(
      "SELECT confidence_score, result_data FROM task_results WHERE job_id = $1",
      job,
    );
    const { outcome, poses: count, affinity_kcal_mol, site_id } = result?.result_data ?? {};
    assert.deepEqual(
      [result?.confidence_score, outcome, count, affinity_kcal_mol, site_id],
      [1, "poses", poses.length, poses[0]?.affinity_kcal_mol, site?.site_id],
    );
    const outputs = await ask<{ key: string; uri: string }>(
      "SELECT key, uri FROM job_outputs WHERE job_id = $1 ORDER BY key",
      job,
    );
    assert.deepEqual(
      outputs.map((row) => row.key),
      ["dock/out.pdbqt", "dock/poses.sdf"],
    );
    for (const { uri } of outputs) assert.ok(await context.objects.has(org.org_id, uri));
  }
  const again = await dock(site, REFERENCES);
  assert.deepEqual(
    again.map((job) => [job.job_id, job.cached]),
    jobs.map((job) => [job, true]),
  );
});

test("a ligand that has no room in the box fails for good, with the reason", { skip }, async () => {
  const { status, error, executions } = await ended(context, org.org_id, tooLarge);
  assert.deepEqual([status, error?.code, executions.length], ["failed", "ligand_larger_than_box", 1]);
  assert.match(error?.message ?? "", /4\.0 × 4\.0 × 4\.0 Å/);
  const rows = await ask("SELECT 1 FROM docking_results WHERE job_id = $1", tooLarge);
  assert.deepEqual(rows, []);
});

test("of two workers with one task the stale one's poses are thrown away, and nothing is written twice", {
  skip,
}, async () => {
  const [job] = await dock(small, [{ smiles: "C" }], 1);
  const job_id = job?.job_id ?? "";
  await using executor = openLocalExecutor({ scratch: join(context.home, "scratch"), owner: "stale" });
  const claim = async (): Promise<{ claim: Claim; started: Started }> => {
    const [one] = await claimTasks(
      context.metadata,
      { worker_id: newId(), engines: ["vina"], lease_seconds: 30 },
      1,
    );
    assert.ok(one !== undefined);
    const [started] = await context.results.forLease(leaseOf(one), (scope) =>
      startTasks(scope, [one], newId()),
    );
    assert.ok(started?.kind === "started");
    return { claim: one, started };
  };
  const run = (one: { claim: Claim; started: Started }) =>
    runTask(
      { services: context, executor },
      {
        ...one,
        engine: engine(),
        desk: deskOf(context, one.claim),
        signal: new AbortController().signal,
        computed: () => {},
      },
    );
  const written = () =>
    ask(
      `SELECT (SELECT count(*) FROM docking_results WHERE job_id = $1) AS results, (SELECT count(*) FROM structures WHERE source = 'job:' || $1) AS poses,
        (SELECT count(*) FROM job_outputs WHERE job_id = $1) AS outputs, (SELECT count(*) FROM task_results WHERE job_id = $1) AS tasks`,
      job_id,
    );
  const stale = await claim();
  await expireLeases(context, job_id);
  await sweepWithoutPause(context);
  const fresh = await claim();
  assert.equal(await run(stale), "lost");
  assert.deepEqual(await written(), [{ results: 0, poses: 0, outputs: 0, tasks: 0 }]);
  assert.equal(await run(fresh), "recorded");
  const once = await written();
  assert.ok(Number(once[0]?.["results"]) > 0 && once[0]?.["results"] === once[0]?.["poses"]);
  const owners = await ask(
    `SELECT DISTINCT d.private_to, s.visibility FROM docking_results d JOIN structures s ON s.structure_id = pose_structure_id
     WHERE d.job_id = $1`,
    job_id,
  );
  assert.deepEqual(owners, [{ private_to: scientist.user_id, visibility: "private" }], "its site is private");
  assert.equal(await run(fresh), "lost");
  assert.deepEqual(await written(), once);
});
