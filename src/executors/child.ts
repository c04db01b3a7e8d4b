import { type ChildProcessByStdio, type StdioOptions, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { AppError } from "../errors.ts";
import { type Capture, openCapture } from "./capture.ts";
import type { RunOutcome, RunPlan } from "./executor.ts";
import { signalGroup } from "./group.ts";
import { readStatNow } from "./proc.ts";
import { clearFolder } from "./scratch.ts";

/** Beyond this a program is out of hand: xtb writes 25 KiB for water, 0.5 MiB for 200 atoms. */
export const OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024;
const GRACE_MS = 2000;
const SAMPLE_MS = 150;
/** How long pipes may stay open after the program's end before somebody is taken to hold them. */
const DRAIN_MS = 300;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Child = ChildProcessByStdio<null, null, Readable>;
type Ending = { exit_code: number | null; signal: NodeJS.Signals | null };

/**
 * One child from start to end in `folder`, behind the words of the guard. Resolves whatever it did;
 * rejects with AppError `unavailable` (it could not be started) or `crashed` (endless output).
 */
export async function runChild(
  plan: RunPlan,
  folder: string,
  guard: string[],
  signal: AbortSignal,
): Promise<RunOutcome> {
  const started = performance.now();
  if (signal.aborted) return { ...NEVER_STARTED, folder };
  using printed = openCapture(folder);
  const child = start(plan, folder, guard, printed);
  const output = capture(child, printed);
  const cpu = sampleCpu(child, output.check);
  const stops = armStops(child, plan.time_limit_seconds * 1000, signal);
  try {
    const ending = await ended(child, plan.program);
    const wall_seconds = (performance.now() - started) / 1000;
    stops.disarm(); // It ended by itself: a limit that passes while pipes drain is not its fault.
    await drained(child, folder);
    if (output.exceeded()) throw tooTalkative(plan.program);
    const [stdout, stderr] = [output.stdout(), output.stderr()];
    assertStarted(plan.program, guard, ending, stderr);
    const why = { timed_out: stops.timedOut(), aborted: stops.aborted() };
    return { folder, ...ending, ...why, stdout, stderr, wall_seconds, cpu_seconds: cpu.last() };
  } finally {
    stops.disarm();
    cpu.stop();
  }
}

/** The outcome of a run that was aborted before its start. */
export const NEVER_STARTED = {
  exit_code: null,
  signal: null,
  timed_out: false,
  aborted: true,
  stdout: "",
  stderr: "",
  wall_seconds: 0,
  cpu_seconds: null,
};

/** `detached` makes the child lead a group (and session) of its own, so it can be ended with all it forks. */
function start(plan: RunPlan, folder: string, guard: string[], printed: Capture): Child {
  const [program, ...args] = [...guard, plan.program, ...plan.args];
  if (program === undefined) throw new AppError("internal", "a plan without a program");
  try {
    const stdio: StdioOptions = ["ignore", printed.fd, "pipe"];
    // The overloads of spawn don't know a file at this place; the types follow from the line above.
    return spawn(program, args, { cwd: folder, env: plan.env, detached: true, stdio }) as unknown as Child;
  } catch (cause) {
    throw new AppError("unavailable", `${plan.program} can't be started`, { cause });
  }
}

function ended(child: Child, program: string): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new AppError("unavailable", `${program} can't be started: ${cause.message}`, { cause }));
    });
    child.once("exit", (exit_code, signal) => resolve({ exit_code, signal }));
  });
}

/**
 * After the program's end nothing of it may go on: its group is killed. Who left the group but keeps our
 * pipe open is found by its working folder; if even that fails we stop listening.
 */
async function drained(child: Child, folder: string): Promise<void> {
  if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
  const closed = () => child.stderr.closed;
  if (closed() || (await closedWithin(child, DRAIN_MS))) return;
  await clearFolder(folder);
  if (!closed()) await closedWithin(child, DRAIN_MS);
  child.stderr.destroy();
}

function closedWithin(child: Child, limit_ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limit_ms);
    child.once("close", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Standard output on disk and the errors in memory, up to the limit together; then the group is killed. */
function capture(child: Child, printed: Capture) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const exceeded = () => bytes + printed.size() > OUTPUT_LIMIT_BYTES;
  const check = () => {
    if (exceeded() && child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
  };
  child.stderr.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= OUTPUT_LIMIT_BYTES) chunks.push(chunk);
    else check();
  });
  return {
    check,
    exceeded,
    stdout: () => printed.text(OUTPUT_LIMIT_BYTES),
    stderr: () => Buffer.concat(chunks).toString("utf8"),
  };
}

/** The last CPU time seen before the end: at most one sample too low, null for what ended before the first. */
function sampleCpu(child: Child, alsoThen: () => void) {
  let last: number | null = null;
  const { pid } = child;
  const timer = setInterval(() => {
    alsoThen();
    const stat = pid === undefined || child.exitCode !== null ? null : readStatNow(pid);
    if (stat !== null) last = stat.cpu_seconds;
  }, SAMPLE_MS);
  return { last: () => last, stop: () => clearInterval(timer) };
}

/** Time limit: asked to end, then made to. Abort: made to at once, as nobody will read what it wrote. */
function armStops(child: Child, limit_ms: number, signal: AbortSignal) {
  const [state, group] = [{ timed_out: false, aborted: false }, child.pid];
  let grace: NodeJS.Timeout | undefined;
  const expire = () => {
    if (group === undefined) return;
    state.timed_out = true;
    signalGroup(group, "SIGTERM");
    grace = setTimeout(() => signalGroup(group, "SIGKILL"), GRACE_MS);
  };
  const abort = () => {
    state.aborted = true;
    if (group !== undefined) signalGroup(group, "SIGKILL");
  };
  const timer = setTimeout(expire, Math.min(limit_ms, LONGEST_TIMER_MS));
  signal.addEventListener("abort", abort, { once: true });
  const disarm = () => {
    clearTimeout(timer);
    clearTimeout(grace);
    signal.removeEventListener("abort", abort);
  };
  return { disarm, timedOut: () => state.timed_out, aborted: () => state.aborted };
}

/** 126 and 127 with the guard's own words: the kernel refused the program (no interpreter, other machine). */
function assertStarted(program: string, guard: string[], ending: Ending, stderr: string): void {
  if (guard.length === 0 || (ending.exit_code !== 126 && ending.exit_code !== 127)) return;
  const said = /^\S*(?:setpriv|prlimit): .*$/m.exec(stderr)?.[0];
  if (said !== undefined) throw new AppError("unavailable", `${program} can't be started: ${said}`);
}

function tooTalkative(program: string): AppError {
  const limit = OUTPUT_LIMIT_BYTES / 1024 ** 2;
  return new AppError("crashed", `${program} wrote more than ${limit} MiB of output and was ended`);
}
