#!/usr/bin/env node
// Runs Aliquot under Node 24: directly where this is one, else by starting the one that npm brought.
// Plain JavaScript that Node 20 can run, and nothing else.
import { existsSync } from "node:fs";
import module, { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));

if (Number(process.versions.node.split(".")[0]) >= 24) {
  const source = join(root, "src", "main.ts");
  // Node refuses to strip types below node_modules, so an installed package runs its build.
  const installed = here.includes(`${sep}node_modules${sep}`) || !existsSync(source);
  // Before the first TypeScript: without it Node loads its type stripper for that one file, 35 ms of 75.
  module.enableCompileCache();
  await import(installed ? "../dist/main.js" : "../src/main.ts");
} else {
  const exe = findNode24();
  if (exe === undefined) {
    process.stderr.write(
      `aliquot: needs Node 24 and this is ${process.version}; run "npm ci" here, or put Node 24 first on PATH\n`,
    );
    process.exit(69);
  }
  const { spawn } = await import("node:child_process");
  const { constants } = await import("node:os");
  // NODE_FLAGS of src/processes.ts.
  const child = spawn(exe, ["--max-semi-space-size=4", ...process.argv.slice(1)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

function findNode24() {
  try {
    return createRequire(here).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}
