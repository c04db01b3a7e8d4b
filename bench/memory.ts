import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { NODE_FLAGS } from "../src/processes.ts";
import { knowMolecules } from "./known.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, item, median } from "./measure.ts";
import type { Seen } from "./memory-child.ts";

export const benchmark: Benchmark = {
  name: "memory",
  about:
    "a large batch made and worked on by processes of ours: their memory (ARGS=--long for a million items)",
  async run({ quick, long, say }) {
    const items = long ? 1_000_000 : quick ? 20_000 : 50_000;
    await using lab = await openLab();
    await knowMolecules(lab, items);
    say(`${items} molecules are known`);
    const tasks = Math.min(50_000, items / 5);
    const [made, worked] = await Promise.all([child(lab, "create", items), child(lab, "work", tasks)]);
    say(
      `${made.count} items in ${made.seconds.toFixed(0)} s, ${worked.count} tasks in ${worked.seconds.toFixed(0)} s`,
    );
    const name = `a batch of ${items} items`;
    return [
      item(`${name}: peak of both processes`, "MiB", made.peak_mib + worked.peak_mib, null, {
        of: "value",
        most: 512,
      }),
      ...flat(`${name}: making it`, made, long),
      ...flat(`${name}: working on ${worked.count} of its jobs`, worked, long),
    ];
  },
};

/** A process of V8 takes what it may have in its first minutes, whatever it keeps: only the long form has time to be flat. */
function flat(name: string, { samples_mib, kept_mib }: Seen, long: boolean) {
  const quarter = Math.ceil(samples_mib.length / 4);
  const [first, last] = [samples_mib.slice(0, quarter), samples_mib.slice(-quarter)];
  const goal = { of: "ratio", most: 1.1 } as const;
  return [
    item(
      `${name}, resident; last ÷ first quarter`,
      "MiB",
      median(last),
      median(first),
      long ? goal : undefined,
    ),
    item(`${name}, kept; end ÷ first quarter`, "MiB", kept_mib.late, kept_mib.early, goal),
  ];
}

/** A process of its own, as a command and a worker are. Returns what it saw of its memory. */
async function child({ home, principal }: Lab, part: "create" | "work", count: number): Promise<Seen> {
  const program = join(import.meta.dirname, "memory-child.ts");
  const args = [...NODE_FLAGS, "--expose-gc", program, home.path, principal.org_id, part, String(count)];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [code]] = await Promise.all([text(running.stdout), once(running, "exit")]);
  if (code !== 0) throw new Error(`the process that was to ${part} ended with ${code}`);
  return JSON.parse(said) as Seen;
}
