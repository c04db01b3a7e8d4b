import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import pg from "pg";
import { removeLeftovers } from "./cluster.ts";
import { waitUntil } from "./files.ts";
import { withLock } from "./lock.ts";
import { endOrphans, findInitdb, findPostmaster, findProcesses, serves } from "./processes.ts";
import {
  type EmbeddedOptions,
  type EmbeddedServer,
  ensureServer,
  serverStatus,
  stopServer,
} from "./server.ts";
import { ask, asRoot, copyOf, inChild, makeOptions, useTemplate } from "./support.test.ts";

// What a kill, a crash or a reboot leaves behind, made on purpose.

const template = useTemplate();
const linux = process.platform === "linux";

/** A process that is no server, of the account that owns the cluster, in a folder. */
function foreigner(t: TestContext, like: string, cwd = "/"): number {
  const { uid, gid } = statSync(like);
  const child = spawn("sleep", ["60"], { cwd, stdio: "ignore", ...(asRoot ? { uid, gid } : {}) });
  t.after(() => child.kill("SIGKILL"));
  return child.pid!;
}

async function assertHealthy(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const server = await ensureServer(options);
  assert.deepEqual(await ask(server.admin, "SELECT 1 AS one"), [{ one: 1 }]);
  assert.equal(findPostmaster(server.data_dir)?.pid, server.pid);
  return server;
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  assert.ok(await waitUntil(() => !existsSync(`/proc/${pid}/cwd`), 5000));
}

test("a main process killed while idle is started again, and nothing committed is lost", async (t) => {
  // As outside tests: without synchronous commits a kill may lose what was committed.
  const options = { ...copyOf(template, t), fast: false };
  const { admin, pid } = await ensureServer(options);
  await ask(admin, "CREATE TABLE kept AS SELECT 1 AS one");
  await kill(pid);
  assert.equal((await serverStatus(options)).state, "stopped");
  const again = await assertHealthy(options);
  assert.equal(again.started, true);
  assert.deepEqual(await ask(again.admin, "SELECT * FROM kept"), [{ one: 1 }]);
});

test("backends that outlive a killed main process are ended", { skip: !linux }, async (t) => {
  const options = copyOf(template, t);
  const { admin, pid, data_dir } = await ensureServer(options);
  const busy = new pg.Client(admin);
  busy.on("error", () => {});
  await busy.connect();
  const query = busy.query("CREATE TABLE big AS SELECT generate_series(1, 1000000000)").catch(() => {});
  await waitUntil(() => false, 100);
  await kill(pid);
  await waitUntil(() => false, 50);
  assert.ok(findProcesses(data_dir).length > 0, "no orphan was made: this test shows nothing");
  const lines: string[] = [];
  const begin = performance.now();
  await ensureServer({ ...options, report: (line) => lines.push(line) });
  assert.ok(performance.now() - begin < 5000);
  assert.match(lines.join(), /ended \d+ processes/);
  await query;
  await assertHealthy(options);
});

test("lock files that name a live foreign process are not believed", async (t) => {
  const options = copyOf(template, t);
  const { pid, admin, data_dir } = await ensureServer(options);
  const lock = readFileSync(join(data_dir, "postmaster.pid"), "utf8");
  await stopServer(options);
  const other = foreigner(t, data_dir);
  const { uid, gid } = statSync(data_dir);
  for (const file of [join(data_dir, "postmaster.pid"), join(admin.host, ".s.PGSQL.5432.lock")]) {
    writeFileSync(file, lock.replace(String(pid), String(other)), { mode: 0o600 });
    chownSync(file, uid, gid);
  }
  assert.equal((await serverStatus(options)).state, "stopped");
  assert.equal(await stopServer(options), "not_running");
  await assertHealthy(options);
  assert.equal(process.kill(other, 0), true);
});

test("an operator's process that stands in the data folder is left alone", { skip: !linux }, async (t) => {
  const options = copyOf(template, t);
  const { pid, data_dir } = await ensureServer(options);
  const shell = foreigner(t, data_dir, data_dir);
  await kill(pid);
  assert.equal(serves(shell, data_dir), false);
  await endOrphans(data_dir);
  await assertHealthy(options);
  assert.equal(process.kill(shell, 0), true);
});

const unprivileged = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"];
const canDrop = linux && asRoot && spawnSync("setpriv", [...unprivileged.slice(1), "true"]).status === 0;
test("root without CAP_SYS_PTRACE, as in Docker, knows its server", { skip: !canDrop }, async (t) => {
  const options = copyOf(template, t);
  const { pid, data_dir, admin } = await ensureServer(options);
  const client = new pg.Client(admin);
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const [backend] = rows;
  const processes = JSON.stringify(new URL("./processes.ts", import.meta.url).href);
  const body = `const { findPostmaster, findProcesses } = await import(${processes});
    const fs = await import("node:fs");
    let denied = false;
    try { fs.readlinkSync("/proc/${pid}/cwd"); } catch { denied = true; }
    const at = "${data_dir}";
    const all = findProcesses(at);
    print([denied, findPostmaster(at)?.pid, all.includes(${pid}), all.includes(${backend?.pid})]);`;
  const text = await inChild(body, options, { through: unprivileged }).output;
  assert.deepEqual(JSON.parse(text), [true, pid, true, true]);
});

