import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext as NodeTest, test } from "node:test";
import { pathToFileURL } from "node:url";
import { AppError } from "../../src/errors.ts";
import { retryJobOperation } from "../../src/jobs/operations.ts";
import type { ObjectStore } from "../../src/objects/store.ts";
import { perform } from "../../src/perform.ts";
import type { Cleaner } from "../support/context.ts";
import { fakeEngine } from "../support/engine.ts";
import { damage } from "../support/outputs.ts";
import { jobState, openLab, startWorker, until } from "../support/worker.ts";
import { settled } from "./support/settle.ts";
import { submit } from "./support/submit.ts";
import { tidy } from "./support/tidy.ts";

type Disk = {
  root: string;
  fill(): Promise<void>;
  free(): Promise<void>;
  /** How often something was to be put while it was full. */
  refused(): number;
  /** The store as a worker sees it. */
  seen(store: ObjectStore): ObjectStore;
};

/** A disk of one megabyte where we may mount one, else a store that says what a full disk says. */
function smallDisk(t: NodeTest, all: Cleaner): Disk {
  const root = mkdtempSync(join(tmpdir(), "aliquot-disk-"));
  const ballast = join(root, "ballast");
  let full = false;
  let mounted = true;
  let refused = 0;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", root], { stdio: "ignore" });
  } catch {
    mounted = false;
  }
  t.diagnostic(mounted ? "a disk of one megabyte" : "may not mount: a store that says what a full disk says");
  all.after(async () => {
    if (mounted) execFileSync("umount", [root]);
    await rm(root, { recursive: true, force: true });
  });
  return {
    root,
    fill: async () => {
      full = true;
      if (mounted) await writeFile(ballast, Buffer.alloc(2 ** 21)).catch(() => {});
    },
    free: async () => {
      full = false;
      await rm(ballast, { force: true });
    },
    refused: () => refused,
    seen: (store) => ({
      ...store,
      put: async (org, bytes) => {
        if (full) refused++;
        if (full && !mounted)
          throw new AppError("store_unavailable", "the object store can't be used (ENOSPC)");
        return store.put(org, bytes);
      },
    }),
  };
}

test("a full disk costs no job: tasks wait, nothing is half-written, and with room again they complete", async (t) => {
  const all = tidy(t);
  const disk = smallDisk(t, all);
  const lab = await openLab(all, { env: { STORAGE_URL: pathToFileURL(disk.root).href } });
  const { org, scientist } = lab;
  const context = { ...lab.context, objects: disk.seen(lab.context.objects) };
  const script = "head -c 20000 /dev/urandom | base64 -w0 >&2; echo -1.5";
  const jobs = [await submit(context, scientist, { script }), await submit(context, scientist, { script })];
  await disk.fill();
  startWorker(all, context, { slots: 2 });
  const tries = async (job: string) => (await jobState(context, org.org_id, job)).executions.length;
  // What was computed is kept by its worker and stored again and again: a full disk is nothing that a task did.
  await until("tries that found the disk full", async () => disk.refused() >= 4);
  for (const job of jobs) {
    assert.equal((await jobState(context, org.org_id, job)).status, "running");
    assert.equal(await tries(job), 1, "nothing is computed twice for a full disk");
  }
  const half = await context.superuser(
    `SELECT 'output' FROM job_outputs UNION ALL SELECT 'result' FROM task_results
     UNION ALL SELECT 'calculation' FROM calculations`,
    [],
    org.database_name,
  );
  assert.deepEqual(half, []);
  const files = await readdir(disk.root, { recursive: true });
  assert.deepEqual(
    files.filter((name) => name.split("/").at(-1)?.startsWith(".")),
    [],
    "what was begun aside is gone",
  );
  await disk.free();
  await settled(context, { jobs });
  for (const job of jobs) assert.equal((await jobState(context, org.org_id, job)).status, "completed");
});

test("a task whose input is damaged fails at once and says so; mended and retried it completes", async (t) => {
  const all = tidy(t);
  const { context, org, scientist } = await openLab(all);
  const bytes = Buffer.from("coordinates that a disk changed");
  const { uri } = await context.objects.put(org.org_id, bytes);
  damage(join(context.home, "objects"), org.org_id, uri, bytes.length);
  const preparing = async () => void (await context.objects.get(org.org_id, uri));
  startWorker(all, context, { engine: fakeEngine({ preparing }) });
  const job = await submit(context, scientist, { script: "echo -1.5" });
  await settled(context, { jobs: [job] });
  const failed = await jobState(context, org.org_id, job);
  assert.deepEqual([failed.status, failed.executions.length], ["failed", 1]);
  const error = failed.error as { code: string; message: string } | null;
  assert.equal(error?.code, "damaged");
  assert.match(error.message, /a stored file is damaged .*: give that file again/);
  await context.objects.put(org.org_id, bytes);
  await perform(context, retryJobOperation, scientist, { job_id: job, force: true });
  await settled(context, { jobs: [job] });
  assert.equal((await jobState(context, org.org_id, job)).status, "completed");
});
