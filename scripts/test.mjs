// Runs test files that match globs (`!glob` leaves some out) and fails where none match or none ran: the
// runner itself would call both a success. Prints the runner's closing lines last, after the failures and
// a list of what was skipped and why.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { groupsOf, writeGroups } from "./test-groups.ts";

const CLOSING = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;
const SKIPPED = /^\s*﹣ .*? \(\S+ms\) # (.+)$/;
const GROUP = /group-(\d{3})\.test\.mjs/;

const globs = process.argv.slice(2);
const excluded = globs.filter((glob) => glob.startsWith("!")).map((glob) => glob.slice(1));
const files = globSync(
  globs.filter((glob) => !glob.startsWith("!")),
  { exclude: excluded },
).sort();
if (files.length === 0) {
  console.error(`no test file matches ${globs.join(" ")}`);
  process.exit(1);
}

const options = [
  "--test",
  // One more than the two cores that this is measured on: a third of what tests take, they wait.
  "--test-concurrency=3",
  // Of a process; each file in it has half of that.
  "--test-timeout=600000",
  "--test-reporter=spec",
  "--test-global-setup=test/setup.ts",
];
// Each process would strip and compile the same sources: 0.7 s of CPU instead of 0.3.
const compiled = mkdtempSync(join(tmpdir(), "aliquot-compiled-"));
const groups = groupsOf(files);
const runner = spawn(process.execPath, [...options, ...writeGroups(groups, compiled)], {
  stdio: ["ignore", "pipe", "inherit"],
  env: { NODE_COMPILE_CACHE: compiled, ...process.env },
});
// Both get the signal of a terminal; the runner ends first, and its files with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => runner.kill(signal));
const ended = new Promise((resolve) => runner.once("close", (status) => resolve(status ?? 1)));

const closing = [];
const skipped = new Map();
const named = new Set();
for await (const line of createInterface({ input: runner.stdout })) {
  const reason = SKIPPED.exec(line)?.[1];
  if (reason !== undefined) skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  const group = GROUP.exec(line)?.[1];
  if (group !== undefined) named.add(Number(group));
  if (CLOSING.test(line)) closing.push(line);
  else console.log(line);
}
const code = await ended;
rmSync(compiled, { recursive: true, force: true });

for (const group of named) console.log(`group ${group} is ${groups[group - 1]?.join(" ")}`);
for (const [reason, count] of skipped)
  console.log(`skipped ${count}: ${reason.replace(/^SKIP\s*/, "") || "no reason given"}`);
const ran = Number(closing.find((line) => line.startsWith("ℹ tests "))?.split(" ")[2] ?? 0);
if (ran === 0) console.log(`no test ran, though ${files.length} files match`);
for (const line of closing) console.log(line);
process.exitCode = ran === 0 ? 1 : code;
