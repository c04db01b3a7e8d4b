// Builds dist/ before the package is packed: Node strips no types below node_modules, so an installed
// package runs JavaScript. Migrations and seeds are packed as they are and found beside dist/.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
// A file that is no longer in src must not be packed.
rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/.bin/tsc");
// Standard output belongs to npm: `npm pack --json` prints there.
const build = spawnSync(tsc, ["-p", "tsconfig.build.json"], { cwd: root, stdio: ["ignore", 2, 2] });
if (build.error !== undefined) console.error(`can't run ${tsc}: ${build.error.message}; run npm ci first`);
if (build.status !== 0) process.exit(1);
if (!existsSync(join(dist, "main.js"))) {
  console.error("the build made no dist/main.js");
  process.exit(1);
}
// The build runs on Node 24, which npm may have brought beside an older one.
const own = join(root, "node_modules/.bin/node");
const node = existsSync(own) ? own : process.execPath;
const script = join(root, "scripts/client-types.mjs");
const typed = spawnSync(node, [script, join(dist, "features.js"), join(dist, "client/types.d.ts")], {
  stdio: ["ignore", 2, 2],
});
if (typed.status !== 0) process.exit(1);

// Types are for who imports the client, which is all that package.json exports.
const declared = (file, found = new Set()) => {
  if (found.has(file)) return found;
  found.add(file);
  const relative = readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?"(\.[^"]+)\.[jt]s"/g);
  for (const [, path] of relative) declared(join(dirname(file), `${path}.d.ts`), found);
  return found;
};
const needed = declared(join(dist, "client", "index.d.ts"));
for (const name of readdirSync(dist, { recursive: true }))
  if (name.endsWith(".d.ts") && !needed.has(join(dist, name))) rmSync(join(dist, name));
