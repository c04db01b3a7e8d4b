import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { access, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunPlan } from "./executor.ts";
import { sweepLeftovers } from "./local.ts";
import { parseStat, processesIn, readStat } from "./proc.ts";
import { alive, fileWithin, firstEntry, gone, linux, never, open, scratchFor, sh } from "./support.test.ts";

/** A worker process that runs one plan and never comes back; killed outright by the test. */
async function startWorker(t: TestContext, scratch: string, plan: RunPlan) {
  const source = `
    import { openLocalExecutor } from ${JSON.stringify(new URL("./local.ts", import.meta.url).href)};
    const executor = openLocalExecutor({ scratch: ${JSON.stringify(scratch)}, owner: "doomed" });
    await executor.run(${JSON.stringify(plan)}, { signal: new AbortController().signal });`;
  const worker = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: "inherit" });
  t.after(() => worker.kill("SIGKILL"));
  const folder = join(scratch, (await firstEntry(scratch)) ?? "");
  return { worker, folder };
}

async function killOutright(worker: ReturnType<typeof spawn>): Promise<void> {
  const exit = new Promise((resolve) => worker.once("exit", resolve));
  worker.kill("SIGKILL");
  await exit;
}

test("kill -9 of the worker leaves no engine; the sweep removes its folder", { skip: linux }, async (t) => {
  const scratch = await scratchFor(t);
  const { worker, folder } = await startWorker(t, scratch, sh("echo $$ > pid; exec sleep 300"));
  const engine = Number(await fileWithin(join(folder, "pid")));
  assert.deepEqual(await sweepLeftovers(scratch), { folders: 0, processes: 0 }, "a living worker's folder");
  await killOutright(worker);
  assert.ok(await gone(engine), "the engine outlived its worker");
  assert.deepEqual(await sweepLeftovers(scratch), { folders: 1, processes: 0 });
  assert.deepEqual(await readdir(scratch), []);
});

test("kill -9 of the worker ends a real xtb", { skip: linux || (await noXtb()) }, async (t) => {
  const scratch = await scratchFor(t);
  const helium = Array.from({ length: 400 }, (_, i) => `He ${3 * (i % 20)} ${3 * Math.floor(i / 20)} 0`);
  const plan = {
    ...sh(""),
    program: "/usr/bin/xtb",
    args: ["mol.xyz", "--opt", "--norestart"],
    env: { OMP_NUM_THREADS: "1" },
    files: { "mol.xyz": `400\n\n${helium.join("\n")}\n` },
  };
  const { worker, folder } = await startWorker(t, scratch, plan);
  const engine = await xtbIn(folder);
  assert.ok(engine !== undefined, "xtb did not start");
  await killOutright(worker);
  assert.ok(await gone(engine), "xtb outlived its worker");
});

async function noXtb(): Promise<string | false> {
  return access("/usr/bin/xtb").then(
    () => false as const,
    () => "xtb is not installed",
  );
}

/** The pid of an xtb at work in the folder: seen by its name, as setpriv and prlimit come first. */
async function xtbIn(folder: string): Promise<number | undefined> {
  for (let round = 0; round < 250; round++) {
    for (const pid of await processesIn(folder)) {
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
      if (name.trim() === "xtb") return pid;
    }
    await sleep(20);
  }
  return undefined;
}

test("the sweep kills what escaped and leaves strangers' folders", { skip: linux }, async (t) => {
  const scratch = await scratchFor(t);
  // A grandchild does not inherit the death signal: this is what the sweep is for.
  const plan = sh("echo $$ > engine; sleep 300 & echo $! > pid; exec sleep 300");
  const { worker, folder } = await startWorker(t, scratch, plan);
  const orphan = Number(await fileWithin(join(folder, "pid")));
  await killOutright(worker);
  assert.ok(await gone(Number(await fileWithin(join(folder, "engine")))));
  assert.ok(await alive(orphan), "nothing escaped: this test shows nothing");
  await mkdir(join(scratch, "somebody-elses"));
  await mkdir(join(scratch, "run-00000000-1-1-another_container-abc"));
  assert.deepEqual(await sweepLeftovers(scratch), { folders: 1, processes: 1 });
  assert.ok(await gone(orphan));
  assert.equal((await readdir(scratch)).length, 2);
  assert.deepEqual(await sweepLeftovers(join(scratch, "missing")), { folders: 0, processes: 0 });
});

test("a pid that was given away again is not its old owner", { skip: linux }, async (t) => {
  const { executor, scratch } = await open(t);
  const run = await executor.run(sh("true"), { signal: never });
  const reborn = run.folder.replace(/(run-[0-9a-f]+-\d+)-\d+/, "$1-1");
  await mkdir(reborn);
  assert.deepEqual(await sweepLeftovers(scratch), { folders: 1, processes: 0 });
  assert.equal((await readdir(scratch)).length, 1);
});

test("the name in /proc/<pid>/stat may hold blanks and brackets", { skip: linux }, async () => {
  const fields = Array.from({ length: 50 }, (_, i) => String(i)).join(" ");
  const stat = parseStat(7, `7 (a) b (c)) S ${fields}`);
  assert.deepEqual(stat, { pid: 7, terminal: 3, cpu_seconds: (10 + 11 + 12 + 13) / 100, start_ticks: "18" });
  assert.equal(parseStat(7, "7 (x) S 1"), null);
  assert.ok((await readStat(process.pid)) !== null);
});
