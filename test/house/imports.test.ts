import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Edge, importsOf, isTest, ROOT, readSource, sourceFiles } from "./sources.ts";

const FILES = sourceFiles("src").filter((path) => !isTest(path));
const EDGES = FILES.flatMap((path) => importsOf(path, readSource(path)));

test("importing any module opens nothing, reads nothing and listens to nothing", () => {
  const modules = FILES.filter((path) => path !== "src/main.ts");
  const run = spawnSync(process.execPath, [join(ROOT, "test/house/import-everything.ts"), ...modules], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as { modules: number; found: string[] };
  assert.equal(report.modules, modules.length);
  assert.deepEqual(report.found, []);
});

test("only the entry reads process.env; config.ts alone knows what is in it", () => {
  const readers = FILES.filter((path) =>
    /\bprocess\s*\.\s*env\b|\benv\b[^;\n]*from "(node:)?process"/.test(readSource(path)),
  );
  assert.deepEqual(
    readers.filter((path) => path !== "src/config.ts"),
    ["src/main.ts"],
  );
});

test("every import names a file that exists", () => {
  assert.ok(EDGES.length > FILES.length, "the graph was not read");
  assert.deepEqual(
    EDGES.filter(({ to }) => !existsSync(join(ROOT, to)) && !to.startsWith("src/db/tables/")),
    [],
  );
});

test("no file is left over: each is reached from the entry, a thread's entry or a test", () => {
  // The list of features is an entry too: routes and generated tests are to be made from it.
  const entries = FILES.filter((path) => /^src\/(main|features)\.ts$|-thread\.ts$/.test(path));
  const tests = [...sourceFiles("src").filter(isTest), ...sourceFiles("test"), ...sourceFiles("scripts")];
  const roots = tests.flatMap((path) => importsOf(path, readSource(path)).map((edge) => edge.to));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const edge of EDGES) if (edge.from === path) visit(edge.to);
  };
  for (const path of [...entries, ...roots]) visit(path);
  assert.deepEqual(
    FILES.filter((path) => !reached.has(path)),
    [],
  );
});

/** Door → operation → use case → store → db: the higher may import the lower and its equals. */
function rankOf(path: string): number {
  const name = path.split("/").at(-1) ?? "";
  if (path === "src/main.ts") return 7;
  if (/^src\/(cli|http)\//.test(path)) return 6;
  // The composition root and the loops of a worker, which it wires to the doors.
  if (
    path === "src/context.ts" ||
    path.startsWith("src/worker/") ||
    (path.startsWith("src/relay/") && !name.endsWith("-store.ts"))
  )
    return 5;
  // What it asks, it knows by types alone: see below.
  if (path.startsWith("src/client/")) return 5;
  if (path === "src/perform.ts" || path === "src/features.ts" || name === "operations.ts") return 4;
  if (path.startsWith("src/db/")) return 1;
  if (/(^|-)store\.ts$/.test(name)) return 2;
  return 3;
}
const RANKS = ["", "db", "store", "use case", "operation", "worker or context", "cli or http", "entry"];

/** Modules at the top of `src/` that everybody may use: they know nothing of features. */
const COMMON = [
  "alive",
  "canonical",
  "edit-distance",
  "errors",
  "ids",
  "log",
  "loopback",
  "outbox",
  "paging",
  "secrets",
  "settings",
  "units",
].map((name) => `src/${name}.ts`);

/** Imports against the direction, each with its reason. Types alone; a value here would be a cycle to come. */
const TYPES_AGAINST = new Map([
  ["src/health/checks.ts → src/context.ts", "an operator's check looks at all that is open"],
]);

function show({ from, to }: Edge): string {
  return `${from} → ${to}`;
}

function ranks({ from, to }: Edge): string {
  return `${rankOf(from)} → ${rankOf(to)}`;
}

/** Nouns with their limits and units, and arithmetic on them alone: whoever handles the noun may import them. */
function isNoun(path: string): boolean {
  return /(\/(schema|entry|place|geometry|graph|deal)|-schema)\.ts$/.test(path);
}

test("imports point one way: door → operation → use case → store → db", () => {
  const against = EDGES.filter(
    ({ from, to }) => rankOf(to) > rankOf(from) && !COMMON.includes(to) && !isNoun(to),
  );
  // A store may name the types of the use case that it serves.
  const refused = against.filter(
    (edge) => !(edge.types && (ranks(edge) === "2 → 3" || TYPES_AGAINST.has(show(edge)))),
  );
  assert.deepEqual(
    refused.map((edge) => `${show(edge)} (${RANKS[rankOf(edge.from)]} → ${RANKS[rankOf(edge.to)]})`),
    [],
  );
  for (const known of TYPES_AGAINST.keys())
    assert.ok(
      against.some((edge) => show(edge) === known),
      `${known} is gone: take it off the list`,
    );
});

test("nobody imports the command line but itself and the entry", () => {
  const others = EDGES.filter(({ from, to }) => to.startsWith("src/cli/") && !from.startsWith("src/cli/"));
  assert.deepEqual(others.map(show), ["src/main.ts → src/cli/run.ts"]);
});

test("the client takes nothing of the server along: itself, the table of errors and the parser of streams", () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { from, to, types } of EDGES) if (from === path && !types) visit(to);
  };
  visit("src/client/index.ts");
  assert.ok(reached.has("src/client/client.ts"), "the graph was not read");
  assert.deepEqual(
    [...reached].filter((path) => !/^src\/(client\/|(errors|loopback)\.ts$)/.test(path)),
    [],
  );
  const packages = [...reached].flatMap((path) =>
    [...readSource(path).matchAll(/^(?:import|export) (?!type )[^;"]*?from "([^.][^"]*)";/gm)].map(
      ([, name = ""]) => name,
    ),
  );
  assert.deepEqual([...new Set(packages)].sort(), ["eventsource-parser"]);
});

test("what is inside an engine is its own: others see its words (schema.ts) and its pure rules (check.ts)", () => {
  const inside = EDGES.filter(({ from, to }) => {
    const engine = /^src\/engines\/[^/]+\//.exec(to)?.[0];
    const listed = from === "src/engines/registry.ts" && to === `${engine}adapter.ts`;
    return engine !== undefined && !listed && !from.startsWith(engine) && !/\/(schema|check)\.ts$/.test(to);
  });
  assert.deepEqual(inside.map(show), []);
});

test("one maker of a handle on an organization's database", () => {
  const makers = FILES.filter((path) => /\bresultsKysely\b/.test(readSource(path)));
  assert.deepEqual(makers, ["src/db/results.ts", "src/orgs/door.ts"]);
  const handles = FILES.filter((path) => /\bnew Kysely\b/.test(readSource(path)));
  assert.deepEqual(handles, ["src/db/metadata.ts", "src/db/results.ts"]);
});

test("adapters are chosen in context.ts alone", () => {
  const chosen = EDGES.filter(({ from, to, types }) => !types && to === "src/objects/file.ts" && from !== to);
  assert.deepEqual(chosen.map(show), ["src/context.ts → src/objects/file.ts"]);
});
