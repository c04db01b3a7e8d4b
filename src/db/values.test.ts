import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ask, testServer } from "../../test/support/server.ts";
import { AppError } from "../errors.ts";
import { parseAddress } from "./address.ts";
import { withClient } from "./connect.ts";
import { isLoginRefused, translateDbError, violates } from "./postgres-errors.ts";
import { ident, literal } from "./roles.ts";
import { scramVerifier } from "./scram.ts";

const server = await testServer();
const one = async (text: string, values: unknown[] = []) =>
  (await ask(server.admin, server.admin.database, text, values))[0]?.["v"];
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

test("a bigint arrives as a number up to 2^53 and is an error past it, never a wrong number", async () => {
  for (const value of [0, -1, 9007199254740991, -9007199254740991])
    assert.equal(await one(`SELECT ${value}::bigint AS v`), value);
  for (const value of ["9007199254740993", "-9223372036854775808"])
    await assert.rejects(one(`SELECT '${value}'::bigint AS v`), /past what a number holds/);
});

test("a timestamptz arrives as RFC 3339 in UTC with all its microseconds, whatever the server's zone", async () => {
  assert.equal(
    await one("SELECT '2026-03-29 03:30:00.123456+02'::timestamptz AS v"),
    "2026-03-29T01:30:00.123456Z",
  );
  assert.equal(await one("SELECT '2026-01-01T00:00:00Z'::timestamptz AS v"), "2026-01-01T00:00:00Z");
  assert.equal(await one("SELECT current_setting('TimeZone') AS v"), "UTC");
});

test("a double goes to the database and back without losing a bit", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }),
      async (values) => {
        const back = (await one("SELECT $1::float8[] AS v", [values])) as number[];
        assert.deepEqual(
          back.map((value) => value + 0),
          values.map((value) => value + 0),
        );
      },
    ),
    { numRuns: 30 },
  );
});

test("a password that was stored as our SCRAM verifier logs in, and another one does not", async (t) => {
  const passwords = ["plain", "with ' quote \\ and \"", "häslich ☃", randomBytes(32).toString("base64url")];
  for (const [index, password] of passwords.entries()) {
    const role = `scram_${index}_${randomBytes(4).toString("hex")}`;
    const verifier = scramVerifier(password);
    await ask(server.superuser, "postgres", `CREATE ROLE ${ident(role)} LOGIN PASSWORD ${literal(verifier)}`);
    t.after(() => ask(server.superuser, "postgres", `DROP ROLE ${ident(role)}`));
    const [stored] = await ask(
      server.superuser,
      "postgres",
      "SELECT rolpassword FROM pg_authid WHERE rolname = $1",
      [role],
    );
    assert.equal(stored?.["rolpassword"], verifier, "taken as it is, not as a password to hash");
    const login = (given: string) =>
      withClient(
        { ...server.admin, user: role, password: given, database: server.template },
        "test",
        (client) => client.query("SELECT 1"),
      );
    await assert.rejects(
      login(`${password}x`),
      (error) => isLoginRefused(error) && kind("unavailable")(error),
    );
    // Right password: refused for the database, which is nobody's to enter, and not for the login.
    await assert.rejects(
      login(password),
      (error: AppError | { code?: string }) =>
        !/28P01/.test(String(error)) &&
        /permission denied for database/.test(String((error as AppError).cause ?? error)),
    );
  }
});

test("verifiers of one password differ by their salt, and the same salt gives the same verifier (RFC 7677)", () => {
  assert.notEqual(scramVerifier("x"), scramVerifier("x"));
  // The example of RFC 7677 §3: user "user", password "pencil".
  const verifier = scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), 4096);
  assert.equal(
    verifier,
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

test("what a server says becomes one of our kinds, with the driver's words as detail", async () => {
  const nowhere = { ...server.admin, host: "/nowhere" };
  const query = (text: string, address = server.admin) =>
    withClient(address, "test", (client) => client.query(text));
  await assert.rejects(query("SELECT 1", nowhere), kind("unavailable"));
  await assert.rejects(query("SELECT 1", { ...server.admin, database: "no_such" }), kind("unavailable"));
  await assert.rejects(query("SELECT 1", { ...server.admin, password: "wrong" }), kind("unavailable"));
  await assert.rejects(query("SET statement_timeout = '1ms'; SELECT pg_sleep(5)"), kind("timeout"));
  await assert.rejects(query("SELECT pg_terminate_backend(pg_backend_pid())"), kind("unavailable"));
  await assert.rejects(
    query("SELECT chr(0)"),
    (error) => !(error instanceof AppError) || error.kind !== "unavailable",
  );
  const injected = withClient(server.admin, "test", (client) =>
    client.query("SELECT $1::text", ["a\u0000b"]),
  );
  await assert.rejects(injected, kind("bad_input"));
  const jsonNul = withClient(server.admin, "test", (client) =>
    client.query("SELECT $1::jsonb", [JSON.stringify("a\u0000b")]),
  );
  await assert.rejects(jsonNul, kind("bad_input"));
});

test("a violated constraint stays as it is and is asked for by name; what is no database error is left alone", async () => {
  const insert = "CREATE TEMP TABLE t (a int CONSTRAINT positive CHECK (a > 0)); INSERT INTO t VALUES (-1)";
  await assert.rejects(
    withClient(server.admin, "test", (client) => client.query(insert)),
    (error) => violates(error, "positive") && !violates(error, "other"),
  );
  const plain = new TypeError("x");
  assert.equal(translateDbError(plain), plain);
  assert.equal(translateDbError("text"), "text");
  const known = new AppError("quota", "q");
  assert.equal(translateDbError(known), known);
});

test("names and texts are quoted so that no text gets out", async () => {
  const nasty = `a"b'c\\d; DROP TABLE x --`;
  assert.equal(await one(`SELECT ${literal(nasty)} AS v`), nasty);
  await ask(server.admin, server.admin.database, `CREATE TEMP TABLE ${ident(nasty)} (a int)`);
  await fc.assert(
    fc.asyncProperty(
      fc.string().filter((text) => !text.includes("\u0000")),
      async (text) => {
        assert.equal(await one(`SELECT ${literal(text)} AS v`), text);
      },
    ),
    { numRuns: 30 },
  );
});

test("an address is read from its URL, and plain text to another machine must be asked for", () => {
  assert.deepEqual(parseAddress("postgresql://u:p%40ss@localhost:5433/db"), {
    host: "localhost",
    port: 5433,
    user: "u",
    password: "p@ss",
    database: "db",
  });
  assert.deepEqual(parseAddress("postgresql://u:p@localhost/db?host=/run/pg&port=6000"), {
    host: "/run/pg",
    port: 6000,
    user: "u",
    password: "p",
    database: "db",
  });
  assert.equal(parseAddress("postgresql://u@127.0.0.1").database, "aliquot");
  assert.throws(
    () => parseAddress("postgresql://u:p@db.example.org/x"),
    (error) => kind("usage")(error) && /sslmode/.test(String(error)),
  );
  assert.throws(() => parseAddress("postgresql://u:p@db.example.org/x?sslmode=maybe"), kind("usage"));
  assert.equal(parseAddress("postgresql://u:p@db.example.org/x?sslmode=disable").ssl, undefined);
  assert.equal(parseAddress("postgresql://u:p@db.example.org/x?sslmode=verify-full").ssl, true);
  assert.deepEqual(parseAddress("postgresql://u:p@db.example.org/x?sslmode=require").ssl, {
    rejectUnauthorized: false,
  });
});
