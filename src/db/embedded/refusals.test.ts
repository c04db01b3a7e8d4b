import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { accountForRoot, canEnter, chooseAccount, findInPasswd, requirePasswdEntry } from "./account.ts";
import { findBinaries, findPackage } from "./binaries.ts";
import { hashedName } from "./files.ts";
import { telling } from "./initdb.ts";
import { ensureServer, purgeServer, serverStatus, stopServer } from "./server.ts";
import { makeSocketDir } from "./sockets.ts";
import { openHome } from "./state.ts";
import { ask, asRoot, copyOf, makeBase, makeOptions, useTemplate } from "./support.test.ts";

// What cannot go on says so: what, why, and what to do. What can be mended without loss is.

const template = useTemplate();

test("a lost superuser password is asked for, and purge still works", async (t) => {
  const options = copyOf(template, t);
  rmSync(join(options.home, "postgres-password"));
  await assert.rejects(ensureServer(options), {
    kind: "unavailable",
    message: /postgres-password is missing.*backup.*aliquot down --purge/,
  });
  assert.equal(await purgeServer(options), true);
  assert.deepEqual(await serverStatus(options), { state: "absent" });
});

test("a wrong superuser password is named when it is needed", async (t) => {
  const options = copyOf(template, t);
  writeFileSync(join(options.home, "postgres-password"), "not-it\n");
  rmSync(join(options.home, "admin-password"));
  await assert.rejects(ensureServer(options), {
    kind: "unavailable",
    message: /postgres-password is not that of the server's superuser.*backup.*purge/,
  });
});

for (const [what, change] of [
  ["lost", (file: string) => rmSync(file)],
  ["changed", (file: string) => writeFileSync(file, "it's \\ changed\n")],
] as const) {
  test(`a ${what} password of the application's role is set anew, and said`, async (t) => {
    const options = copyOf(template, t);
    const file = join(options.home, "admin-password");
    const old = readFileSync(file, "utf8");
    change(file);
    const lines: string[] = [];
    const { admin } = await ensureServer({ ...options, report: (line) => lines.push(line) });
    assert.equal(lines.length, 1);
    assert.notEqual(`${admin.password}\n`, old);
    assert.deepEqual(await ask(admin, "SELECT 1 AS one"), [{ one: 1 }]);
  });
}

test("a cluster of another major version is refused with both versions", async (t) => {
  const options = copyOf(template, t);
  writeFileSync(join(options.data_dir, "PG_VERSION"), "17\n");
  await assert.rejects(ensureServer(options), {
    kind: "unavailable",
    message: /is of PostgreSQL 17, and this aliquot brings 18.*DATABASE_URL/,
  });
});

test("a cluster that is gone is not replaced by an empty one before purge", async (t) => {
  const options = copyOf(template, t);
  rmSync(options.data_dir, { recursive: true });
  await assert.rejects(ensureServer(options), { kind: "unavailable", message: /is gone.*purge/ });
  assert.deepEqual(await serverStatus(options), { state: "absent" });
  assert.equal(await stopServer(options), "absent");
  assert.equal(await purgeServer(options), true);
  mkdirSync(join(options.home, "postgres")); // such as an empty volume
  assert.equal((await ensureServer(options)).started, true);
});

test("a lost state.json hides no cluster, a senseless one is named", async (t) => {
  const options = copyOf(template, t);
  const file = join(options.home, "state.json");
  rmSync(file);
  const { data_dir } = await ensureServer(options);
  assert.equal(data_dir, options.data_dir);
  for (const text of ["{", "[]", '{"embedded_server": {}}']) {
    writeFileSync(file, text);
    await assert.rejects(ensureServer(options), { kind: "unavailable", message: /state\.json.*delete it/ });
  }
  const state = { data_dir: "/etc", uid: 0, gid: 0, socket_dir: "/etc", version: "18.4" };
  writeFileSync(file, JSON.stringify({ embedded_server: state }));
  await assert.rejects(purgeServer(options), { kind: "unavailable", message: /\/etc.*no place/ });
  rmSync(file);
});

test("files in the cluster's place are not overwritten", async (t) => {
  const options = makeOptions(t);
  mkdirSync(join(options.home, "postgres"));
  writeFileSync(join(options.home, "postgres/thesis.txt"), "x");
  await assert.rejects(ensureServer(options), { kind: "unavailable", message: /no PG_VERSION.*move them/ });
  await purgeServer(options);
  assert.ok(existsSync(join(options.home, "postgres/thesis.txt")));
});