test("half-made clusters of dead commands are deleted, theirs alone", async (t) => {
  const { home } = makeOptions(t);
  for (const name of ["postgres.tmp-1", "postgres.tmp-999999", `postgres.tmp-${process.pid}`, "postgres"]) {
    mkdirSync(join(home, name, "base"), { recursive: true });
    writeFileSync(join(home, name, "PG_VERSION"), "18\n");
  }
  writeFileSync(join(home, "postgres.tmp-1.password"), "x");
  assert.equal(await removeLeftovers(join(home, "postgres")), true);
  assert.deepEqual(readdirSync(home), ["postgres"]);
  assert.equal(await removeLeftovers(join(home, "postgres")), false);
});

test("a first start killed at any moment is finished by the next", async (t) => {
  const options = makeOptions(t);
  mkdirSync(join(options.home, `postgres.tmp-${process.pid}/base`), { recursive: true });
  let inInitdb = 0;
  for (const delay of [400, 700, 1000]) {
    const { child, output } = inChild("await server.ensureServer(options);", options);
    await waitUntil(() => child.exitCode !== null, delay);
    child.kill("SIGKILL");
    await output;
    if (readdirSync(options.home).some((name) => name.startsWith("postgres.tmp-"))) inInitdb++;
  }
  assert.ok(inInitdb > 0, "no kill hit initdb: this test shows nothing");
  await assertHealthy(options);
  assert.deepEqual(
    readdirSync(options.home).filter((name) => name.includes("tmp-")),
    [],
  );
});

test("an initdb that outlives its command is ended before its folder is deleted", {
  skip: !linux,
}, async (t) => {
  const options = makeOptions(t);
  const { child, output } = inChild("await server.ensureServer(options);", options);
  const aside = join(options.home, `postgres.tmp-${child.pid}`);
  await waitUntil(() => existsSync(join(aside, "PG_VERSION")), 10_000);
  child.kill("SIGKILL");
  assert.ok(findInitdb(aside).length > 0, "initdb did not outlive its command: this test shows nothing");
  assert.equal(await removeLeftovers(join(options.home, "postgres")), true);
  assert.deepEqual([...findInitdb(aside), ...findProcesses(aside)], []);
  assert.equal(existsSync(aside), false);
  await output;
});

for (const [what, statements] of [
  ["before the role", ["DROP DATABASE aliquot", "DROP ROLE aliquot"]],
  ["before the database", ["DROP DATABASE aliquot", "COMMENT ON ROLE aliquot IS NULL"]],
  ["before the mark", ["COMMENT ON ROLE aliquot IS NULL", "GRANT CONNECT ON DATABASE postgres TO PUBLIC"]],
] as const) {
  test(`a bootstrap killed ${what} is finished by the next command`, async (t) => {
    const options = copyOf(template, t);
    const { superuser } = await ensureServer(options);
    for (const statement of statements) await ask(superuser, statement);
    const { admin, started } = await assertHealthy(options);
    assert.equal(started, false);
    const [row] = await ask(
      admin,
      `SELECT shobj_description(current_user::regrole, 'pg_authid') AS mark,
              has_database_privilege('postgres', 'CONNECT') AS open,
              (SELECT count(*)::int FROM pg_extension WHERE extname = 'pg_stat_statements') AS extension`,
    );
    assert.deepEqual(row, { mark: "aliquot-bootstrap-1", open: false, extension: 1 });
  });
}

test("a running server whose socket was deleted is started again", async (t) => {
  const options = copyOf(template, t);
  const { pid, admin } = await ensureServer(options);
  rmSync(admin.host, { recursive: true });
  assert.notEqual((await assertHealthy(options)).pid, pid);
});

test("the lock of a dead command is broken, that of a live one is waited for and named", async (t) => {
  const { home } = makeOptions(t);
  const lock = join(home, "lock");
  const dead = spawnSync("true").pid;
  for (const stale of [`${dead}:1:aa`, `${process.pid}:1:aa`]) {
    symlinkSync(stale, lock);
    assert.equal(await withLock(lock, async () => "mine", 1000), "mine");
  }
  await withLock(lock, () =>
    assert.rejects(
      withLock(lock, async () => "both", 100),
      { kind: "unavailable", message: new RegExp(`process ${process.pid}`) },
    ),
  );
  const order: number[] = [];
  const work = async (n: number) => {
    order.push(n);
    await waitUntil(() => false, 20);
    order.push(n);
  };
  await Promise.all([1, 2, 3].map((n) => withLock(lock, () => work(n))));
  assert.equal(order.filter((n, i) => i % 2 === 1 && order[i - 1] === n).length, 3);
  assert.deepEqual(readdirSync(home), []);
  await assert.rejects(
    withLock(lock, () => Promise.reject(new Error("work"))),
    { message: "work" },
  );
  assert.deepEqual(readdirSync(home), []);
});
