/**
 * A fuzzer that knows an API only by its OpenAPI document: `node test/fuzz/main.ts URL [--seed N] [--requests N]`,
 * with a token or key in FUZZ_TOKEN. It fails on a 5xx, on a status or content that the document does not name, and
 * on an answer that does not match its schema. Identifiers it learns from answers. The same seed asks the same of
 * the same server.
 */
import { parseArgs } from "node:util";
import { ApiDocument, type Endpoint } from "./document.ts";
import { Known } from "./generate.ts";
import { Random } from "./random.ts";
import { type Made, makeRequest } from "./request.ts";

const TIME_LIMIT_MS = 60_000;
/** They end or throw out who asks: the rest of the run would be refused. */
const LEFT_OUT = /logout|change_password|erase|disable|org\.(delete|suspend)/;

type Finding = { endpoint: string; why: string; request: Made; answer: string };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    requests: { type: "string", default: "2000" },
    leave: { type: "string" },
  },
});
const [base] = positionals;
if (base === undefined) throw new Error("which server? node test/fuzz/main.ts http://127.0.0.1:8000");
const token = process.env["FUZZ_TOKEN"];
const leave = values.leave === undefined ? LEFT_OUT : new RegExp(values.leave);

const document = new ApiDocument((await (await fetch(`${base}/v1/openapi.json`)).json()) as object);
const endpoints = document.endpoints.filter(({ operationId }) => !leave.test(operationId));
const random = new Random(Number(values.seed));
const known = new Known();
const statuses = new Map<string, Map<number, number>>();
const findings: Finding[] = [];

for (let sent = 0; sent < Number(values.requests); sent++) {
  // Each in turn at first, so that every one is asked and their answers are known to the others.
  const endpoint =
    endpoints[sent < endpoints.length * 3 ? sent % endpoints.length : random.whole(0, endpoints.length - 1)];
  if (endpoint !== undefined) await ask(endpoint);
}
tell();
process.exitCode = findings.length === 0 ? 0 : 1;

async function ask(endpoint: Endpoint): Promise<void> {
  const request = makeRequest(endpoint, { random, known, resolve: document.resolve });
  const signal = AbortSignal.timeout(TIME_LIMIT_MS);
  const headers =
    token === undefined ? request.headers : { authorization: `Bearer ${token}`, ...request.headers };
  const { url, method, body } = request;
  let response: Response;
  try {
    response = await fetch(base + url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
  } catch (error) {
    findings.push({ endpoint: endpoint.operationId, why: `no answer: ${error}`, request, answer: "" });
    return;
  }
  const type = response.headers.get("content-type") ?? "";
  const isStream = type.startsWith("text/event-stream");
  if (isStream) await response.body?.cancel();
  const answer = isStream ? "" : await response.text();
  const seen = statuses.get(endpoint.operationId) ?? new Map<number, number>();
  statuses.set(endpoint.operationId, seen.set(response.status, (seen.get(response.status) ?? 0) + 1));
  const why =
    response.status >= 500
      ? `status ${response.status}`
      : isStream
        ? undefined
        : document.complaint(endpoint, response.status, type, answer);
  if (why !== undefined) findings.push({ endpoint: endpoint.operationId, why, request, answer });
  if (response.ok) learn(answer);
}

/** Ids and names that an answer told of may be asked for by the next requests. */
function learn(answer: string): void {
  const told = answer.matchAll(
    /"(\w*_id|name|slug|username|cursor|next_cursor|token|key)":"([^"\\]{1,300})"/g,
  );
  for (const [, field = "", text = ""] of told) known.add(field === "next_cursor" ? "cursor" : field, text);
}

function tell(): void {
  for (const [endpoint, seen] of [...statuses].toSorted())
    console.log(
      `${endpoint.padEnd(28)} ${[...seen]
        .toSorted()
        .map(([status, n]) => `${status}×${n}`)
        .join(" ")}`,
    );
  const byWhy = Map.groupBy(findings, ({ endpoint, why }) => `${endpoint}: ${why}`);
  for (const [what, [first, ...more]] of byWhy) {
    console.log(`\nFOUND ${what}${more.length === 0 ? "" : ` (and ${more.length} more like it)`}`);
    const { method, url, body } = first?.request ?? { method: "", url: "", body: undefined };
    console.log(`  ${method} ${url.slice(0, 300)}${body === undefined ? "" : `\n  ${body.slice(0, 500)}`}`);
    console.log(`  → ${first?.answer.slice(0, 300)}`);
  }
  const sum = [...statuses.values()].flatMap((seen) => [...seen.values()]).reduce((a, b) => a + b, 0);
  console.log(
    `\n${sum} requests to ${statuses.size} of ${document.endpoints.length} endpoints, seed ${values.seed}: ${findings.length} findings`,
  );
}
