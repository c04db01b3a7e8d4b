import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context } from "../context.ts";
import { AppError } from "../errors.ts";
import type { startWorker } from "../worker/start.ts";
import type { Cli } from "./cli.ts";
import { HelperWorker } from "./helper-worker.ts";

/** A command where no worker is, and whose own ones do as `start` says. */
function helperWith(start: typeof startWorker): { helper: HelperWorker; said: string[] } {
  const said: string[] = [];
  const cli = { out: { say: (line: string) => said.push(line) } } as unknown as Cli;
  const context = { config: { worker_slots: 1 } } as unknown as Context;
  const missing = async () => "xtb";
  return { helper: new HelperWorker(cli, context, ["xtb"], missing, { start, look_ms: 0 }), said };
}

test("a worker inside a command that breaks says why once, and ends the command the third time", async () => {
  let started = 0;
  const { helper, said } = helperWith(async () => {
    started++;
    const done = Promise.reject(new AppError("conflict", "its table is gone"));
    return { engines: ["xtb"], probes: [], stop() {}, kill() {}, done };
  });
  for (let n = 0; n < 3; n++) await helper.ensure();
  await assert.rejects(helper.ensure(), {
    kind: "conflict",
    message: /broke 3 times \(its table is gone\): the jobs wait for another worker/,
  });
  assert.equal(started, 3);
  assert.deepEqual(said, [
    "no worker is running: this command runs one until its jobs end",
    "the worker in this command broke, and is started again: its table is gone",
  ]);
});
