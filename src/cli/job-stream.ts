import type { JobEvent } from "../jobs/schema.ts";
import { type StreamOptions, streamed } from "./stream.ts";
import type { There } from "./there.ts";

/** Each is a connection, and a place of those that a person has. */
const MOST_STREAMS = 10;

export type Streaming = Omit<StreamOptions, "after"> & {
  /** Number of the last event of a job that is known. */
  known: (jobId: string) => number;
  tell: (event: JobEvent) => void | Promise<void>;
};

/**
 * Events of jobs as an API tells them, until all of these jobs have ended, or sooner, as `streamed` does; of too many
 * jobs none. Each is told when the one before was. Rejects with what `tell` throws.
 */
export async function streamEvents(
  there: Pick<There, "follow">,
  ids: string[],
  { known, tell, ...how }: Streaming,
): Promise<void> {
  if (ids.length > MOST_STREAMS) return;
  const one = async (job_id: string) => {
    const last = known(job_id);
    const after = last === 0 ? {} : { after: String(last) };
    for await (const event of streamed(there, "job.follow", { job_id }, { ...how, ...after }))
      await tell(event);
  };
  await Promise.all(ids.map(one));
}
