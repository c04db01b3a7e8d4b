import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../test/support/worker.ts";
import { FileSystemSyncs } from "./file-system-syncs.ts";

/** Processes whose parent is this one. */
function childrenOf(pid: number): number[] {
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

test("one shell syncs many, says of each whether it could, and ends with who opened it", async () => {
  const before = new Set(childrenOf(process.pid));
  const syncs = new FileSystemSyncs();
  const ends = await Promise.allSettled([
    syncs.sync(tmpdir()),
    syncs.sync(join(tmpdir(), "not there; echo 0")),
    syncs.sync("two\nlines"),
    syncs.sync(tmpdir()),
  ]);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ["fulfilled", "rejected", "rejected", "fulfilled"],
  );
  const shells = childrenOf(process.pid).filter((pid) => !before.has(pid));
  assert.equal(shells.length, 1);
  syncs[Symbol.dispose]();
  await until("the shell's end", async () => childrenOf(process.pid).every((pid) => before.has(pid)));
});

test("a shell that is killed fails those that wait for it, and the next starts another", async () => {
  using syncs = new FileSystemSyncs();
  await syncs.sync(tmpdir());
  const [shell = 0] = childrenOf(process.pid).slice(-1);
  process.kill(shell, "SIGSTOP");
  const waiting = syncs.sync(tmpdir());
  process.kill(shell, "SIGKILL");
  await assert.rejects(waiting, /has ended/);
  await syncs.sync(tmpdir());
});

test("it keeps no process alive, and outlives none", async () => {
  const script = `import { FileSystemSyncs } from ${JSON.stringify(join(import.meta.dirname, "file-system-syncs.ts"))};
    await new FileSystemSyncs().sync(${JSON.stringify(tmpdir())});
    console.log("done"); if (process.argv[1] === "stay") setInterval(() => {}, 1000);`;
  const start = (...args: string[]) =>
    spawn(process.execPath, ["--input-type=module", "--eval", script, ...args]);
  assert.deepEqual(await once(start(), "exit"), [0, null]);
  const child = start("stay");
  await once(child.stdout, "data");
  const [shell = 0] = childrenOf(child.pid ?? 0);
  assert.ok(shell > 0);
  child.kill("SIGKILL");
  await until("its shell's end", async () => parentOf(shell) === 0 || Number.isNaN(parentOf(shell)));
});
