import assert from "node:assert/strict";
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import { OPERATIONS } from "../../src/features.ts";
import type { Problem } from "../../src/http/problem.ts";
import { buildServer } from "../../src/http/server.ts";
import type { Logger } from "../../src/log.ts";
import type { Operation } from "../../src/operation.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { signIn } from "../security/asking.ts";
import { type Cleaner, makeOrg, openTestContext, person, type TestContext } from "./context.ts";

/** A request; `as` is whose token it carries, null for none. */
export type Ask = Omit<InjectOptions, "headers"> & { headers?: Record<string, string>; as?: string | null };

export type HttpLab = {
  context: TestContext;
  org: Org;
  scientist: OrgPrincipal;
  app: FastifyInstance;
  /** Asks as the scientist, unless told otherwise. */
  ask(request: Ask): Promise<LightMyRequestResponse>;
};

/** The API without a socket, on a context of its own, with an organization and a scientist who is signed in. */
export async function openHttpLab(
  t: Cleaner,
  more: { log?: Logger; operations?: unknown[] } = {},
): Promise<HttpLab> {
  const context = await openTestContext(t, more.log === undefined ? {} : { log: more.log });
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  const operations = [...OPERATIONS, ...(more.operations ?? [])] as unknown as Operation[];
  const app = await buildServer(context, { operations, body_bytes: 200_000 });
  t.after(async () => {
    // A client may have opened one that it has not asked on yet: closing waits a minute for its first request.
    app.server.closeAllConnections();
    await app.close();
  });
  const token = await signIn(context, app, scientist);
  const ask = ({ as = token, headers = {}, ...rest }: Ask) => {
    const who: Record<string, string> = as === null ? {} : { authorization: `Bearer ${as}` };
    return app.inject({ ...rest, headers: { ...who, ...headers } });
  };
  return { context, org, scientist, app, ask };
}

/** An answer that is a problem with everything that a problem has; returns it. */
export function assertProblem(answer: LightMyRequestResponse, status: number, code?: string): Problem {
  assert.equal(answer.statusCode, status, answer.body);
  assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8");
  const problem = answer.json<Problem>();
  assert.equal(problem.status, status);
  assert.equal(problem.request_id, answer.headers["x-request-id"]);
  assert.match(problem.type, /^\/docs\/errors#[a-z_]+$/);
  assert.ok(problem.title.length > 3 && problem.detail.length > 3, answer.body);
  if (code !== undefined) assert.equal(problem.code, code);
  return problem;
}
