import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../errors.ts";
import type { RunPlan } from "./executor.ts";
import { openLocalExecutor, sweepLeftovers } from "./local.ts";
import { parseStat, readStat } from "./proc.ts";

const linux = process.platform === "linux" ? false : "needs /proc";
const never = new AbortController().signal;

async function scratchFor(t: TestContext): Promise<string> {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), "aliquot-scratch-")));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  return scratch;
}

/** An executor over a scratch folder of its own, both gone after the test. */
async function open(t: TestContext) {
  const scratch = await scratchFor(t);
  const executor = openLocalExecutor({ scratch, owner: "worker/1 ü" });
  t.after(() => executor[Symbol.asyncDispose]());
  return { executor, scratch };
}

function sh(script: string, more: Partial<RunPlan> = {}): RunPlan {
  return {
    program: "/bin/sh",
    args: ["-c", script],
    env: { PATH: "/usr/bin:/bin" },
    files: {},
    time_limit_seconds: 20,
    memory_limit_bytes: 4 * 1024 ** 3,
    ...more,
  };
}

/** Alive and no zombie: a killed orphan may wait a moment for its new parent to collect it. */
async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}

async function gone(pid: number, within_ms = 3000): Promise<boolean> {
  for (let waited = 0; waited < within_ms; waited += 20) {
    if (!(await alive(pid))) return true;
    await sleep(20);
  }
  return false;
}

async function fileWithin(path: string, within_ms = 5000): Promise<string> {
  for (let waited = 0; waited < within_ms; waited += 20) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.endsWith("\n")) return text.trim();
    await sleep(20);
  }
  throw new Error(`${path} did not appear`);
}

test("a child gets exactly the planned files, arguments, environment and an empty stdin", async (t) => {
  const { executor, scratch } = await open(t);
  const script = 'cat in.txt; printf "%s|" "$@"; env; cat; echo left > out.txt; echo oops >&2; exit 3';
  const plan = sh(script, { files: { "in.txt": "hello ", "raw.bin": new Uint8Array([0, 255]) } });
  plan.args.push("sh", "a b", "$HOME;");
  plan.env["ONLY"] = "this";
  const run = await executor.run(plan, { signal: never });
  assert.equal(run.exit_code, 3);
  assert.equal(run.signal, null);
  assert.deepEqual([run.timed_out, run.aborted], [false, false]);
  assert.match(run.stdout, /^hello a b\|\$HOME;\|/);
  const env = run.stdout
    .split("|")
    .at(-1)
    ?.trim()
    .split("\n")
    .map((line) => line.split("=")[0]);
  assert.deepEqual(env?.filter((name) => name !== "PWD" && name !== "_").sort(), ["ONLY", "PATH"]);
  assert.equal(run.stderr, "oops\n");
  assert.equal(await readFile(join(run.folder, "out.txt"), "utf8"), "left\n");
  assert.deepEqual([...(await readFile(join(run.folder, "raw.bin")))], [0, 255]);
  await run.dispose();
  assert.deepEqual(await readdir(scratch), []);
});

test("the folder is private and carries a tame owner's name", { skip: linux }, async (t) => {
  const { executor } = await open(t);
  const run = await executor.run(sh("stat -c %a ."), { signal: never });
  assert.equal(run.stdout, "700\n");
  assert.match(run.folder, new RegExp(`/run-[0-9a-f]{8}-${process.pid}-\\d+-worker_1__-`));
});

test("the time limit ends the whole group, also who does not listen to SIGTERM", {
  skip: linux,
}, async (t) => {
  const { executor } = await open(t);
  const script = "trap '' TERM; (trap '' TERM; sleep 300) & echo $!; sleep 300 & wait; wait";
  const before = performance.now();
  const run = await executor.run(sh(script, { time_limit_seconds: 0.2 }), { signal: never });
  assert.equal(run.timed_out, true);
  assert.equal(run.signal, "SIGKILL");
  assert.ok(performance.now() - before < 5000);
  assert.ok(await gone(Number(run.stdout.trim())), "the grandchild lives");
});

test("a program that ends at SIGTERM is not killed", async (t) => {
  const { executor } = await open(t);
  const run = await executor.run(sh("sleep 300", { time_limit_seconds: 0.2 }), { signal: never });
  assert.deepEqual([run.timed_out, run.signal], [true, "SIGTERM"]);
});

test("an abort kills the group at once; aborted before the start, nothing starts", {
  skip: linux,
}, async (t) => {
  const { executor, scratch } = await open(t);
  const control = new AbortController();
  const run = executor.run(sh("sleep 300 & echo $! > pid; wait"), { signal: control.signal });
  const folder = join(scratch, (await firstEntry(scratch)) ?? "");
  const grandchild = Number(await fileWithin(join(folder, "pid")));
  control.abort();
  const outcome = await run;
  assert.deepEqual([outcome.aborted, outcome.timed_out, outcome.signal], [true, false, "SIGKILL"]);
  assert.ok(await gone(grandchild));
  const second = await executor.run(sh("echo started"), { signal: control.signal });
  assert.deepEqual([second.aborted, second.stdout, second.exit_code], [true, "", null]);
});

async function firstEntry(folder: string): Promise<string | undefined> {
  for (let round = 0; round < 250; round++) {
    const [entry] = await readdir(folder).catch(() => []);
    if (entry !== undefined) return entry;
    await sleep(20);
  }
  return undefined;
}

test("what a program leaves running in its group ends with it", { skip: linux }, async (t) => {
  const { executor } = await open(t);
  const run = await executor.run(sh("sleep 300 & echo $!"), { signal: never });
  assert.equal(run.exit_code, 0);
  assert.ok(run.wall_seconds < 3);
  assert.ok(await gone(Number(run.stdout.trim())));
});

