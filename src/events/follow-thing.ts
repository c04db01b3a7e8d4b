import type { OrgPrincipal } from "../access/principal.ts";
import type { FollowCall, Followed } from "../operation.ts";
import type { Marks } from "./pulse.ts";

/** What a look at a thing found for who follows it. */
export type Seen<T> = {
  /** What is new of it: one page. */
  told: Followed<T>[];
  /** There is another page already. */
  more: boolean;
  /** How it stands by this look, as `marks` says it. */
  mark: string;
  /** All is told, and nothing more can come. */
  over: boolean;
};

/** Whether the follower may still hear is not asked anew for each of what is told at once. */
const SURE_MS = 100;

/**
 * Tells of a thing as `read` finds it, and reads again when it changed. Before each read, and before what is told
 * later, the follower is asked for again; `looked` hears of each. It holds one page at most, however slowly it is
 * listened to, and ends with the signal. Throws what `read` and `again` do.
 */
export async function* followThing<T>(
  { services, signal, again, principal, looked }: FollowCall,
  { id, marks, read }: { id: string; marks: Marks; read: (who: OrgPrincipal) => Promise<Seen<T>> },
): AsyncGenerator<Followed<T>, void> {
  using watch = services.pulse.watch(principal.org_id, marks, id, signal);
  let sure = Number.NEGATIVE_INFINITY;
  let who = principal;
  const ask = async () => {
    if (performance.now() - sure < SURE_MS) return;
    who = await again();
    sure = performance.now();
  };
  while (!watch.closed) {
    const before = watch.mark;
    await ask();
    const seen = await watch.read(() => read(who));
    if (seen === undefined) return;
    looked();
    for (const one of seen.told) {
      await ask();
      if (watch.closed) return;
      yield one;
    }
    if (seen.over) return;
    if (seen.more) continue;
    do {
      await watch.looked();
      if (watch.closed) return;
      await ask();
    } while ([before, seen.mark].includes(watch.mark));
  }
}
