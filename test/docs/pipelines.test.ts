import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bareEnv, runHere, WITHOUT_XTB } from "../cli/home.ts";
import { ROOT } from "../house/sources.ts";
import { makeOrg, openTestContext } from "../support/context.ts";
import { databaseUrl, testServer } from "../support/server.ts";

const read = (name: string) => readFileSync(join(ROOT, "docs", name), "utf8");
const guide = read("pipelines.md");
const batches = read("batches.md");
const people = read("people.md");
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
const run = (words: string[], said: string[] = []) =>
  runHere(
    words.map((word) => (/\.(json|smi)$/.test(word) ? join(folder, word) : word)),
    env,
    folder,
    said,
    // Who waits runs the jobs, and needs to know where the programs are.
    words.includes("--wait") ? undefined : context,
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

/** And the records of the other one. */
const [, records = ""] = /```text\n([\s\S]*?)```/.exec(batches) ?? [];
writeFileSync(join(folder, "small.smi"), records);

/** Commands of a guide in order, each with what it prints there. */
const commandsOf = (text: string) =>
  [...text.matchAll(/```console\n([\s\S]*?)```/g)]
    .flatMap(([, block = ""]) => block.split(/^\$ aliquot /m).slice(1))
    .map((part) => {
      const [line = "", ...printed] = part.trimEnd().split("\n");
      const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
      return { line, words, printed: printed.join("\n") };
    });

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Ids, and numbers that a machine and a build decide, are any. */
function masked(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ( to \S+ \S+Z)?/g, "TIME")
    .replace(/after \d+ s/g, "after # s")
    .replace(/ *-?\d+\.\d+/g, " #")
    .replace(/ +$/gm, "");
}

test("every command of the guide to batches prints what the guide says", async (t) => {
  const commands = commandsOf(batches);
  assert.equal(commands.length, 10);
  let made = "";
  for (const { line, words, printed } of commands)
    await t.test(line, async () => {
      // The guide's batch is another one.
      const ran = await run(words.map((word) => (ID.test(word) ? made : word)));
      made ||= /^batch (\S+)/.exec(ran.stdout)?.[1] ?? "";
      assert.equal(masked(ran.stdout.trimEnd()), masked(printed), ran.stderr);
      assert.equal(ran.code, 0, ran.stderr);
    });
});

test("every command of the guide to pipelines prints what the guide says", async (t) => {
  const commands = commandsOf(guide);
  assert.equal(commands.length, 7);
  for (const { line, words, printed } of commands)
    await t.test(line, { skip: words.includes("--wait") && WITHOUT_XTB }, async () => {
      const ran = await run(words);
      assert.equal(masked(ran.stdout.trimEnd()), masked(printed), ran.stderr);
      assert.equal(ran.code, line.includes("broken") ? 1 : 0, ran.stderr);
    });
});

/** What is drawn anew each time: ids, tokens, and names made of an id. */
const DRAWN =
  /schema \d+|results_[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|al[ip]_[\w-]{43}|erased-[0-9a-f]{12}/g;
const PASSWORD = /\w{6}(-\w{6}){3}/g;

test("every command of the guide to people prints what the guide says", async (t) => {
  const commands = commandsOf(people);
  assert.equal(commands.length, 18);
  const drawn = new Map<string, string>();
  const blurred = (text: string) =>
    masked(text.replaceAll(`${folder}/`, "").replace(DRAWN, "DRAWN").replace(PASSWORD, "PASSWORD")).replace(
      / +/g,
      " ",
    );
  for (const { line, words, printed } of commands)
    await t.test(line, async () => {
      const from = words.indexOf("<");
      const token = [...drawn.values()].findLast((one) => one.startsWith("ali_"));
      const said = from < 0 ? [] : [`${token}\na password of zoe's\n`];
      const given = (from < 0 ? words : words.slice(0, from)).map((word) => drawn.get(word) ?? word);
      const ran = await run(given, said);
      const refused = printed.startsWith("aliquot: ");
      const text = (refused ? ran.stderr : ran.stdout).trimEnd();
      for (const [index, word] of [...printed.matchAll(DRAWN)].entries())
        drawn.set(word[0], [...text.matchAll(DRAWN)][index]?.[0] ?? "nothing was drawn");
      assert.equal(blurred(text), blurred(printed), ran.stderr);
      assert.equal(ran.code, refused ? 4 : 0, ran.stderr);
    });
});
