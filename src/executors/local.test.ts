import assert from "node:assert/strict";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../errors.ts";
import { openLocalExecutor } from "./local.ts";
import { fileWithin, firstEntry, gone, linux, never, open, scratchFor, sh } from "./support.test.ts";

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

test("what a program leaves running in its group ends with it", { skip: linux }, async (t) => {
  const { executor } = await open(t);
  const run = await executor.run(sh("sleep 300 >/dev/null 2>&1 & echo $!"), { signal: never });
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
    const message = /can't be started: (ENOENT|EACCES|it is not a file)/;
    await assert.rejects(executor.run(plan, { signal: never }), { kind: "unavailable", message });
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
  assert.equal((await executor.run(sh("true"), { signal: never })).aborted, true);
});

async function entries(folder: string, count: number): Promise<string[]> {
  for (let round = 0; round < 250; round++) {
    const names = await readdir(folder);
    if (names.length >= count) return names;
    await sleep(20);
  }
  throw new Error(`fewer than ${count} entries in ${folder}`);
}
