// Runs test files that match globs (`!glob` leaves some out) and fails where none match or none ran: the
// runner itself would call both a success. Prints the runner's closing lines last, after the failures and
// a list of what was skipped and why.
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const CLOSING = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;
const SKIPPED = /^\s*﹣ .*? \(\S+ms\) # (.+)$/;

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
  "--test-concurrency=2",
  "--test-timeout=300000",
  "--test-reporter=spec",
  "--test-global-setup=test/setup.ts",
];
// Each of some two hundred processes would strip and compile the same sources: 0.7 s of CPU instead of 0.3.
const compiled = mkdtempSync(join(tmpdir(), "aliquot-compiled-"));
const runner = spawn(process.execPath, [...options, ...files], {
  stdio: ["ignore", "pipe", "inherit"],
  env: { NODE_COMPILE_CACHE: compiled, ...process.env },
});
// Both get the signal of a terminal; the runner ends first, and its files with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => runner.kill(signal));
const ended = new Promise((resolve) => runner.once("close", (status) => resolve(status ?? 1)));

const closing = [];
const skipped = new Map();
for await (const line of createInterface({ input: runner.stdout })) {
  const reason = SKIPPED.exec(line)?.[1];
  if (reason !== undefined) skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  if (CLOSING.test(line)) closing.push(line);
  else console.log(line);
}
const code = await ended;
rmSync(compiled, { recursive: true, force: true });

for (const [reason, count] of skipped)
  console.log(`skipped ${count}: ${reason.replace(/^SKIP\s*/, "") || "no reason given"}`);
const ran = Number(closing.find((line) => line.startsWith("ℹ tests "))?.split(" ")[2] ?? 0);
if (ran === 0) console.log(`no test ran, though ${files.length} files match`);
for (const line of closing) console.log(line);
process.exitCode = ran === 0 ? 1 : code;
