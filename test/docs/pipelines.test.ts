import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bareEnv, runHere, WITHOUT_XTB } from "../cli/home.ts";
import { ROOT } from "../house/sources.ts";
import { makeOrg, openTestContext } from "../support/context.ts";
import { databaseUrl, testServer } from "../support/server.ts";

const guide = readFileSync(join(ROOT, "docs", "pipelines.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "aliquot-guide-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const server = await testServer();
const context = await openTestContext({ after });
await makeOrg(context);
const env = {
  ...bareEnv(folder),
  ALIQUOT_HOME: context.home,
  ALIQUOT_SECRET_KEY: server.secret,
  DATABASE_URL: databaseUrl(server.admin, context.database),
};
/** Files are named by their whole path: a command in this process has its folder. */
const run = (words: string[]) =>
  runHere(
    words.map((word) => (word.endsWith(".json") ? join(folder, word) : word)),
    env,
    folder,
  );

/** Files that the guide speaks of: its example, and two made from it as its text says. */
const [, example = ""] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
for (const [name, text] of Object.entries({
  solvate: example,
  next: example.replace('"time_limit_seconds": 600', '"time_limit_seconds": 900'),
  broken: example
    .replace('"after": []', '"after": ["solvate"]')
    .replace('"output": "structure"', '"output": "geometry"'),
}))
  writeFileSync(join(folder, `${name}.json`), text);

/** Commands of the guide in order, each with what it prints there. */
const commands = [...guide.matchAll(/```console\n([\s\S]*?)```/g)]
  .flatMap(([, block = ""]) => block.split(/^\$ aliquot /m).slice(1))
  .map((part) => {
    const [line = "", ...printed] = part.trimEnd().split("\n");
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
    return { line, words, printed: printed.join("\n") };
  });

/** Ids, and numbers that a machine and a build decide, are any. */
function masked(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replace(/ *-?\d+\.\d+/g, " #")
    .replace(/ +$/gm, "");
}

test("every command of the guide to pipelines prints what the guide says", async (t) => {
  assert.equal(commands.length, 7);
  for (const { line, words, printed } of commands)
    await t.test(line, { skip: words.includes("--wait") && WITHOUT_XTB }, async () => {
      const ran = await run(words);
      assert.equal(masked(ran.stdout.trimEnd()), masked(printed), ran.stderr);
      assert.equal(ran.code, line.includes("broken") ? 1 : 0, ran.stderr);
    });
});
