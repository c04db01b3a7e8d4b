import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from "jose";
import { newId } from "../ids.ts";
import { derivePassword, Secret } from "../secrets.ts";
import { TokenMaker } from "./token-maker.ts";

const SECRET = new Secret("the secret of an installation that there is not");
const SETTINGS = {
  jwt_issuer: "aliquot",
  jwt_audience: "aliquot",
  access_ttl_seconds: 900,
  refresh_ttl_seconds: 3600,
};
const clock = { ms: Date.parse("2030-01-01T00:00:00.400Z") };
const maker = new TokenMaker(SECRET, SETTINGS, () => clock.ms);
const key = new TextEncoder().encode(derivePassword(SECRET, "jwt:1").reveal());
const who = { user_id: newId(), org_id: newId(), session_id: newId() };
const now = Math.floor(clock.ms / 1000);

type Changes = { header?: object; claims?: object; secret?: Uint8Array };

/** A token as we would make it, but for what is changed, by another program than ours. */
function forged({ header = {}, claims = {}, secret = key }: Changes = {}): Promise<string> {
  const { user_id: sub, org_id, session_id: sid } = who;
  const body = {
    iss: "aliquot",
    aud: "aliquot",
    sub,
    org_id,
    sid,
    iat: now,
    exp: now + 900,
    jti: newId(),
    ...claims,
  };
  return new SignJWT(body).setProtectedHeader({ alg: "HS256", typ: "at+jwt", ...header }).sign(secret);
}

test("a token is a JWT that another program verifies, and the other way round", async () => {
  const { token, expires_at } = maker.access(who);
  assert.deepEqual(decodeProtectedHeader(token), { alg: "HS256", typ: "at+jwt" });
  const checked = await jwtVerify(token, key, {
    issuer: "aliquot",
    audience: "aliquot",
    typ: "at+jwt",
    currentDate: new Date(clock.ms),
  });
  const { iat, exp, jti, ...claims } = checked.payload;
  const { user_id: sub, org_id, session_id: sid } = who;
  assert.deepEqual(claims, { iss: "aliquot", aud: "aliquot", sub, org_id, sid });
  assert.deepEqual([iat, exp, expires_at.getTime()], [now, now + 900, (now + 900) * 1000]);
  assert.notEqual(decodeJwt(maker.access(who).token).jti, jti);
  assert.deepEqual(maker.read(token), { ...who, expires_at });
  assert.deepEqual(maker.read(await forged()), { ...who, expires_at });
});

test("a token lasts to the second and no longer, and is not believed before its time", async () => {
  const { token } = maker.access(who);
  const at = (ms: number) => new TokenMaker(SECRET, SETTINGS, () => ms).read(token);
  assert.equal(typeof at((now + 900) * 1000 - 1), "object");
  assert.equal(at((now + 900) * 1000), "expired");
  assert.equal(typeof at((now - 60) * 1000), "object", "another server's clock");
  assert.equal(at((now - 61) * 1000), "from the future");
  assert.equal(maker.read(await forged({ claims: { exp: undefined } })), "expired");
  assert.equal(maker.read(await forged({ claims: { exp: "soon" } })), "expired");
  assert.equal(maker.read(await forged({ claims: { iat: undefined } })), "from the future");
});

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const unsigned = (header: object) =>
  `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${maker.access(who).token.split(".")[1]}`;
const hmac = (text: string, secret: string | Uint8Array) =>
  `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;

for (const [what, token] of [
  ["without a signature, alg none", `${unsigned({ alg: "none", typ: "at+jwt" })}.`],
  ["alg NONE in another spelling", `${unsigned({ alg: "nOnE", typ: "at+jwt" })}.`],
  ["alg none, signed all the same", hmac(unsigned({ alg: "none", typ: "at+jwt" }), key)],
  [
    "alg RS256, signed with our key as if it were public",
    hmac(unsigned({ alg: "RS256", typ: "at+jwt" }), key),
  ],
  [
    "signed with a public key that it brings along",
    hmac(
      unsigned({
        alg: "HS256",
        typ: "at+jwt",
        jwk: createPublicKey(pair.privateKey).export({ format: "jwk" }),
      }),
      createPublicKey(pair.privateKey).export({ format: "pem", type: "spki" }).toString(),
    ),
  ],
  ["with a key that it names", hmac(unsigned({ alg: "HS256", typ: "at+jwt", kid: "/dev/null" }), "")],
  ["signed with nothing", hmac(unsigned({ alg: "HS256", typ: "at+jwt" }), "")],
  [
    "signed by RSA",
    await new SignJWT({}).setProtectedHeader({ alg: "RS256", typ: "at+jwt" }).sign(pair.privateKey),
  ],
  ["signed by another installation", await forged({ secret: new Uint8Array(32) })],
  ["of another type", await forged({ header: { typ: "JWT" } })],
  ["of no type", await forged({ header: { typ: undefined } })],
  ["of a longer hash", await forged({ header: { alg: "HS512" } })],
  ["of another issuer", await forged({ claims: { iss: "elsewhere" } })],
  ["of no issuer", await forged({ claims: { iss: undefined } })],
  ["for another audience", await forged({ claims: { aud: "elsewhere" } })],
  ["for two audiences", await forged({ claims: { aud: ["aliquot", "elsewhere"] } })],
  ["with a part more", `${maker.access(who).token}.x`],
  ["with padding", `${maker.access(who).token}=`],
  ["with a part less", maker.access(who).token.split(".").slice(0, 2).join(".")],
  ["of its header alone", `${maker.access(who).token.split(".")[0]}.`],
  ["of nothing", ""],
] as const)
  test(`a token is refused: ${what}`, () => {
    assert.equal(typeof maker.read(token), "string");
  });

test("no character of a token can be another one, and no other bits of its last one mean the same", () => {
  const { token } = maker.access(who);
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  for (let at = 0; at < token.length; at++)
    for (const letter of at === token.length - 1 ? letters : "Aq.") {
      if (letter === token[at]) continue;
      const other = `${token.slice(0, at)}${letter}${token.slice(at + 1)}`;
      assert.equal(typeof maker.read(other), "string", `${at} ${letter}`);
    }
});

test("a refresh token's successor is always the same, another one's is another, and needs the installation's key", () => {
  const token = maker.draw("refresh");
  assert.match(token, /^alr_[A-Za-z0-9_-]{43}$/);
  assert.equal(maker.successor(token), maker.successor(token));
  assert.match(maker.successor(token), /^alr_[A-Za-z0-9_-]{43}$/);
  assert.notEqual(maker.successor(token), maker.successor(maker.draw("refresh")));
  const elsewhere = new TokenMaker(new Secret("another installation's, as long as the first"), SETTINGS);
  assert.notEqual(maker.successor(token), elsewhere.successor(token));
});

test("a network's mark is a person's own, and can't be read", () => {
  const tag = maker.addressTag(who.user_id, "192.0.2.1");
  assert.match(tag, /^[0-9a-f]{32}$/);
  assert.equal(tag, maker.addressTag(who.user_id, "192.0.2.1"));
  assert.equal(
    new Set([tag, maker.addressTag(who.user_id, "192.0.2.2"), maker.addressTag(newId(), "192.0.2.1")]).size,
    3,
  );
});
