import assert from "node:assert/strict";
import { test } from "node:test";
import { testServer } from "../../test/support/server.ts";
import { AppError } from "../errors.ts";
import { Breaker } from "./breaker.ts";
import { withClient } from "./connect.ts";
import { refused } from "./pool-errors.ts";
import { isLoginRefused, isPasswordRefused, translateDbError } from "./postgres-errors.ts";

const failure = (message: string, code?: string) =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

test("a server without TLS, and a certificate that is not believed, are unavailable and name sslmode", async () => {
  const { admin } = await testServer();
  const told = (error: unknown) =>
    error instanceof AppError && error.kind === "unavailable" && /sslmode/.test(error.message);
  await assert.rejects(
    withClient({ ...admin, ssl: true }, "aliquot tests", async () => {}),
    told,
  );
  for (const [message, code] of [
    ["self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["self-signed certificate in certificate chain", "SELF_SIGNED_CERT_IN_CHAIN"],
    ["unable to verify the first certificate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["certificate has expired", "CERT_HAS_EXPIRED"],
    ["Hostname/IP does not match certificate's altnames", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ['no pg_hba.conf entry for host "10.0.0.1", user "a", database "b", no encryption', "28000"],
    ["There was an error establishing an SSL connection"],
  ] as const)
    assert.ok(told(translateDbError(failure(message, code))), message);
  assert.ok(!told(translateDbError(failure("no pg_hba.conf entry for host", "28000"))));
});

test("a database that is left alone for a moment still tells why its login was refused", () => {
  const breaker = new Breaker();
  breaker.failed(0, failure("password authentication failed", "28P01"));
  const error = refused(breaker, 1);
  assert.equal(error.kind, "unavailable");
  assert.match(error.message, /tried again in/);
  assert.deepEqual([isPasswordRefused(error), isLoginRefused(error)], [true, true]);
});
