import { setTimeout as sleep } from "node:timers/promises";
import { jobEvents } from "../jobs/operations.ts";
import { type JobEvent, TERMINAL } from "../jobs/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { eventRow } from "./job-show.ts";
import { streamEvents } from "./job-stream.ts";
import { patiently } from "./wait.ts";

/** What just happened is looked for soon again; where nothing does, less and less often. */
const SOON_MS = 100;
const LATE_MS = 1000;

/**
 * Prints events of jobs as they come and ends when all have ended: with 0 where all completed, else 1; with 130 on
 * Ctrl-C. An API tells them by itself, as far as streams reach us; else they are asked for. A database that goes away
 * for a while is waited for. Throws AppError not_found.
 */
export async function watchJobs(cli: Cli, ids: string[]): Promise<void> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
  const seen = new Map<string, number>();
  using interrupted = onInterrupt(cli.out, "ending");
  const { signal } = interrupted;
  const tell = (event: JobEvent) => {
    cli.out.line(event, (row) => describe(row, wanted.length > 1));
    seen.set(event.job_id, Math.max(event.seq_no, seen.get(event.job_id) ?? 0));
  };
  let streams = cli.isRemote;
  for (let pause = SOON_MS; ; pause = Math.min(LATE_MS, pause * 1.5)) {
    const after = wanted.map((id) => seen.get(id) ?? 0);
    const { jobs, items } = await patiently(cli, () => cli.ask(jobEvents, { job_ids: wanted, after }));
    for (const event of items) tell(event);
    if (items.length > 0) pause = SOON_MS;
    else if (jobs.every(({ status }) => TERMINAL.includes(status))) {
      if (jobs.some(({ status }) => status !== "completed")) throw new ExitWith(1);
      return;
    }
    if (streams) {
      // Once: where they end before the jobs did, the rest is asked for.
      streams = false;
      const open = jobs.filter(({ status }) => !TERMINAL.includes(status)).map(({ job_id }) => job_id);
      await streamEvents(await cli.there(), open, { known: (id) => seen.get(id) ?? 0, tell, signal });
    } else if (items.length === 0) await sleep(pause, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new Interrupted();
  }
}

function describe(event: JobEvent, several: boolean): string {
  const [, ...cells] = eventRow(event);
  return [...(several ? [event.job_id] : []), ...cells].filter((cell) => cell !== null).join("  ");
}