test("who left the group but holds our pipes is found by the folder", { skip: linux }, async (t) => {
  const { executor } = await open(t);
  const script =
    "setsid sh -c 'echo $$ > pid; exec sleep 300' & while [ ! -s pid ]; do sleep 0.01; done; echo done";
  const before = performance.now();
  const run = await executor.run(sh(script), { signal: never });
  assert.equal(run.stdout, "done\n");
  assert.ok(performance.now() - before < 4000);
  assert.ok(await gone(Number(await readFile(join(run.folder, "pid"), "utf8"))));
});

test("endless output is cut and its writer ended", async (t) => {
  const { executor, scratch } = await open(t);
  await assert.rejects(
    executor.run(sh("yes yes yes yes"), { signal: never }),
    (error) =>
      error instanceof AppError && error.kind === "crashed" && /more than 32 MiB/.test(error.message),
  );
  assert.deepEqual(await readdir(scratch), [], "a rejected run leaves its folder");
});

test("a crash is an outcome with its signal, seen through the guard", async (t) => {
  const { executor } = await open(t);
  const run = await executor.run(sh("kill -SEGV $$"), { signal: never });
  assert.deepEqual([run.exit_code, run.signal], [null, "SIGSEGV"]);
});

test("the memory limit is the kernel's", { skip: linux }, async (t) => {
  const { executor } = await open(t);
  const plan = sh("ulimit -v; ulimit -c; ulimit -s", { memory_limit_bytes: 512 * 1024 ** 2 });
  const run = await executor.run(plan, { signal: never });
  const [memory, core, stack] = run.stdout.trim().split("\n");
  assert.deepEqual([memory, core], [String(512 * 1024), "0"]);
  assert.ok(stack === "unlimited" || Number(stack) >= 8192, `stack ${stack}`);
});

test("CPU is counted, children included", { skip: linux }, async (t) => {
  const { executor } = await open(t);
  const busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
  const run = await executor.run(sh(`(${busy}); (${busy}); sleep 0.4`), { signal: never });
  assert.ok(run.cpu_seconds !== null && run.cpu_seconds > 0.02, `cpu ${run.cpu_seconds}`);
  assert.ok(run.cpu_seconds <= run.wall_seconds + 0.1);
});

for (const [name, program] of [
  ["missing", "/nonexistent/xtb"],
  ["not executable", "/etc/passwd"],
  ["a folder", "/usr"],
] as const) {
  test(`a program that is ${name} is unavailable`, async (t) => {
    const { executor } = await open(t);
    const plan = { ...sh(""), program, args: [] };
    await assert.rejects(executor.run(plan, { signal: never }), { kind: "unavailable" });
  });
}

test("a script whose interpreter is missing is unavailable, not a failed run", async (t) => {
  const { executor, scratch } = await open(t);
  const program = join(scratch, "fake");
  await writeFile(program, "#!/nonexistent/python\n");
  await chmod(program, 0o755);
  await assert.rejects(executor.run({ ...sh(""), program, args: [] }, { signal: never }), {
    kind: "unavailable",
  });
});

test("an engine's own exit 127 stays an outcome", async (t) => {
  const { executor } = await open(t);
  assert.equal((await executor.run(sh("exit 127"), { signal: never })).exit_code, 127);
});

for (const name of ["../evil", "a/b", "", ".", "..", ".hidden", "a\0b", "-rf"]) {
  test(`file name ${JSON.stringify(name)} is refused`, async (t) => {
    const { executor, scratch } = await open(t);
    const plan = sh("true", { files: { [name]: "x" } });
    await assert.rejects(executor.run(plan, { signal: never }), { kind: "bad_input" });
    assert.deepEqual(await readdir(scratch), []);
  });
}

test("no scratch space is store_unavailable", async (t) => {
  const scratch = await scratchFor(t);
  await writeFile(join(scratch, "file"), "");
  const executor = openLocalExecutor({ scratch: join(scratch, "file", "below"), owner: "w" });
  await assert.rejects(executor.run(sh("true"), { signal: never }), { kind: "store_unavailable" });
});

test("closing ends what runs and removes every folder", { skip: linux }, async (t) => {
  const scratch = await scratchFor(t);
  const executor = openLocalExecutor({ scratch, owner: "w" });
  const finished = await executor.run(sh("true"), { signal: never });
  const run = executor.run(sh("echo $$ > pid; sleep 300"), { signal: never });
  const [name] = (await entries(scratch, 2)).filter((entry) => !finished.folder.endsWith(entry));
  const pid = Number(await fileWithin(join(scratch, name ?? "", "pid")));
  await executor[Symbol.asyncDispose]();
  assert.equal((await run).aborted, true);
  assert.ok(await gone(pid));
  assert.deepEqual(await readdir(scratch), []);
  await assert.rejects(executor.run(sh("true"), { signal: never }), { kind: "unavailable" });
});

async function entries(folder: string, count: number): Promise<string[]> {
  for (let round = 0; round < 250; round++) {
    const names = await readdir(folder);
    if (names.length >= count) return names;
    await sleep(20);
  }
  throw new Error(`fewer than ${count} entries in ${folder}`);
}

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
  const { processesIn } = await import("./proc.ts");
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
  const plan = sh("sleep 300 & echo $! > pid; exec sleep 300");
  const { worker, folder } = await startWorker(t, scratch, plan);
  const orphan = Number(await fileWithin(join(folder, "pid")));
  await killOutright(worker);
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
