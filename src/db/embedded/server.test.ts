import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { ensureServer, purgeServer, serverStatus, stopServer } from "./server.ts";
import {
  ask,
  asRoot,
  copyOf,
  ensureInChild,
  inChild,
  makeOptions,
  UNPRIVILEGED,
  useTemplate,
} from "./support.test.ts";

const template = useTemplate();

test("a first start makes a server that only its own roles reach", async (t) => {
  const options = copyOf(template, t);
  const server = await ensureServer(options);
  const [role] = await ask(
    server.admin,
    `SELECT rolsuper, rolcreatedb, rolcreaterole, current_database() AS database,
            pg_has_role('pg_monitor', 'USAGE WITH ADMIN OPTION') AS monitor,
            has_database_privilege('postgres', 'CONNECT') AS postgres,
            has_database_privilege('template1', 'CONNECT') AS template1
       FROM pg_roles WHERE rolname = current_user`,
  );
  assert.deepEqual(role, {
    rolsuper: false,
    rolcreatedb: true,
    rolcreaterole: true,
    database: "aliquot",
    monitor: true,
    postgres: false,
    template1: false,
  });
  const settings = await ask(
    server.superuser,
    `SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'max_connections', 'jit',
       'data_checksums', 'TimeZone', 'shared_preload_libraries') ORDER BY name COLLATE "C"`,
  );
  assert.deepEqual(Object.fromEntries(settings.map((row) => [row["name"], row["setting"]])), {
    TimeZone: "UTC",
    data_checksums: "on",
    jit: "off",
    listen_addresses: "",
    max_connections: "200",
    shared_preload_libraries: "pg_stat_statements",
  });
  assert.deepEqual(await ask(server.superuser, "SELECT DISTINCT auth_method FROM pg_hba_file_rules"), [
    { auth_method: "scram-sha-256" },
  ]);
  const [locale] = await ask(
    server.admin,
    "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()",
  );
  assert.deepEqual(locale, { datlocprovider: "b", datlocale: "C.UTF-8" });
  for (const file of ["postgres-password", "admin-password", "state.json"]) {
    assert.equal(statSync(join(options.home, file)).mode & 0o777, 0o600, file);
  }
  assert.equal(statSync(server.admin.host).mode & 0o777, 0o700);
  assert.equal(statSync(server.admin.host).uid, statSync(server.data_dir).uid);
});

test("the application's role clones databases, makes roles and reads statistics, but no password shows", async (t) => {
  const { admin } = await ensureServer(copyOf(template, t));
  await ask(admin, "CREATE DATABASE results");
  await ask(admin, "CREATE ROLE worker LOGIN");
  assert.ok((await ask(admin, "SELECT query FROM pg_stat_statements")).length > 0);
  assert.deepEqual(await ask(admin, "SELECT query FROM pg_stat_statements WHERE query ~ 'PASSWORD'"), []);
});

test("a wrong password is refused, also on the socket", async (t) => {
  const { admin, superuser } = await ensureServer(copyOf(template, t));
  await assert.rejects(ask({ ...admin, password: "x" }, "SELECT 1"), { code: "28P01" });
  await assert.rejects(ask({ ...superuser, password: admin.password }, "SELECT 1"), { code: "28P01" });
});

test("joining takes no second server and under 100 ms", async (t) => {
  const options = copyOf(template, t);
  const first = await ensureServer(options);
  assert.equal(first.started, true);
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const begin = performance.now();
    assert.deepEqual(await ensureServer(options), { ...first, started: false });
    times.push(performance.now() - begin);
  }
  assert.ok(Math.min(...times) < 100, times.join(" "));
});

test("two processes that start from nothing at once get one server", async (t) => {
  const options = makeOptions(t);
  const [a, b] = await Promise.all([ensureInChild(options), ensureInChild(options)]);
  assert.deepEqual({ ...a, started: true }, { ...b, started: true });
  assert.equal([a.started, b.started].filter(Boolean).length, 1);
  for (const { admin } of [a, b]) assert.deepEqual(await ask(admin, "SELECT 1 AS one"), [{ one: 1 }]);
});

test("many starts at once in one process get one server", async (t) => {
  const options = copyOf(template, t);
  const servers = await Promise.all(Array.from({ length: 5 }, () => ensureServer(options)));
  assert.equal(new Set(servers.map(({ pid }) => pid)).size, 1);
  assert.equal(servers.filter(({ started }) => started).length, 1);
});

test("stop cuts an idle client, and the next start makes a lost socket folder again", async (t) => {
  const options = copyOf(template, t);
  const { admin, pid } = await ensureServer(options);
  const idle = new pg.Client(admin);
  const cut = new Promise((resolve) => idle.on("error", resolve));
  await idle.connect();
  const begin = performance.now();
  assert.equal(await stopServer(options), "stopped");
  assert.ok(performance.now() - begin < 5000);
  await cut;
  assert.equal((await serverStatus(options)).state, "stopped");
  assert.equal(await stopServer(options), "not_running");
  // What a reboot does to the temporary folder.
  rmSync(admin.host, { recursive: true });
  const again = await ensureServer(options);
  assert.notEqual(again.pid, pid);
  assert.equal(statSync(admin.host).mode & 0o777, 0o700);
});

