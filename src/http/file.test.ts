import assert from "node:assert/strict";
import { rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Type } from "typebox";
import { signIn } from "../../test/security/asking.ts";
import { makeOrg, person, submitSmiles } from "../../test/support/context.ts";
import { assertProblem, openHttpLab } from "../../test/support/http.ts";
import { damage, leaveOutput } from "../../test/support/outputs.ts";
import { until } from "../../test/support/worker.ts";
import { createClient } from "../client/client.ts";
import { OPERATIONS } from "../features.ts";
import { FileAnswer } from "../files/schema.ts";
import { sha256 } from "../ids.ts";
import { type Operation, operation } from "../operation.ts";
import { Life } from "./life.ts";
import { buildServer } from "./server.ts";

/** Files over HTTP: whole or not at all, and nobody's but theirs who may see what they hang on. */

const { ask, app, context, org, scientist } = await openHttpLab({ after });
const root = join(context.home, "objects");
const KEY = "optimize/xtbopt.xyz";
const WATER = Buffer.from("3\nwater\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n");

async function jobOf(who = scientist, visibility: "private" | "organization" = "organization") {
  const { jobs } = await submitSmiles(context, who, "O", { visibility, reuse: false });
  return jobs[0]?.job_id ?? "";
}

test("a file that a job left is listed, and comes as its bytes with its name, length and checksum", async () => {
  const job_id = await jobOf();
  assert.deepEqual((await ask({ url: `/v1/jobs/${job_id}/outputs` })).json<{ items: unknown[] }>().items, []);
  await leaveOutput(context, org, { job_id, key: KEY, bytes: WATER });
  const listed = await ask({ url: `/v1/jobs/${job_id}/outputs` });
  const [item] = listed.json<{ items: { key: string; checksum: string }[] }>().items;
  assert.deepEqual([item?.key, item?.checksum], [KEY, `sha256:${sha256(WATER)}`]);
  const url = `/v1/jobs/${job_id}/outputs/${encodeURIComponent(KEY)}`;
  const got = await ask({ url });
  assert.deepEqual([got.statusCode, got.rawPayload], [200, WATER]);
  const etag = `"sha256:${sha256(WATER)}"`;
  const headers = {
    "content-type": "application/octet-stream",
    "content-length": String(WATER.length),
    "content-disposition": 'attachment; filename="xtbopt.xyz"',
    "x-content-type-options": "nosniff",
    etag,
  };
  const said = (answer: typeof got) => Object.keys(headers).map((name) => answer.headers[name]);
  assert.deepEqual(said(got), Object.values(headers));
  for (const other of [
    `/v1/jobs/${job_id}/outputs/${KEY}`,
    `/v1/jobs/${job_id}/outputs/optimize%2fxtbopt.xyz`,
  ])
    assert.deepEqual((await ask({ url: other })).rawPayload, WATER, other);
  assertProblem(await ask({ url: `/v1/jobs/${job_id}/outputs/` }), 422);
  assertProblem(await ask({ method: "DELETE", url }), 405);
  const head = await ask({ method: "HEAD", url });
  assert.deepEqual([head.statusCode, head.body, said(head)], [200, "", Object.values(headers)]);
  const known = await ask({ url, headers: { "if-none-match": etag } });
  assert.deepEqual([known.statusCode, known.body, known.headers["etag"]], [304, "", etag]);
  assertProblem(await ask({ url, headers: { accept: "application/json" } }), 406);
  const missing = assertProblem(await ask({ url: `/v1/jobs/${job_id}/outputs/nothing` }), 404);
  assert.match(missing.detail, /no file "nothing": it has optimize\/xtbopt\.xyz/);
});

test("names that somebody gave are no headers and no paths", async () => {
  const job_id = await jobOf();
  const names = {
    'a/..\\evil"\r\nx-evil: 1.xyz': "evil_x-evil_1.xyz",
    "../../..": "file",
    // Its last hundred begin with what is no beginning.
    [`x-.${"y".repeat(98)}`]: "y".repeat(98),
    "Übung 1.xyz": "Ubung_1.xyz",
  };
  for (const [key, file_name] of Object.entries(names)) {
    await leaveOutput(context, org, { job_id, key, bytes: WATER });
    const got = await ask({ url: `/v1/jobs/${job_id}/outputs/${encodeURIComponent(key)}` });
    assert.deepEqual(
      [got.statusCode, got.headers["content-disposition"]],
      [200, `attachment; filename="${file_name}"`],
    );
    assert.equal(got.headers["x-evil"], undefined);
  }
});

