import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../test/support/worker.ts";
import { FileSystemSyncs } from "./file-system-syncs.ts";

const skip = process.platform === "linux" ? false : "syncfs(2) tells of errors on Linux only";

/** Processes whose parent is this one. */
function childrenOf(pid = process.pid): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => parentOf(one) === pid);
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return 0;
  }
}

function open(t: TestContext) {
  const before = new Set(childrenOf());
  const syncs = new FileSystemSyncs();
  t.after(() => syncs[Symbol.dispose]());
  return { syncs, shells: () => childrenOf().filter((pid) => !before.has(pid)) };
}

/** A program of its own that opens one as `syncs`. */
function run(script: string, before = "") {
  const from = JSON.stringify(join(import.meta.dirname, "file-system-syncs.ts"));
  const text = `import { FileSystemSyncs } from ${from}; const syncs = new FileSystemSyncs();
    const folder = ${JSON.stringify(tmpdir())}; ${script}`;
  const command = `${before} exec "$0" --input-type=module --eval "$1"`;
  return spawn("sh", ["-c", command, process.execPath, text]);
}

test("one shell syncs many, says of each whether it could, and ends with who opened it", {
  skip,
}, async (t) => {
  const { syncs, shells } = open(t);
  const folders = [tmpdir(), join(tmpdir(), "not there; echo 0"), "two\nlines", "/proc", tmpdir()];
  const ends = await Promise.allSettled(folders.map((folder) => syncs.sync(folder)));
  assert.deepEqual(
    [0, 1, 2, 4].map((index) => ends[index]?.status),
    ["fulfilled", "rejected", "rejected", "fulfilled"],
  );
  assert.equal(shells().length, 1);
  syncs[Symbol.dispose]();
  await until("the shell's end", async () => shells().length === 0);
});

test("a shell that is killed fails those that wait for it, and the next starts another", {
  skip,
}, async (t) => {
  const { syncs, shells } = open(t);
  await syncs.sync(tmpdir());
  const [shell = 0] = shells();
  process.kill(shell, "SIGSTOP");
  const waiting = [syncs.sync(tmpdir()), syncs.sync("/proc"), syncs.sync(tmpdir())];
  const ends = Promise.allSettled(waiting);
  process.kill(shell, "SIGKILL");
  assert.deepEqual(
    (await ends).map(({ status }) => status),
    waiting.map(() => "rejected"),
  );
  await syncs.sync(tmpdir());
});

test("it keeps no process alive, and outlives none", { skip }, async () => {
  assert.deepEqual(await once(run("await syncs.sync(folder)"), "exit"), [0, null]);
  const child = run("await syncs.sync(folder); console.log(1); setInterval(() => {}, 1000);");
  await once(child.stdout, "data");
  const [shell = 0] = childrenOf(child.pid);
  assert.ok(shell > 0);
  child.kill("SIGKILL");
  await until("its shell's end", async () => !(parentOf(shell) > 0));
});

test("where no descriptor is left it says that it can't, and nothing else breaks", { skip }, async () => {
  const child = run(
    `import { openSync } from "node:fs";
    try { for (;;) openSync("/dev/null", "r"); } catch {}
    await syncs.sync(folder).then(() => process.exit(3), () => process.exit(0));`,
    "ulimit -n 64;",
  );
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
