import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestServer } from "../support/server.ts";
import { storm } from "./support/storm.ts";
import { table } from "./support/storm-report.ts";
import { tidy } from "./support/tidy.ts";

const linux = process.platform === "linux" ? false : "needs /proc";

test("workers, relays and PostgreSQL killed outright while jobs run: nothing lost, nothing twice", {
  skip: linux,
}, async (t) => {
  const all = tidy(t);
  const server = await startTestServer();
  all.after(server.stop);
  const plan = { seed: 41, jobs: 60, items: 16, troubled: 2, kills: 10, server_kills: 1, limit_ms: 120_000 };
  const report = await storm(all, server, plan);
  for (const line of table(plan, report)) t.diagnostic(line);
  assert.deepEqual(report.violations, []);
  assert.deepEqual(report.surprises, []);
});
