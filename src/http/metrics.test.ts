import assert from "node:assert/strict";
import { after, test } from "node:test";
import { submitSmiles } from "../../test/support/context.ts";
import { assertProblem, openHttpLab } from "../../test/support/http.ts";
import { parseConfig } from "../config.ts";
import { AppError } from "../errors.ts";
import { buildServer } from "./server.ts";

const METRICS_TOKEN = "a-token-for-the-test";

const { ask, context, scientist } = await openHttpLab({ after });
const { config } = parseConfig({ METRICS_TOKEN });
const measured = { ...context, config: { ...context.config, api: config.api } };
const app = await buildServer(measured);
after(() => app.close());
const headers = { authorization: `Bearer ${METRICS_TOKEN}` };

/** Samples by name and labels, as Prometheus reads them. */
async function scrape(): Promise<Map<string, number>> {
  const got = await app.inject({ url: "/metrics", headers });
  assert.deepEqual(
    [got.statusCode, got.headers["content-type"]],
    [200, "text/plain; version=0.0.4; charset=utf-8"],
  );
  const lines = got.body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

test("without a token of the installation there are no metrics, and with another one nobody reads them", async () => {
  assertProblem(await ask({ url: "/metrics" }), 404);
  for (const authorization of [undefined, "Bearer ", `Bearer ${METRICS_TOKEN}x`, METRICS_TOKEN]) {
    const given = authorization === undefined ? {} : { authorization };
    assertProblem(await app.inject({ url: "/metrics", headers: given }), 401, "unauthenticated");
  }
  assert.throws(() => parseConfig({ METRICS_TOKEN: "short" }), /METRICS_TOKEN must be 16 to 255/);
  assert.doesNotMatch(JSON.stringify(config), new RegExp(METRICS_TOKEN));
});

test("requests are counted by operation and status, the queue by engine, and nobody is named", async () => {
  await submitSmiles(context, scientist, "CCO", {});
  const before = await scrape();
  await app.inject({ url: "/v1/molecules" });
  await app.inject({ url: "/nothing" });
  const now = await scrape();
  const more = (name: string) => (now.get(name) ?? 0) - (before.get(name) ?? 0);
  const count = (labels: string) => more(`http_request_duration_seconds_count{${labels}}`);
  assert.equal(count('operation="molecule.list",status="401"'), 1);
  assert.equal(count('operation="none",status="404"'), 1);
  assert.equal(now.get("aliquot_metadata_up"), 1);
  assert.equal(now.get('aliquot_tasks_waiting{engine="xtb"}'), 1);
  assert.ok((now.get('aliquot_database_connections{databases="metadata",state="budget"}') ?? 0) > 0);
  for (const name of ["process_cpu_seconds_total", "nodejs_eventloop_active_seconds_total"])
    assert.ok((now.get(name) ?? 0) >= (before.get(name) ?? Infinity), `${name} only grows`);
  assert.ok(now.has("aliquot_requests_running"));
  for (const name of now.keys())
    assert.doesNotMatch(name, new RegExp(`${scientist.org_id}|${scientist.user_id}`), name);
});

test("while the metadata database is away its numbers are not told, and the others are", async () => {
  const system = () => Promise.reject(new AppError("unavailable", "10.0.0.7 is away"));
  const stats = () => context.metadata.stats();
  const metadata = Object.assign(Object.create(context.metadata), { system, stats });
  const away = await buildServer({ ...measured, metadata });
  after(() => away.close());
  const { statusCode, body } = await away.inject({ url: "/metrics", headers });
  assert.equal(statusCode, 200);
  assert.match(body, /^aliquot_metadata_up 0$/m);
  assert.doesNotMatch(body, /^aliquot_tasks_waiting\{/m);
  assert.match(body, /^process_resident_memory_bytes \d+$/m);
});
