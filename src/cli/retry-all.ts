import type { Retried } from "../batches/retry.ts";

type All = Omit<Retried, "next_after">;

/**
 * Calls again until nothing is left or the queue is full. Returns how many run again, whether more may later, and
 * what was left alone.
 */
export async function retryAll(retry: (on: { after?: string }) => Promise<Retried>): Promise<All> {
  let part = await retry({});
  let { retried } = part;
  const { left_out } = part;
  while (part.next_after !== null) {
    part = await retry({ after: part.next_after });
    retried += part.retried;
  }
  return { retried, more: part.more, left_out };
}

const WHY: Record<Retried["left_out"][number]["why"], string> = {
  final: "would fail the same way: --force runs it all the same",
  resting: "of a batch that is paused or cancelled",
  not_yours: "somebody else's",
};

export function describeRetried({ retried, more, left_out }: All): string {
  const rest = more ? "; the queue has no room for more now: say it again when some of them have ended" : "";
  const none = retried === 0 && !more && left_out.length === 0 ? ": nothing failed that could" : "";
  return [
    `${retried} ${retried === 1 ? "job runs" : "jobs run"} again${rest}${none}`,
    ...left_out.map(({ code, count, why }) => `left out: ${count} × ${code} (${WHY[why]})`),
  ].join("\n");
}
