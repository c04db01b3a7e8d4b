import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseConfig } from "./config.ts";
import { parseAddress } from "./db/address.ts";
import { closestName } from "./edit-distance.ts";
import { AppError } from "./errors.ts";
import { SETTINGS } from "./settings.ts";

function problems(env: Record<string, string>): { path?: string; rule: string }[] {
  try {
    parseConfig(env);
    return [];
  } catch (error) {
    assert.ok(error instanceof AppError && error.kind === "usage", String(error));
    for (const field of error.fields)
      assert.ok(error.message.includes(`${field.path} ${field.rule}`), "the message lists it");
    return error.fields;
  }
}

const address = (env: Record<string, string>) => parseAddress(parseConfig(env).config.database_url ?? "");

test("with nothing set there is a whole configuration: the embedded server, the home that is looked for", () => {
  const { config, warnings } = parseConfig({});
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    [
      config.database_url,
      config.home,
      config.role_prefix,
      config.lease_seconds,
      config.reconcile_seconds,
      config.pool_size,
      config.log_level,
    ],
    [undefined, undefined, "aliquot_", 30, 5, 10, "info"],
  );
  assert.ok(config.worker_slots >= 1);
});

test("every problem is told in one error, by name and never by value", () => {
  const bad = {
    DATABASE_URL: "mysql://me:hunter2@host/db",
    DB_POOL_SIZE: "hunter2",
    LEASE_SECONDS: "0",
    LOG_LEVEL: "hunter2",
    ADMIN_EMAIL: "hunter2",
    STORAGE_URL: "s3://hunter2",
    XTB_VERSION: "hunter2",
    ALIQUOT_ROLE_PREFIX: "Hunter2; DROP",
    ALIQUOT_HOEM: "hunter2",
  };
  const found = problems(bad);
  assert.deepEqual(found.map((field) => field.path).toSorted(), Object.keys(bad).toSorted());
  assert.throws(
    () => parseConfig(bad),
    (error) => !/hunter2/i.test(String(error)) && !/hunter2/i.test(JSON.stringify(error)),
  );
});

test("whole numbers are whole, in range and written plainly", () => {
  for (const text of ["", "1.5", "-1", "1e3", "0x10", " 7", "NaN", "Infinity", "1001", "９"]) {
    const found = problems({ DB_POOL_SIZE: text });
    assert.equal(found.length, text === "" ? 0 : 1, JSON.stringify(text));
  }
  assert.equal(parseConfig({ DB_POOL_SIZE: "1000" }).config.pool_size, 1000);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      (n) => parseConfig({ DB_POOL_SIZE: String(n) }).config.pool_size === n,
    ),
  );
});

test("an unknown ALIQUOT_ setting is an error that names the nearest one; others one edit away are warnings", () => {
  assert.match(problems({ ALIQUOT_HOEM: "x" })[0]?.rule ?? "", /did you mean ALIQUOT_HOME\?/);
  assert.doesNotMatch(problems({ ALIQUOT_SOMETHING_ELSE: "x" })[0]?.rule ?? "", /did you mean/);
  const { warnings } = parseConfig({
    DATABASE_ULR: "a",
    LEASE_SECOND: "3",
    SOMETHING: "x",
    EDITOR: "vi",
    PATH: "/bin",
  });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /LEASE_SECOND is set and is not a setting; did you mean LEASE_SECONDS\?/);
  for (const warning of parseConfig({ LOG_LEVELS: "hunter2" }).warnings)
    assert.doesNotMatch(warning, /hunter2/);
  const unused = { SUPABASE_KEY: "x", REDIS_URL: "redis://r", CACHE_ENABLED: "true", DEBUG: "1" };
  assert.deepEqual(parseConfig(unused).warnings, [
    "REDIS_URL is accepted, not used yet: each process keeps a cache of its own",
    "CACHE_ENABLED is accepted, not used: what one process keeps in memory is always on",
    "DEBUG is accepted, not used: LOG_LEVEL=debug logs more",
    "SUPABASE_KEY is accepted, not used",
  ]);
  assert.deepEqual(parseConfig({ DEBUG: "express:*", REDIS_URL: "" }).warnings, []);
});

