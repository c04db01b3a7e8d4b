// Links node_modules/.bin/node to the Node 24 that came from npm. npm 10 prunes the packages of
// foreign platforms and deletes that link with them, after which everything would silently run
// under the system's Node. Runs under whatever Node npm has (>= 20), so it stays plain JavaScript.
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const modules = join(dirname(dirname(fileURLToPath(import.meta.url))), "node_modules");
const target = join(modules, `node-${process.platform}-${process.arch}`, "bin", "node");
const link = join(modules, ".bin", "node");

function exists(path) {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

if (process.platform !== "win32" && existsSync(target) && !existsSync(link)) {
  if (exists(link)) rmSync(link);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(relative(dirname(link), target), link);
}
