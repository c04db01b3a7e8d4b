import { enableCompileCache } from "node:module";

// For whoever starts this file without bin/aliquot.js, which has the cache on before it loads this one.
enableCompileCache();

// Loaded after the cache is on, so that the second start of any command is quick.
const { runCli } = await import("./cli/run.ts");

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
});
