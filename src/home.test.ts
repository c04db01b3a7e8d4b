import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AppError } from "./errors.ts";
import { chooseOrg, chosenOrg, openHome } from "./home.ts";

const unavailable = (says: RegExp) => (error: unknown) =>
  error instanceof AppError && error.kind === "unavailable" && says.test(error.message);

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "aliquot-home-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("the home that is given is used, relative to where one stands, and made with one line said", (t) => {
  const cwd = folder(t);
  const said: string[] = [];
  const open = () => openHome({ given: "deep/home", cwd, say: (line) => said.push(line) });
  assert.equal(open(), join(cwd, "deep/home"));
  assert.equal(statSync(join(cwd, "deep/home")).mode & 0o777, 0o700);
  assert.deepEqual(said, [`made the data folder ${join(cwd, "deep/home")}`]);
  open();
  assert.equal(said.length, 1);
});

test("with none given it is the nearest .aliquot upwards, else one that is made here", (t) => {
  const top = folder(t);
  const below = join(top, "a/b");
  mkdirSync(below, { recursive: true });
  mkdirSync(join(top, ".aliquot"));
  const quiet = () => {};
  assert.equal(openHome({ given: undefined, cwd: below, say: quiet }), join(top, ".aliquot"));
  mkdirSync(join(top, "a", ".aliquot"));
  assert.equal(openHome({ given: undefined, cwd: below, say: quiet }), join(top, "a", ".aliquot"));
  const alone = folder(t);
  assert.equal(openHome({ given: undefined, cwd: alone, say: quiet }), join(alone, ".aliquot"));
});

test("a home that is a file, or lies below one, is unavailable, and the message says what to do", (t) => {
  const cwd = folder(t);
  writeFileSync(join(cwd, "file"), "");
  const open = (given: string) => openHome({ given, cwd, say: () => {} });
  assert.throws(() => open("file"), unavailable(/is not a folder/));
  assert.throws(() => open("file/home"), unavailable(/ENOTDIR.*ALIQUOT_HOME/));
});

test("a home that can't be written is unavailable", {
  skip: process.platform !== "linux" && "needs a second user",
}, (t) => {
  const cwd = folder(t);
  chmodSync(cwd, 0o755);
  const home = join(cwd, "home");
  mkdirSync(home);
  chmodSync(home, 0o555);
  const open = () => openHome({ given: home, cwd, say: () => {} });
  if (process.getuid?.() !== 0) return assert.throws(open, unavailable(/EACCES/));
  // Root writes everywhere, so another user has to try.
  const module = JSON.stringify(new URL("./home.ts", import.meta.url).href);
  const script = `const { openHome } = await import(${module});
    try { openHome({ given: ${JSON.stringify(home)}, cwd: "/", say() {} }); console.log("opened"); }
    catch (error) { console.log(error.kind, error.message); }`;
  const how = { uid: 65534, gid: 65534, cwd: "/", encoding: "utf8" } as const;
  const tried = spawnSync(process.execPath, ["--input-type=module", "-e", script], how);
  if (tried.status !== 0) return t.skip("another user can't read this checkout");
  assert.match(tried.stdout, /^unavailable .*EACCES.*ALIQUOT_HOME/);
});

test("the chosen organization is remembered in the home, and none is no error", (t) => {
  const home = folder(t);
  assert.equal(chosenOrg(home), undefined);
  chooseOrg(home, "an-id");
  assert.equal(chosenOrg(home), "an-id");
  writeFileSync(join(home, "org"), "\n");
  assert.equal(chosenOrg(home), undefined);
  assert.ok(existsSync(join(home, "org")));
});
