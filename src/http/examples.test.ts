import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Check } from "typebox/value";
import { signIn } from "../../test/security/asking.ts";
import { person } from "../../test/support/context.ts";
import { assertProblem, openHttpLab } from "../../test/support/http.ts";
import { OPERATIONS } from "../features.ts";
import type { Operation } from "../operation.ts";
import { exampleInput } from "./openapi-operation.ts";

/** What the reference shows can be pasted: no example is refused for what it says. */

const { ask, app, context, org } = await openHttpLab({ after });
const operations = OPERATIONS as unknown as Operation[];

test("every operation's example is an input that it takes", () => {
  const wrong = operations.filter((one) => !Check(one.input, exampleInput(one)));
  assert.deepEqual(
    wrong.map((one) => [one.name, exampleInput(one)]),
    [],
  );
});

test("the bare address leads to the reference", async () => {
  const answer = await ask({ url: "/", as: null });
  assert.deepEqual([answer.statusCode, answer.headers["location"]], [302, "docs"]);
  assert.match((await ask({ url: "/docs", as: null })).body, /<h2>Operations<\/h2>/);
});

/** Made up, so that nobody is signed in by it. */
const SECRETS = new Set([
  "auth.login",
  "auth.logout",
  "auth.refresh",
  "auth.reset",
  "auth.change_password",
  "member.accept",
]);

test("every example, really asked, is taken, or only names what is not there", async () => {
  const owner = await person(context, org, "owner");
  await context.superuser("UPDATE users SET is_admin = true WHERE user_id = $1", [owner.user_id]);
  const told: string[] = [];
  let token = "";
  for (const one of operations) {
    const { statusCode } = await ask({ url: "/v1/auth/whoami", as: token });
    // One of the examples signed out.
    if (statusCode === 401) token = await signIn(context, app, owner);
    const as = one.permission === "anyone" ? null : token;
    const rest = new Map(Object.entries(exampleInput(one)));
    const path = one.http.path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = String(rest.get(name));
      rest.delete(name);
      return encodeURIComponent(value);
    });
    const inBody = one.http.method === "POST" || one.http.method === "PATCH";
    const answer = await ask({
      method: one.http.method,
      url: `/v1${path}${inBody ? "" : `?${new URLSearchParams(rest as Map<string, string>)}`}`,
      as,
      ...(inBody ? { payload: Object.fromEntries(rest) } : {}),
    });
    const { statusCode: status } = answer;
    if (status < 300) continue;
    const isFine = status === 404 || status === 409 || (status === 401 && SECRETS.has(one.name));
    if (!isFine) told.push(`${one.name} ${status} ${answer.body}`);
    else assertProblem(answer, status);
  }
  assert.deepEqual(told, []);
});