test("status and stop of a home without a cluster make nothing", async (t) => {
  const options = makeOptions(t);
  assert.deepEqual(await serverStatus(options), { state: "absent" });
  assert.equal(await stopServer(options), "absent");
  assert.equal(await purgeServer(options), false);
  const { home, systemRoot } = options;
  assert.deepEqual([existsSync(join(home, "postgres")), existsSync(systemRoot!)], [false, false]);
  assert.deepEqual(await serverStatus({ home: join(home, "nowhere") }), { state: "absent" });
});

test("status tells a running server's place and size", async (t) => {
  const options = copyOf(template, t);
  const { pid, data_dir, admin } = await ensureServer(options);
  const { size_bytes, ...status } = await serverStatus(options);
  const place = { data_dir, pid, port: admin.port, socket_dir: admin.host };
  assert.deepEqual(status, { state: "running", version: "18.4", ...place });
  assert.ok((size_bytes ?? 0) > 20e6);
});

test("purge leaves nothing of the server and all of the rest", async (t) => {
  const options = copyOf(template, t);
  const { admin, data_dir } = await ensureServer(options);
  const file = join(options.home, "state.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), other: 1 }));
  writeFileSync(join(options.home, "objects"), "kept");
  assert.equal(await purgeServer(options), true);
  for (const gone of [data_dir, admin.host, join(options.home, "postgres-password")]) {
    assert.equal(existsSync(gone), false, gone);
  }
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { other: 1 });
  assert.equal(readFileSync(join(options.home, "objects"), "utf8"), "kept");
  assert.equal(await purgeServer(options), false);
});

for (const [what, name] of [
  ["blanks and quotes", `a home  "of" 'mine'`],
  ["a very long path", Array.from({ length: 12 }, () => "a-rather-long-folder-name").join("/")],
] as const) {
  test(`a home with ${what} works`, async (t) => {
    const copy = copyOf(template, t, name);
    const { admin } = await ensureServer(copy);
    assert.deepEqual(await ask(admin, "SELECT 1 AS one"), [{ one: 1 }]);
    assert.equal((await serverStatus(copy)).state, "running");
    assert.equal(await stopServer(copy), "stopped");
  });
}

test("root's server for a home that others cannot enter lies in the system folder", {
  skip: !asRoot,
}, async (t) => {
  const options = makeOptions(t, "private/home");
  chmodSync(join(options.home, ".."), 0o700);
  const server = await ensureServer(options);
  assert.ok(server.data_dir.startsWith(join(options.systemRoot!, "clusters/")));
  const { embedded_server } = JSON.parse(readFileSync(join(options.home, "state.json"), "utf8"));
  assert.equal(embedded_server.data_dir, server.data_dir);
  assert.equal(embedded_server.uid, statSync(server.data_dir).uid);
  assert.deepEqual(await ask(server.admin, "SELECT 1 AS one"), [{ one: 1 }]);
  // A copied home must not reach, let alone purge, the original's cluster; a moved one keeps it.
  const copy = { ...options, home: `${options.home}-copy` };
  cpSync(options.home, copy.home, { recursive: true });
  for (const use of [ensureServer, stopServer, purgeServer]) {
    await assert.rejects(use(copy), { kind: "unavailable", message: /is a copy of/ });
  }
  rmSync(copy.home, { recursive: true });
  renameSync(options.home, copy.home);
  assert.equal((await ensureServer(copy)).pid, server.pid);
  renameSync(copy.home, options.home);
  assert.equal(await purgeServer(options), true);
  assert.equal(existsSync(server.data_dir), false);
});

test("an unprivileged user has its own server, and root runs it as that user", {
  skip: !asRoot,
}, async (t) => {
  const options = makeOptions(t);
  chownSync(options.home, UNPRIVILEGED, UNPRIVILEGED);
  const life = `const { admin, data_dir } = await server.ensureServer(options);
    const joined = await server.ensureServer(options);
    const running = await server.serverStatus(options);
    print([admin.user, data_dir, joined.started, running.state, await server.stopServer(options)]);`;
  const text = await inChild(life, options, { uid: UNPRIVILEGED }).output;
  assert.deepEqual(JSON.parse(text), [
    "aliquot",
    join(options.home, "postgres"),
    false,
    "running",
    "stopped",
  ]);
  const { pid, admin } = await ensureServer(options);
  assert.equal(statSync(`/proc/${pid}`).uid, UNPRIVILEGED);
  const rest = `const { pid, admin } = await server.ensureServer(options);
    print([pid, admin, await server.purgeServer(options)]);`;
  const again = await inChild(rest, options, { uid: UNPRIVILEGED }).output;
  assert.deepEqual(JSON.parse(again), [pid, admin, true]);
});

test("a home that cannot be written, or is not there, is refused by name", async (t) => {
  const options = makeOptions(t);
  const missing = join(options.home, "nowhere");
  await assert.rejects(ensureServer({ home: missing }), {
    kind: "unavailable",
    message: /nowhere.*make it/,
  });
  await assert.rejects(ensureServer({ home: "relative" }), { kind: "unavailable", message: /absolute/ });
  mkdirSync(join(options.home, "locked"), { mode: 0o555 });
  const locked = { ...options, home: join(options.home, "locked") };
  const text = await inChild(
    "await server.ensureServer(options).catch(({ kind, message }) => print({ kind, message }));",
    locked,
    asRoot ? { uid: UNPRIVILEGED } : {},
  ).output;
  const { kind, message } = JSON.parse(text);
  assert.equal(kind, "unavailable");
  assert.match(message, /locked cannot be written \(EACCES.*ALIQUOT_HOME/);
});
