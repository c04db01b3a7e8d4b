import { readdirSync, readFileSync } from "node:fs";

/** One number beside its baseline, both of the same run. `ratio` is value ÷ baseline. */
export type Item = {
  name: string;
  value: number;
  unit: string;
  baseline: number | null;
  ratio: number | null;
  /** In words, such as `≤ 2.5`; null where the number is only reported. */
  goal: string | null;
  pass: boolean | null;
};

export type How = {
  /** Fewer and smaller runs: a look, not a verdict. */
  quick: boolean;
  /** The forms that take many minutes, too. */
  long: boolean;
  /** Progress, a line each. */
  say: (line: string) => void;
};

export type Benchmark = { name: string; about: string; run(how: How): Promise<Item[]> };

/** `at most` or `at least` a limit, held against the value itself or against the ratio to its baseline. */
export type Goal = { of: "value" | "ratio"; most?: number; least?: number; text?: string };

/** A number with its baseline and what was aimed at, rounded for people. */
export function item(
  name: string,
  unit: string,
  value: number,
  baseline: number | null = null,
  goal?: Goal,
): Item {
  const ratio = baseline === null ? null : value / baseline;
  const rounded = { value: round(value), baseline: roundOr(baseline), ratio: roundOr(ratio) };
  if (goal === undefined) return { name, unit, ...rounded, goal: null, pass: null };
  const held = goal.of === "value" ? value : (ratio ?? Number.NaN);
  const pass = held <= (goal.most ?? Infinity) && held >= (goal.least ?? -Infinity);
  const text = goal.text ?? (goal.most === undefined ? `≥ ${goal.least}` : `≤ ${goal.most}`);
  return { name, unit, ...rounded, goal: goal.of === "ratio" ? `${text} ×` : `${text} ${unit}`, pass };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function roundOr(value: number | null): number | null {
  return value === null ? null : round(value);
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[sorted.length % 2 === 0 ? middle - 1 : middle],
    sorted[middle],
  ];
  return (low + high) / 2;
}

/** The value below which `share` of all lie, such as 0.95. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** A B A B …: the machine is shared, and what disturbs one run should disturb its neighbour too. */
export async function alternate<A, B>(
  rounds: number,
  a: (round: number) => Promise<A>,
  b: (round: number) => Promise<B>,
): Promise<{ a: A[]; b: B[] }> {
  const runs: { a: A[]; b: B[] } = { a: [], b: [] };
  for (let at = 0; at < rounds; at++) {
    runs.a.push(await a(at));
    runs.b.push(await b(at));
  }
  return runs;
}

/** Seconds. `cpu` is the sum of `own` (this process with its threads), `children` that it waited for, and `server`. */
export type Clock = { wall: number; cpu: number; own: number; children: number; server: number };

/** Wall and CPU time of `work`; with that of the server whose first process is given. */
export async function clocked(work: () => Promise<void>, postmaster?: number): Promise<Clock> {
  const read = () => ({
    own: ownCpu(),
    children: ticks("self", ["cutime", "cstime"]),
    server: postmaster === undefined ? 0 : serverCpu(postmaster),
  });
  const [began, before] = [performance.now(), read()];
  await work();
  const [wall, after] = [(performance.now() - began) / 1000, read()];
  const own = after.own - before.own;
  const children = after.children - before.children;
  const server = after.server - before.server;
  return { wall, cpu: own + children + server, own, children, server };
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const TICKS_PER_SECOND = 100;

/** CPU seconds of a server: its first process, all children that ended, and those alive now. */
function serverCpu(postmaster: number): number {
  const alive = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === postmaster);
  const living = alive.map((pid) => ticks(pid, ["utime", "stime"]));
  return (
    ticks(String(postmaster), ["utime", "stime", "cutime", "cstime"]) + living.reduce((a, b) => a + b, 0)
  );
}

const FIELDS = { ppid: 1, utime: 11, stime: 12, cutime: 13, cstime: 14 } as const;

function ticks(pid: string, names: (keyof typeof FIELDS)[]): number {
  const fields = statOf(pid);
  return names.reduce((sum, name) => sum + Number(fields[FIELDS[name]] ?? 0), 0) / TICKS_PER_SECOND;
}

function parentOf(pid: string): number {
  return Number(statOf(pid)[FIELDS.ppid]);
}

/** Fields of proc_pid_stat(5) from the state on; none where the process is gone or there is no /proc. */
function statOf(pid: string): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
