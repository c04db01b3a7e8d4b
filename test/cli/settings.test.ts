import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ROOT } from "../house/sources.ts";
import {
  assertNoStack,
  assertRefused,
  bareEnv,
  CliHome,
  few,
  oneDocument,
  type Refusal,
  type Runner,
  start,
} from "./home.ts";

/** What fails before a database is asked for: no server is started here. */
const folder = mkdtempSync(join(tmpdir(), "aliquot-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const home = new CliHome(folder);
const run: Runner = (words, env) => home.run(words, env);

const usage = (words: string[], message: RegExp): Refusal => ({ words, exit: 2, code: "usage", message });

test("without --json an error is a line on stderr and stdout is empty", async () => {
  const ran = await home.run(["org", "creat"]);
  assert.deepEqual([ran.code, ran.stdout], [2, ""]);
  assert.match(ran.stderr, /^aliquot: [^\n]+\n$/);
});

test("malformed settings are named all at once, never by value", async () => {
  const env = {
    DB_POOL_SIZE: "many",
    WORKER_SLOTS: "0",
    LOG_LEVEL: "loud",
    XTB_VERSION: "newest",
    ALIQUOT_HOMEE: "/secret/place",
    STORAGE_URL: "ftp://secret",
  };
  const error = await assertRefused(run, { ...usage(["status"], /^settings: /), env });
  assert.deepEqual(error.fields.map(({ path }) => path).sort(), Object.keys(env).sort());
  for (const name of Object.keys(env)) assert.match(error.message, new RegExp(name));
  assert.match(error.message, /ALIQUOT_HOMEE is not a setting; did you mean ALIQUOT_HOME\?/);
  assert.doesNotMatch(error.message, /many|loud|newest|secret/);
  const plain = await home.run(["status"], env);
  assert.match(plain.stderr, /^aliquot: settings: [^\n]+\n$/, "more than one line");
});

test("an unwritable home is said, and nothing is made", async () => {
  const file = home.file("a-file", "x");
  const places: [string, RegExp][] = [
    [join(file, "home"), /can't use the data folder .*a-file\/home \(ENOTDIR\): .*ALIQUOT_HOME/],
    [file, /a-file is not a folder/],
    ...(process.platform === "linux"
      ? [["/sys/aliquot", /can't use the data folder \/sys\/aliquot \(E/] as [string, RegExp]]
      : []),
  ];
  await few(places, async ([path, message]) => {
    for (const words of [["status"], ["org", "create", "lab"]])
      await assertRefused(run, {
        words,
        exit: 5,
        code: "unavailable",
        message,
        env: { ALIQUOT_HOME: path },
      });
  });
});

test("a DATABASE_URL that nobody answers for", async () => {
  const env = { DATABASE_URL: "postgresql://user:hunter2@127.0.0.1:1/x" };
  const message = /^PostgreSQL can't be reached: it is down, or DATABASE_URL is wrong$/;
  await few([["org", "list"], ["xtb", "O", "--wait"], ["migrate", "up"], ["status"]], async (words) => {
    await assertRefused(run, { words, exit: 5, code: "unavailable", message, env });
  });
  const health = await home.json<{ status: string; checks: unknown[] }>(["health"], 5, env);
  assert.equal(health.status, "down");
  assert.equal(health.checks.length, 1);
  const doctor = await home.json<{ items: { name: string; found: boolean; install: string }[] }>(
    ["doctor"],
    0,
    env,
  );
  const item = doctor.items.find(({ name }) => name === "postgresql (DATABASE_URL)");
  assert.deepEqual([item?.found, message.test(item?.install ?? "")], [false, true]);
  assert.doesNotMatch(JSON.stringify(doctor), /hunter2/);
  const remote = { DATABASE_URL: "postgresql://u:hunter2@db.example.org/x" };
  await assertRefused(run, { ...usage(["org", "list"], /sslmode/), env: remote });
});

test("doctor says what is missing and how to get it, and starts nothing", async () => {
  type Item = {
    name: string;
    found: boolean;
    version: string | null;
    path: string | null;
    install: string | null;
  };
  for (const env of [{ XTB_PATH: "/nonexistent/xtb" }, { PATH: "/nonexistent" }]) {
    const { items } = await home.json<{ items: Item[] }>(["doctor"], 0, env);
    const xtb = items.find(({ name }) => name === "xtb");
    assert.ok(xtb);
    assert.deepEqual([xtb.found, xtb.version, xtb.path], [false, null, null]);
    assert.match(
      xtb.install ?? "",
      /apt-get install xtb.*(\/nonexistent\/xtb can't be run|no xtb on the PATH)/,
    );
    for (const item of items)
      assert.deepEqual(Object.keys(item), ["name", "found", "version", "path", "install"]);
    assert.ok(items.some(({ name, found }) => name === "postgresql (embedded, absent)" && found));
  }
});

test("status of a home where nothing ever ran", async () => {
  const status = await home.json<{ home: string; database: { state: string }; processes: unknown[] }>([
    "status",
  ]);
  assert.deepEqual([status.home, status.database.state, status.processes], [home.path, "absent", []]);
});

test("the home is the nearest .aliquot upwards, else one here", async () => {
  const inner = join(folder, "clone", "sub", "deep");
  mkdirSync(inner, { recursive: true });
  const ask = async (cwd: string) => {
    const ran = await start(["status", "--json"], { PATH: "/usr/bin:/bin" }, cwd).ended;
    assert.equal(ran.code, 0, ran.stderr);
    return { home: (oneDocument(ran.stdout) as { home: string }).home, said: ran.stderr };
  };
  const made = join(folder, "clone", ".aliquot");
  assert.deepEqual(await ask(join(folder, "clone")), { home: made, said: `made the data folder ${made}\n` });
  assert.deepEqual(await ask(inner), { home: made, said: "" });
});

test("a reader that leaves, or a full disk, is no stack", async () => {
  const entry = join(ROOT, "bin", "aliquot.js");
  const left = spawn(process.execPath, [entry, "--help"], {
    env: bareEnv(folder),
    stdio: ["ignore", "pipe", "pipe"],
  });
  left.stdout.destroy();
  let said = "";
  left.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  assert.deepEqual(await once(left, "close"), [141, null]);
  assert.equal(said, "");
  if (!existsSync("/dev/full")) return;
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [entry, "--help"], {
    env: bareEnv(folder),
    stdio: ["ignore", full, "pipe"],
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  assert.deepEqual(await once(child, "close"), [1, null]);
  assert.equal(said, "aliquot: can't write to standard output (ENOSPC)\n");
  assertNoStack({ code: 1, stdout: "", stderr: said });
});
