import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { groupsOf, writeGroups } from "../../scripts/test-groups.ts";

const folder = mkdtempSync(join(tmpdir(), "aliquot-groups-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Says what it does, with a hook of every kind, and waits while it is imported and in its test. */
const talking = (name: string) => `import { after, before, beforeEach, test } from "node:test";
const pause = () => new Promise((resolve) => setTimeout(resolve, 10));
const said = (what) => console.log("${name} " + what);
await pause();
said("import");
before(async () => { await pause(); said("before"); });
beforeEach(() => said("each"));
after(async () => { await pause(); said("after"); });
test("one", async () => { await pause(); said("one"); });
test("two", () => said("two"));
`;

test("files of a group come one after the other, with their own hooks, and a bad one spoils no other", () => {
  const files = [
    file("a.test.mjs", talking("a")),
    file("bad.test.mjs", 'import "./nowhere.mjs";'),
    file("b.test.mjs", talking("b")),
  ];
  const [group = ""] = writeGroups([files], folder);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, ["--test-reporter=spec", group], {
    env,
    encoding: "utf8",
  });
  const steps = ["import", "before", "each", "one", "each", "two", "after"];
  assert.deepEqual(
    stdout.split("\n").filter((line) => /^[ab] /.test(line)),
    ["a", "b"].flatMap((name) => steps.map((step) => `${name} ${step}`)),
  );
  assert.match(stdout, /bad\.test\.mjs\n {2}✖ can be imported/);
  assert.match(stdout, /tests 5\n.*\n.*pass 4\n.*fail 1\n/);
  assert.equal(status, 1);
});

test("every file is in one group, what asks servers before what does not, and who says so is alone", () => {
  const lone = file("lone.test.ts", "// A process of its own: it changes the time zone.\n");
  const asking = file("asking.test.ts", 'import { ask } from "../test/support/server.ts";\n');
  const quick = ["x.test.ts", "y.test.ts"].map((name) => file(name, "\n"));
  assert.deepEqual(groupsOf([asking, lone, ...quick]), [[lone], [asking], quick]);
  const long = ["p.test.ts", "q.test.ts", "r.test.ts"].map((name) => file(name, "/".repeat(20_000)));
  assert.deepEqual(groupsOf(long), [long.slice(0, 2), long.slice(2)]);
});
