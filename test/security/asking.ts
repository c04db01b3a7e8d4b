import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { hashPassword } from "../../src/access/passwords.ts";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import { TokenMaker, type TokenSettings } from "../../src/access/token-maker.ts";
import type { Operation } from "../../src/operation.ts";
import type { TestContext } from "../support/context.ts";

export type Answer = { status: number; text: string };

const PASSWORD = "correct horse battery staple";
let asked = 0;
let hash: Promise<string> | undefined;

/** Signs a person in by the door that people use, in the organization of the principal. */
export async function signIn(
  context: TestContext,
  server: FastifyInstance,
  who: Pick<OrgPrincipal, "user_id" | "username" | "org_id">,
): Promise<string> {
  hash ??= hashPassword(PASSWORD);
  await context.superuser("UPDATE users SET hashed_password = $1 WHERE user_id = $2", [
    await hash,
    who.user_id,
  ]);
  const response = await server.inject({
    method: "POST",
    url: "/v1/auth/login",
    payload: { username: who.username, password: PASSWORD, org: who.org_id },
  });
  if (response.statusCode !== 200) throw new Error(`no token: ${response.body}`);
  return (response.json() as { access_token: string }).access_token;
}

/** Asks an operation as its path and method say: by hand, so that no client of ours stands between. */
export async function askAs(
  server: FastifyInstance,
  { http }: Pick<Operation, "http">,
  input: object,
  token: string | undefined,
): Promise<Answer> {
  const rest = new Map<string, unknown>(Object.entries(input));
  const path = http.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value));
  });
  const inBody = http.method === "POST" || http.method === "PATCH";
  const response = await server.inject({
    method: http.method,
    // Each from an address of its own: limits are another test's.
    remoteAddress: `127.${(++asked >> 16) & 255}.${(asked >> 8) & 255}.${asked & 255}`,
    url: `/v1${path}${inBody ? "" : queryOf(rest)}`,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(inBody ? { payload: Object.fromEntries(rest) } : {}),
  });
  return { status: response.statusCode, text: response.body };
}

function queryOf(fields: Map<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of fields) {
    if (Array.isArray(value)) for (const item of value) query.append(name, String(item));
    else if (typeof value === "object" && value !== null)
      for (const [key, item] of Object.entries(value)) query.append(`${name}[${key}]`, String(item));
    else query.append(name, String(value));
  }
  return query.size === 0 ? "" : `?${query}`;
}

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Tokens that look right and are not, made without any code of ours. */
export async function forgeries(
  context: TestContext,
  who: Pick<OrgPrincipal, "user_id" | "org_id">,
): Promise<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const { jwt_issuer: iss, jwt_audience: aud } = context.config.api;
  const claims = {
    sub: who.user_id,
    org_id: who.org_id,
    sid: who.user_id,
    iss,
    aud,
    iat: now,
    exp: now + 600,
  };
  const header = { alg: "HS256", typ: "at+jwt" };
  const hmac = (head: object, body: object, key: string) => {
    const text = `${base64(head)}.${base64(body)}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const { api } = context.config;
  const ours = (settings: Partial<TokenSettings>, at = Date.now()) => {
    const { user_id, org_id } = who;
    const maker = new TokenMaker(context.secret, { ...api, ...settings }, () => at);
    return maker.access({ user_id, org_id, session_id: user_id }).token;
  };
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rsa = `${base64({ ...header, alg: "RS256" })}.${base64(claims)}`;
  return {
    expired: ours({}, Date.now() - 3_600_000),
    "of another issuer": ours({ jwt_issuer: "somebody else" }),
    "for another audience": ours({ jwt_audience: "somebody else" }),
    "from the future": ours({}, Date.now() + 3_600_000),
    "of a session that there is not": ours({}),
    "another key": hmac(header, claims, "another key of at least thirty-two characters"),
    "an empty key": hmac(header, claims, "\0"),
    "no algorithm": `${base64({ ...header, alg: "none" })}.${base64(claims)}.`,
    "no algorithm, in capitals": `${base64({ ...header, alg: "NONE" })}.${base64(claims)}.`,
    "a key pair of somebody's": `${rsa}.${sign("sha256", Buffer.from(rsa), privateKey).toString("base64url")}`,
    "no signature": `${base64(header)}.${base64(claims)}.`,
    "two parts": `${base64(header)}.${base64(claims)}`,
    "a key of nobody": `alq_${"a".repeat(12)}_${"A".repeat(43)}00000000`,
    "no token at all": "…".normalize("NFKC"),
  };
}
