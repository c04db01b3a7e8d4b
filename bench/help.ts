import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { alternate, type Benchmark, item, median } from "./measure.ts";

const ROOT = join(import.meta.dirname, "..");

/** Whole processes, from spawn to exit. */
export const benchmark: Benchmark = {
  name: "help",
  about: "aliquot --help beside node -e 0, whole processes",
  async run({ quick }) {
    const entry = join(ROOT, "bin/aliquot.js");
    const help = async () => seconds([entry, "--help"]);
    const bare = async () => seconds(["-e", "0"]);
    await help(); // fills the compile cache, as any earlier command did
    const { a, b } = await alternate(quick ? 9 : 25, help, bare);
    return [item("--help", "ms", 1000 * median(a), 1000 * median(b), { of: "ratio", most: 2.5 })];
  },
};

function seconds(args: string[]): number {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
  return (performance.now() - began) / 1000;
}
