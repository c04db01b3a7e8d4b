import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import type { Context } from "../../src/context.ts";
import { AppError } from "../../src/errors.ts";
import { FOLLOWS, OPERATIONS } from "../../src/features.ts";
import { buildServer } from "../../src/http/server.ts";
import { type Running, startServer } from "../../src/http/start.ts";
import { sha256 } from "../../src/ids.ts";
import type { Logger } from "../../src/log.ts";
import { type Follow, type Followed, follow, type Operation, operation } from "../../src/operation.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { insertStructure } from "../../src/structures/store.ts";
import { signIn } from "../security/asking.ts";
import { type Cleaner, makeOrg, openTestContext, person, type TestContext } from "./context.ts";

/** A stream as it is read from a socket. */
export type Opened = { response: IncomingMessage; text: () => string; ended: Promise<void>; close(): void };

export type WireLab = {
  context: TestContext;
  org: Org;
  scientist: OrgPrincipal;
  /** The scientist's. */
  token: string;
  headers: Record<string, string>;
  operations: Operation[];
  follows: readonly Follow[];
  /** What followers of `/v1/test/{way}/stream` saw. */
  told: { ends: string[]; after: string | undefined };
  /** For the next request of `/v1/test/waits`: that it has written, and what lets it on. */
  newGate(): Gate;
  /** The same context with another REQUEST_TIMEOUT. */
  patient(seconds: number): Context;
  /** A server at a port of its own, which whoever starts it stops. */
  start(more?: object, seconds?: number): Promise<Running>;
  post(url: string, path: string, body: object): Promise<Response>;
  open(url: string, path: string, more?: Record<string, string>): Promise<Opened>;
  /** How many rows `/v1/test/waits` left under a tag. */
  kept(tag: string): Promise<number>;
};

type Gate = { opened: PromiseWithResolvers<void>; entered: PromiseWithResolvers<void> };

/** The API with sockets, an organization, a scientist who is signed in, and things to ask that wait to be let on. */
export async function openWireLab(
  t: Cleaner,
  more: { log?: Logger; operations?: unknown[] } = {},
): Promise<WireLab> {
  const context = await openTestContext(t, more.log === undefined ? {} : { log: more.log });
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  const signing = await buildServer(context);
  const token = await signIn(context, signing, scientist);
  await signing.close();
  const headers = { authorization: `Bearer ${token}` };
  let gate = makeGate();
  const newGate = () => {
    gate = makeGate();
    return gate;
  };
  const told: WireLab["told"] = { ends: [], after: undefined };
  const own = [...OPERATIONS, waiting(() => gate), ...(more.operations ?? [])];
  const operations = own as unknown as Operation[];
  const follows = [...FOLLOWS, counting(told)] as readonly Follow[];
  const patient = (request_timeout_seconds: number): Context => {
    const { config } = context;
    return { ...context, config: { ...config, api: { ...config.api, request_timeout_seconds } } };
  };
  const ours = { host: "127.0.0.1", port: 0, operations, follows, beat_ms: 30 };
  return {
    ...{ context, org, scientist, token, headers, operations, follows, told, newGate, patient },
    start: (wishes = {}, seconds = 60) => startServer(patient(seconds), { ...ours, ...wishes }),
    post: (url, path, body) =>
      fetch(url + path, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    open: (url, path, further = {}) => openStream(url + path, { ...headers, ...further }),
    kept: async (tag) =>
      (await context.superuser("SELECT 1 FROM structures WHERE name = $1", [tag], org.database_name)).length,
  };
}

function makeGate(): Gate {
  return { opened: Promise.withResolvers(), entered: Promise.withResolvers() };
}

async function openStream(url: string, headers: Record<string, string>): Promise<Opened> {
  const asked = request(url, { headers, agent: new Agent() });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  response.on("error", () => {});
  const ended = new Promise<void>((resolve) => void response.on("close", () => resolve()));
  return { response, text: () => text, ended, close: () => void asked.destroy() };
}

function waiting(gateOf: () => Gate) {
  return operation({
    name: "test.waits",
    summary: "Writes, then waits until it is let on",
    permission: "jobs:submit",
    http: { method: "POST", path: "/test/waits" },
    tx: "results",
    input: Type.Object({ tag: Type.String() }),
    output: Type.Unknown(),
    run: async ({ scope, principal }, { tag }) => {
      await insertStructure(scope.tx, {
        ...{ molecule_id: null, kind: "conformer", name: tag, format: "xyz", uri: `object:${sha256(tag)}` },
        ...{
          size_bytes: 1,
          checksum: `sha256:${sha256(tag)}`,
          charge: 0,
          multiplicity: 1,
          geometry_hash: null,
        },
        ...{ preparation: {}, source: "test", owner_id: principal.user_id, visibility: "organization" },
      });
      const { entered, opened } = gateOf();
      entered.resolve();
      await opened.promise;
      return { tag };
    },
    told: () => ({ entity_type: "test" }),
  });
}

function counting(told: WireLab["told"]) {
  return follow({
    name: "test.follow",
    summary: "Numbers",
    permission: "jobs:read",
    http: { method: "GET", path: "/test/{way}/stream" },
    input: Type.Object({ way: Type.String() }),
    told_as: Type.Object({ n: Type.Integer() }),
    async *run({ after: known, signal, looked }, { way }): AsyncGenerator<Followed<{ n: number }>> {
      told.after = known;
      if (way === "slow")
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      if (way === "late") await sleep(1100);
      if (way === "quiet") {
        looked();
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      }
      if (way === "absent" || way === "late") throw new AppError("not_found", "no such thing");
      for (let n = Number(known ?? 0) + 1; n <= 2; n++) yield { id: String(n), event: "number", data: { n } };
      if (way === "breaks") throw new AppError("unavailable", "at 10.0.0.7");
      if (way === "stays") {
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(), { once: true }),
        );
        told.ends.push("stays");
      }
    },
  });
}
