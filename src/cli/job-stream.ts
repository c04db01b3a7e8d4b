import type { JobEvent } from "../jobs/schema.ts";
import type { There } from "./there.ts";

/** Each is a connection, and a place of those that a person has. */
const MOST_STREAMS = 10;
/** A proxy that lets no stream through has not let anything through by then. */
const PATIENCE_MS = 5000;
/** An API that is away for longer is waited for by asking, which says so. */
const AWAY_MS = 2000;

export type Streaming = {
  /** Number of the last event of a job that is known. */
  known: (jobId: string) => number;
  tell: (event: JobEvent) => void;
  signal: AbortSignal;
  patience_ms?: number;
};

/**
 * Events of jobs as an API tells them, until all of these jobs have ended. Where they are too many, or streams are
 * refused, cut or kept back, it ends sooner and says nothing of it: whoever asks then for what is not known yet hears the
 * rest, and of what is wrong. Rejects with what `tell` throws.
 */
export async function streamEvents(
  there: Pick<There, "follow">,
  ids: string[],
  streaming: Streaming,
): Promise<void> {
  if (ids.length > MOST_STREAMS) return;
  await Promise.all(ids.map((id) => streamOne(there, id, streaming)));
}

async function streamOne(
  there: Pick<There, "follow">,
  job_id: string,
  { known, tell, signal, patience_ms = PATIENCE_MS }: Streaming,
): Promise<void> {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(), patience_ms);
  const last = known(job_id);
  const events = there.follow(
    "job.follow",
    { job_id },
    {
      ...(last === 0 ? {} : { after: String(last) }),
      signal: AbortSignal.any([signal, silent.signal]),
      away_ms: AWAY_MS,
      heard: () => clearTimeout(timer),
    },
  );
  try {
    for (;;) {
      const next = await events.next().catch(() => undefined);
      if (next === undefined || next.done === true) return;
      tell(next.value.data);
    }
  } finally {
    clearTimeout(timer);
    await events.return();
  }
}