test("X_FILE reads X, whatever X is; the variable itself comes first; a missing file is a problem of X_FILE", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "secret");
  writeFileSync(file, "postgresql://u:p@localhost/db\n");
  assert.equal(address({ DATABASE_URL_FILE: file }).database, "db");
  assert.equal(
    address({ DATABASE_URL_FILE: file, DATABASE_URL: "postgresql://u@localhost/own" }).database,
    "own",
  );
  assert.deepEqual(
    problems({ DATABASE_URL_FILE: "/no/such" }).map((field) => field.path),
    ["DATABASE_URL_FILE"],
  );
  assert.deepEqual(problems({ ALIQUOT_SECRET_KEY_FILE: file, ALIQUOT_SECRET_KEY: "x" }), []);
});

test("a driver in the scheme is understood and dropped", () => {
  for (const scheme of ["postgres", "postgresql", "postgresql+asyncpg", "postgres+psycopg2"])
    assert.equal(
      parseConfig({ DATABASE_URL: `${scheme}://u:p@localhost:5433/db` }).config.database_url,
      "postgresql://u:p@localhost:5433/db",
    );
  for (const bad of ["postgresql", "localhost:5432", "postgresql:db", "http://localhost/db"])
    assert.equal(problems({ DATABASE_URL: bad }).length, 1, bad);
});

test("the parts of an address come together under either set of names, special characters and all", () => {
  const password = "p@ss:w/ord?#%";
  const parts = {
    DB_HOST: "localhost",
    DB_PORT: "6000",
    DB_USER: "lab",
    DB_PASSWORD: password,
    DB_NAME: "a lab",
  };
  assert.deepEqual(address(parts), {
    host: "localhost",
    port: 6000,
    user: "lab",
    password,
    database: "a lab",
  });
  const other = {
    POSTGRES_HOST: "localhost",
    POSTGRES_USER: "lab",
    POSTGRES_PASSWORD: password,
    POSTGRES_DB: "a lab",
  };
  assert.deepEqual(address(other), {
    host: "localhost",
    port: 5432,
    user: "lab",
    password,
    database: "a lab",
  });
  assert.equal(parseConfig({ DB_USER: "lab" }).config.database_url, undefined, "no host, no server");
  assert.equal(address({ ...parts, DATABASE_URL: "postgresql://u@localhost/whole" }).database, "whole");
  assert.deepEqual(
    problems({ ...parts, DB_PORT: "70000" }).map((field) => field.path),
    ["DB_PORT"],
  );
});

test("a host that is the folder of a socket reaches it", {}, () => {
  assert.equal(address({ DB_HOST: "/var/run/postgresql" }).host, "/var/run/postgresql");
});

test("the direct address is the plain one unless it is given", () => {
  const url = "postgresql://u@localhost/a";
  assert.equal(parseConfig({ DATABASE_URL: url }).config.database_direct_url, url);
  assert.equal(
    parseConfig({ DATABASE_URL: url, DATABASE_DIRECT_URL: "postgresql://u@localhost/b" }).config
      .database_direct_url,
    "postgresql://u@localhost/b",
  );
});

test("the nearest name is within the limit, and a name is nearest to itself", () => {
  const names = Object.keys(SETTINGS);
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(), fc.constantFrom("X", "_"), (name, at, letter) => {
      assert.equal(closestName(name, names, 2), name);
      const place = at % (name.length + 1);
      assert.ok(closestName(name.slice(0, place) + letter + name.slice(place), names, 1) !== undefined);
    }),
  );
  assert.equal(closestName("COMPLETELY_DIFFERENT", names, 3), undefined);
});