test("foreign, private and missing are the same 404", async () => {
  const other = await makeOrg(context);
  const stranger = await person(context, other, "owner");
  const colleague = await person(context, org, "scientist");
  const secret = await jobOf(colleague, "private");
  const own = await jobOf();
  for (const job_id of [secret, own]) await leaveOutput(context, org, { job_id, key: KEY, bytes: WATER });
  const foreign = await signIn(context, app, stranger);
  const missing = "01a1fe29-0000-7183-9923-8edaf77b1628";
  const details = [
    await ask({ url: `/v1/jobs/${secret}/outputs/${encodeURIComponent(KEY)}` }),
    await ask({ url: `/v1/jobs/${missing}/outputs/${encodeURIComponent(KEY)}` }),
    await ask({ url: `/v1/jobs/${own}/outputs/${encodeURIComponent(KEY)}`, as: foreign }),
    await ask({ url: `/v1/jobs/${secret}/outputs` }),
    await ask({ url: `/v1/jobs/${own}/outputs`, as: foreign }),
  ].map((answer) => assertProblem(answer, 404, "not_found").detail);
  assert.deepEqual(new Set(details), new Set(["no such job"]));
  const theirs = await signIn(context, app, colleague);
  const got = await ask({ url: `/v1/jobs/${secret}/outputs/${encodeURIComponent(KEY)}`, as: theirs });
  assert.equal(got.statusCode, 200);
});

test("who gave up on a file, or left before its first piece came, leaves nothing open", async () => {
  const disk = { asked: Promise.withResolvers<void>(), gives: Promise.withResolvers<void>(), open: 0 };
  const bytes = () => ({
    next: async () => {
      disk.open = 1;
      disk.asked.resolve();
      await disk.gives.promise;
      return { done: false as const, value: WATER };
    },
    return: async () => {
      disk.open = 0;
      return { done: true as const, value: undefined };
    },
  });
  const slow = operation({
    name: "test.slow_file",
    summary: "A file on a slow disk",
    permission: "signed_in",
    http: { method: "GET", path: "/test/slow_file" },
    tx: "own",
    file: true,
    input: Type.Object({}),
    output: FileAnswer,
    run: async () => ({
      ...{ file_name: "slow", size_bytes: WATER.length, checksum: `sha256:${sha256(WATER)}` },
      bytes: { [Symbol.asyncIterator]: bytes },
    }),
  });
  const operations = [...OPERATIONS, slow] as unknown as Operation[];
  const headers = { authorization: `Bearer ${await signIn(context, app, scientist)}` };
  const { api } = context.config;
  const config = { ...context.config, api: { ...api, request_timeout_seconds: 0.05 } };
  const hasty = await buildServer({ ...context, config }, { operations });
  after(() => hasty.close());
  assertProblem(await hasty.inject({ url: "/v1/test/slow_file", headers }), 503, "took_too_long");
  await until("nothing is open", async () => disk.open === 0);

  const life = new Life();
  const patient = await buildServer(context, { operations, life });
  after(() => patient.close());
  const url = await patient.listen({ host: "127.0.0.1", port: 0 });
  disk.asked = Promise.withResolvers();
  const leave = new AbortController();
  const asking = fetch(`${url}/v1/test/slow_file`, { headers, signal: leave.signal });
  await disk.asked.promise;
  leave.abort();
  await assert.rejects(asking);
  await until("the server has heard of it", async () => life.running === 0);
  disk.gives.resolve();
  await until("nothing is open", async () => disk.open === 0);
});

