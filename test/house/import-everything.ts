// Run by imports.test.ts in a process of its own: imports the modules named in its arguments one by one and
// prints, as JSON, what each of them opened, read or listened to while it was imported.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { setImmediate as nextTurn } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const SOURCE = pathToFileURL(`${process.cwd()}/src/`).href;
let current = "";
const found: string[] = [];

/** Only what a module of ours does is told; libraries may read what they like. */
function note(what: string): void {
  const caller = (new Error().stack ?? "").split("\n").find((line) => line.includes(SOURCE));
  if (caller !== undefined) found.push(`${current} ${what} (${caller.trim()})`);
}

process.env = new Proxy(process.env, {
  get(env, name, receiver) {
    note(`reads the environment: ${String(name)}`);
    return Reflect.get(env, name, receiver);
  },
  ownKeys(env) {
    note("lists the environment");
    return Reflect.ownKeys(env);
  },
});

const names = [
  "readFileSync",
  "readdirSync",
  "statSync",
  "existsSync",
  "writeFileSync",
  "mkdirSync",
] as const;
for (const name of names) {
  const original = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      note(`calls ${name}`);
      return original(...args);
    },
  });
}
syncBuiltinESMExports();

function listeners(): string {
  return process
    .eventNames()
    .map((name) => `${String(name)} ${process.listenerCount(name)}`)
    .sort()
    .join();
}

// There before anybody imports anything; a library that asks for them opens nothing new.
void [process.stdin, process.stdout, process.stderr];

for (const module of process.argv.slice(2)) {
  current = module;
  const before = { open: process.getActiveResourcesInfo(), listeners: listeners() };
  await import(pathToFileURL(module).href);
  await nextTurn();
  const left = [...before.open];
  for (const resource of process.getActiveResourcesInfo()) {
    const known = left.indexOf(resource);
    if (known >= 0) left.splice(known, 1);
    else found.push(`${module} leaves open: ${resource}`);
  }
  if (listeners() !== before.listeners) found.push(`${module} listens to the process: ${listeners()}`);
}
// What was left open would keep this process alive.
process.stdout.write(JSON.stringify({ modules: process.argv.length - 2, found }), () => process.exit(0));
