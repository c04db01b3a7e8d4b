// `node bench/bench.ts [--json] [--quick] [--long] [NAME…]`: measures Aliquot, each number beside its baseline in the same run.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { table } from "../src/cli/out.ts";
import type { Benchmark, Item } from "./measure.ts";

/** Loaded only where asked for: one of them must not pay for another's modules. */
const BENCHMARKS: Record<string, () => Promise<{ benchmark: Benchmark }>> = {
  help: () => import("./help.ts"),
  server: () => import("./server.ts"),
  provision: () => import("./provision.ts"),
  fleet: () => import("./fleet.ts"),
  routing: () => import("./routing.ts"),
  import: () => import("./import.ts"),
  submit: () => import("./submit.ts"),
  claim: () => import("./claim.ts"),
  batch: () => import("./batch.ts"),
  noop: () => import("./noop.ts"),
  fair: () => import("./fair.ts"),
  cache: () => import("./cache.ts"),
  memory: () => import("./memory.ts"),
  recording: () => import("./recording.ts"),
  worker: () => import("./worker.ts"),
  prepare: () => import("./prepare.ts"),
  docking: () => import("./docking.ts"),
  http: () => import("./http.ts"),
  streams: () => import("./streams.ts"),
  visibility: () => import("./visibility.ts"),
  token: () => import("./token.ts"),
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, quick: { type: "boolean" }, long: { type: "boolean" } },
});
const say = (line: string) => process.stderr.write(`${line}\n`);
const unknown = positionals.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  say(`no such benchmark: ${unknown.join(", ")} (there are ${Object.keys(BENCHMARKS).join(", ")})`);
  process.exit(2);
}

const items: Item[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) {
  const { benchmark } = await BENCHMARKS[name]!();
  const began = performance.now();
  say(`${name}: ${benchmark.about} (load ${loadavg()[0]?.toFixed(1)})`);
  const how = { quick: flags.quick === true, long: flags.long === true };
  items.push(...(await benchmark.run({ ...how, say: (line) => say(`  ${line}`) })));
  say(`  ${((performance.now() - began) / 1000).toFixed(0)} s`);
}
console.log(flags.json === true ? JSON.stringify({ items }) : asTable(items));
if (items.some((item) => item.pass === false)) process.exitCode = 1;

function asTable(rows: Item[]): string {
  const verdict = ({ pass }: Item) => (pass === null ? "" : pass ? "ok" : "MISSED");
  return table(
    ["", "value", "unit", "baseline", "ratio", "goal", ""],
    rows.map((row) => [row.name, row.value, row.unit, row.baseline, row.ratio, row.goal ?? "", verdict(row)]),
  );
}
