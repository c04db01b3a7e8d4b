import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { BRANCHES, readMigrations } from "../../src/db/migrations.ts";
import { ROOT } from "../house/sources.ts";

// The registry is not there: nothing is known of the package then, and the test says so.
const OFFLINE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/;
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };

let base: string;
let offline: string | undefined;

type Run = { status: number | null; stdout: string; stderr: string };

/** A program under this Node; npm as it is found on PATH. */
function run(cwd: string, program: string, args: string[]): Run {
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`;
  const env = { ...process.env, PATH, npm_config_update_notifier: "false", npm_config_loglevel: "error" };
  return spawnSync(program, args, { cwd, env, encoding: "utf8", timeout: 180_000 });
}

/** Packs a copy, as building in the checkout would disturb who works there, and installs the tarball. */
before(() => {
  base = mkdtempSync(join(tmpdir(), "aliquot-pack-"));
  const copy = join(base, "checkout");
  const without = new Set(["node_modules", "dist", ".git", ".aliquot", "coverage", "fixtures"]);
  cpSync(ROOT, copy, {
    recursive: true,
    filter: (path) => path === ROOT || !without.has(path.slice(path.lastIndexOf("/") + 1)),
  });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const packed = run(copy, "npm", ["pack", "--pack-destination", base]);
  assert.equal(packed.status, 0, `npm pack: ${packed.stderr}`);
  const empty = join(base, "empty");
  mkdirSync(empty);
  const tarball = join(base, `aliquot-${MANIFEST.version}.tgz`);
  const options = ["--omit=optional", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=0"];
  // Without a prefix npm would install into a folder above that happens to hold a node_modules.
  const installed = run(empty, "npm", ["install", "--prefix", empty, ...options, tarball]);
  if (installed.status !== 0 && OFFLINE.test(installed.stderr)) offline = "the npm registry can't be reached";
  else assert.equal(installed.status, 0, `npm install: ${installed.stderr}`);
});

after(() => rmSync(base, { recursive: true, force: true }));

/** Evaluates code against the installed package's build and returns what it prints. */
function evaluate(code: string): string {
  const result = run(join(base, "empty"), process.execPath, ["--input-type=module", "--eval", code]);
  assert.equal(result.status, 0, result.stderr);
  return result.stdout.trim();
}

const DIST = "./node_modules/aliquot/dist";

test("the installed command says its version", (t) => {
  if (offline !== undefined) return t.skip(offline);
  const said = run(join(base, "empty"), join(base, "empty/node_modules/.bin/aliquot"), ["--version"]);
  assert.equal(said.status, 0, said.stderr);
  assert.equal(said.stdout.trim(), MANIFEST.version);
});

test("the installed package holds what it runs on and nothing else", (t) => {
  if (offline !== undefined) return t.skip(offline);
  const folder = join(base, "empty/node_modules/aliquot");
  const allowed = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "bin",
    "dist",
    "examples",
    "migrations",
    "package.json",
    "scripts",
    "seeds",
  ];
  assert.deepEqual(
    readdirSync(folder).filter((name) => !allowed.includes(name)),
    [],
  );
  assert.deepEqual(readdirSync(join(folder, "examples")), ["1hpv.pdb"]);
  const built = readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" });
  assert.deepEqual(
    built.filter((path) => /\.test\./.test(path)),
    [],
  );
  const foreign = (path: string) => path.endsWith(".d.ts") && !/^client\/|^errors\.d\.ts$/.test(path);
  assert.deepEqual(built.filter(foreign), [], "types that nobody can import");
});

test("the installed client is typed, runs alone, and its types are those of the operations", (t) => {
  if (offline !== undefined) return t.skip(offline);
  const folder = join(base, "empty");
  const [, code = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, "docs/client.md"), "utf8")) ?? [];
  writeFileSync(
    join(folder, "guide.mts"),
    `${code}
// @ts-expect-error it is no state of a job
aliquot.ask("job.list", { status: "nope" });
declare const process: { env: Record<string, string | undefined> };
`,
  );
  const options = {
    module: "nodenext",
    target: "es2024",
    lib: ["es2024", "dom"],
    strict: true,
    noEmit: true,
    types: [],
  };
  const strict = { ...options, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: strict, files: ["guide.mts"] }),
  );
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  const checked = run(folder, tsc, ["-p", folder]);
  assert.equal(checked.status, 0, checked.stdout);
  const alone = evaluate(`
    const { createClient, AppError } = await import("aliquot/client");
    const { code } = await createClient({ url: "http://127.0.0.1:1" }).index().catch((error) => error);
    console.log(code, typeof AppError);`);
  assert.equal(alone, "unavailable function");
  const copy = join(base, "checkout");
  writeFileSync(
    join(copy, "test/same-types.ts"),
    // A list that is cut at run time is narrower in its schema than the compiler knows: inputs may be.
    `import type * as Packed from "../dist/client/types.d.ts";
     import type * as Own from "../src/client/types.ts";
     type Asked<A, B> = A extends { input: infer I } ? (B extends { input: infer J } ? (J extends I ? never : "differ") : "differ") : "differ";
     type Told<A, B> = [Omit<A, "input">, Omit<B, "input">] extends [Omit<B, "input">, Omit<A, "input">] ? never : "differ";
     type Both<A, B> = [Asked<A, B> | Told<A, B>] extends [never] ? never : "differ";
     type Differ<A, B> = {
       [N in keyof A | keyof B]: N extends keyof A & keyof B ? (Both<A[N], B[N]> extends never ? never : N) : N;
     }[keyof A | keyof B];
     export const operations: Record<Differ<Own.Operations, Packed.Operations>, never> = {};
     export const follows: Record<Differ<Own.Follows, Packed.Follows>, never> = {};`,
  );
  const own = { extends: "./tsconfig.json", include: [], files: ["test/same-types.ts"] };
  writeFileSync(join(copy, "tsconfig.same.json"), JSON.stringify(own));
  const same = run(copy, tsc, ["-p", "tsconfig.same.json"]);
  assert.equal(same.status, 0, same.stdout);
});

test("the installed package finds its migrations and seeds", async (t) => {
  if (offline !== undefined) return t.skip(offline);
  for (const branch of BRANCHES) {
    const found = evaluate(`
      const { readMigrations } = await import("${DIST}/db/migrations.js");
      console.log(JSON.stringify((await readMigrations("${branch}")).map((step) => step.checksum)));`);
    assert.deepEqual(
      JSON.parse(found),
      (await readMigrations(branch)).map((step) => step.checksum),
    );
  }
  const seeds = evaluate(`
    const { readSeeds } = await import("${DIST}/seeds/files.js");
    console.log((await readSeeds()).pipeline_templates.length);`);
  assert.ok(Number(seeds) > 0);
});

test("the installed package starts its toolkit threads", (t) => {
  if (offline !== undefined) return t.skip(offline);
  const answer = evaluate(`
    const { openToolkit } = await import("${DIST}/toolkit/toolkit.js");
    await using toolkit = openToolkit();
    const [ethanol] = await toolkit.identify([{ text: "CCO", format: "smiles" }]);
    const conformer = await toolkit.embed("CCO", { seed: 42 });
    console.log(ethanol.species.inchikey, conformer.geometry.elements.length);`);
  assert.equal(answer, "LFQSCWFLJHTTHZ-UHFFFAOYSA-N 9");
});
