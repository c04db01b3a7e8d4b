import type { OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { followThing, type Seen } from "../events/follow-thing.ts";
import { closed } from "../fields.ts";
import { type FollowCall, follow } from "../operation.ts";
import { markOf, selectJobMarks, selectOptionalFollowed } from "./follow-store.ts";
import { JobEvent, JobId, TERMINAL } from "./schema.ts";

/** Events that are held at once for somebody who may listen slowly. */
const PAGE = 100;

export const followJob = follow({
  name: "job.follow",
  summary: "Events of a job as they happen, until it has ended",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs/{job_id}/stream" },
  input: closed({ job_id: JobId }),
  told_as: JobEvent,
  run: (call, { job_id }) => followEvents(call, job_id.toLowerCase()),
});

/**
 * Events after the one that is known, by number, each once; ends when the job is over and all of it is told. Throws
 * AppError bad_input (`after` is no number), not_found.
 */
function followEvents(call: FollowCall, jobId: string) {
  let last = numberOf(call.after);
  const read = async (who: OrgPrincipal): Promise<Seen<JobEvent>> => {
    const found = await call.services.results.read(who, ({ tx }) =>
      selectOptionalFollowed(tx, jobId, { after: last, limit: PAGE }),
    );
    if (found === undefined) throw new AppError("not_found", "no such job");
    const { items } = found;
    last = items.at(-1)?.seq_no ?? last;
    const more = items.length === PAGE;
    return {
      told: items.map((data) => ({ id: String(data.seq_no), event: "event", data })),
      more,
      mark: markOf(found),
      over: TERMINAL.includes(found.status) && !more,
    };
  };
  return followThing<JobEvent>(call, { id: jobId, marks: selectJobMarks, read });
}

function numberOf(after: string | undefined): number {
  if (after === undefined) return 0;
  if (/^\d{1,9}$/.test(after)) return Number(after);
  throw new AppError("bad_input", "a job is followed after the number of an event that it told");
}