test("a socket folder that is a link or another user's is refused", async (t) => {
  const options = copyOf(template, t);
  const folder = join(tmpdir(), `aliquot-${hashedName(options.data_dir)}`);
  symlinkSync(options.home, folder);
  await assert.rejects(ensureServer(options), { kind: "unavailable", message: /not a folder; delete it/ });
  rmSync(folder);
  if (asRoot) {
    mkdirSync(folder);
    chownSync(folder, 12345, 12345);
    await assert.rejects(ensureServer(options), { kind: "unavailable", message: /belongs to user 12345/ });
    chownSync(folder, 0, 0);
  }
  await ensureServer(options);
  assert.equal(statSync(folder).uid, statSync(options.data_dir).uid);
});

test("a temporary folder that is too long for a socket, or has a comma, is passed over", () => {
  const account = asRoot ? accountForRoot(readFileSync("/etc/passwd", "utf8")) : chooseAccount();
  for (const tmp of [`/${"x".repeat(90)}`, "/dev/shm/a,b"]) {
    const folder = makeSocketDir(`/nowhere/${process.pid}`, account, tmp);
    rmSync(folder, { recursive: true });
    assert.equal(dirname(folder), "/tmp");
  }
});

test("a platform without a package is told of DATABASE_URL", () => {
  assert.throws(() => findPackage("plan9", "mips"), {
    kind: "unavailable",
    message: /plan9-mips.*DATABASE_URL/,
  });
  assert.match(findPackage().version, /^18\.\d+$/);
});

test("programs that the server's account cannot reach are copied once", { skip: !asRoot }, (t) => {
  const base = makeBase(t);
  for (const name of ["home", "private"]) mkdirSync(join(base, name), { mode: 0o700 });
  cpSync(join(findPackage().root, "native"), join(base, "private/native"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  chmodSync(join(base, "private/native"), 0o700);
  const home = openHome(join(base, "home"), join(base, "system"));
  const account = chooseAccount();
  assert.equal(canEnter(join(base, "private"), account), false);
  const from = { root: join(base, "private"), version: "18.4" };
  const { folder } = findBinaries(home, account, from);
  assert.equal(folder, join(base, "system/pg-18.4"));
  const made = statSync(folder).ctimeMs;
  rmSync(join(base, "private/native/share"), { recursive: true });
  assert.equal(findBinaries(home, account, from).folder, folder);
  assert.equal(statSync(folder).ctimeMs, made);
  assert.equal(existsSync(join(folder, "share")), true);
});

test("root's server runs as postgres, else as nobody, else not at all", () => {
  const nobody = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
  assert.equal(accountForRoot(nobody).gid, 65533);
  assert.equal(accountForRoot(`${nobody}postgres:x:101:104::/:/bin/sh\n`).uid, 101);
  assert.throws(() => accountForRoot("root:x:0:0::/root:/bin/sh\n"), {
    kind: "unavailable",
    message: /65534/,
  });
  assert.equal(findInPasswd("postgres:x:0:0::/:/bin/sh\n", "postgres"), undefined);
});

test("a user without a passwd entry is told so", () => {
  const unknown = () => {
    throw Object.assign(new Error("no such user"), { code: "ENOENT" });
  };
  assert.throws(() => requirePasswdEntry(12345, unknown), {
    kind: "unavailable",
    message: /user 12345 has no entry in \/etc\/passwd.*DATABASE_URL/,
  });
});

test("a full disk says so in initdb's words and leaves no half cluster", { skip: !asRoot }, async (t) => {
  const options = makeOptions(t);
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", options.home]);
  if (mount.status !== 0) return t.skip("cannot mount here");
  try {
    await assert.rejects(ensureServer(options), {
      kind: "unavailable",
      message: /initdb.*No space left on device/,
    });
    assert.equal(existsSync(join(options.home, "postgres")), false);
    assert.deepEqual(await serverStatus(options), { state: "absent" });
  } finally {
    spawnSync("umount", ["-l", options.home]);
  }
});

test("the telling line of a program's output names the fault", () => {
  const output = "ok\ninitdb: error: no room\ninitdb: removing contents\n\n";
  assert.equal(telling(output), "initdb: error: no room");
  assert.equal(telling("a\nb\n"), "b");
  assert.equal(telling(""), "");
});