test("a structure comes as a file too", async () => {
  const added = await ask({
    method: "POST",
    url: "/v1/structures",
    payload: { file_name: "my water.xyz", format: "xyz", content_base64: WATER.toString("base64") },
  });
  const { structure_id } = added.json<{ structure_id: string }>();
  const got = await ask({ url: `/v1/structures/${structure_id}/content` });
  assert.deepEqual(
    [got.statusCode, got.rawPayload, got.headers["content-disposition"]],
    [200, WATER, 'attachment; filename="my_water.xyz"'],
  );
});

test("altered bytes are refused where they are few, and cut off where they are many: never passed off as whole", async () => {
  const job_id = await jobOf();
  const large = Buffer.alloc(600_000, "0123456789\n");
  for (const [key, bytes] of [
    ["small", Buffer.from("some bytes that a disk changed")],
    ["large", large],
  ] as const) {
    const uri = await leaveOutput(context, org, { job_id, key, bytes });
    damage(root, org.org_id, uri, bytes.length);
  }
  const whole = Buffer.alloc(600_000, "abcdefghij\n");
  await leaveOutput(context, org, { job_id, key: "whole", bytes: whole });
  const refused = await ask({ url: `/v1/jobs/${job_id}/outputs/small` });
  assert.match(assertProblem(refused, 500, "damaged").detail, /a stored file is damaged .*: give that file/);
  const said = ["content-disposition", "etag", "retry-after"].map((name) => refused.headers[name]);
  assert.deepEqual(said, [undefined, undefined, undefined]);
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const client = createClient({ url, token: await signIn(context, app, scientist) });
  const fetched = async (key: string) => {
    const file = await client.ask("job.output", { job_id, key });
    const pieces: Uint8Array[] = [];
    for await (const piece of file.bytes) pieces.push(piece);
    return { ...file, bytes: Buffer.concat(pieces) };
  };
  assert.deepEqual(await fetched("whole"), {
    file_name: "whole",
    size_bytes: whole.length,
    checksum: `sha256:${sha256(whole)}`,
    bytes: whole,
  });
  await assert.rejects(fetched("large"), /broke off after \d+ of 600000 bytes/);
  const asked: unknown[] = [];
  app.server.on("request", ({ url }) => asked.push(url));
  await assert.rejects(fetched("small"), { kind: "damaged", code: "damaged" });
  assert.equal(asked.length, 1, "asking again helps nothing, so nobody does");
  const left = new AbortController();
  const half = await client.ask("job.output", { job_id, key: "whole" }, { signal: left.signal });
  left.abort(new Error("enough"));
  await assert.rejects(async () => {
    for await (const _ of half.bytes);
  }, /enough/);
});

test("a file that is lost or cut short is said to be before a byte of it is sent, to HEAD as to GET", async () => {
  const job_id = await jobOf();
  const large = Buffer.alloc(600_000, "9876543210\n");
  const uri = await leaveOutput(context, org, { job_id, key: "large", bytes: large });
  const added = await ask({
    method: "POST",
    url: "/v1/structures",
    payload: { file_name: "lost.xyz", format: "xyz", content_base64: WATER.toString("base64") },
  });
  const { structure_id, uri: kept } = added.json<{ structure_id: string; uri: string }>();
  const urls = [`/v1/jobs/${job_id}/outputs/large`, `/v1/structures/${structure_id}/content`];
  const refused = async (url: string, why: RegExp) => {
    const got = await ask({ url });
    assert.match(assertProblem(got, 500, "damaged").detail, why);
    const head = await ask({ method: "HEAD", url });
    const said = ({ statusCode, headers }: typeof got) => [
      statusCode,
      headers["content-type"],
      headers["etag"],
    ];
    assert.deepEqual([said(head), head.body], [said(got), ""]);
  };
  const pathOf = (of: string) => join(root, org.org_id, of.slice(7, 9), of.slice(9));
  for (const path of [pathOf(uri), pathOf(kept)]) truncateSync(path, 20);
  for (const url of urls) await refused(url, /is damaged/);
  for (const path of [pathOf(uri), pathOf(kept)]) rmSync(path);
  for (const url of urls) await refused(url, /is lost .*\(`job.submit` with `reuse: false`\)/);
  await context.objects.put(org.org_id, large);
  assert.deepEqual((await ask({ url: urls[0] ?? "" })).rawPayload, large);
});
