import type { Cleaner } from "../../support/context.ts";
import type { OwnServer } from "../../support/server.ts";
import type { Lab } from "../../support/worker.ts";
import { type Hand, startHand } from "./crew.ts";
import type { StormPlan } from "./storm.ts";

const LEASE_SECONDS = 2;
const SPARES = 2;

export type Crew = {
  /** One that works, by a number from 0 to 1. */
  pick(at: number): Hand;
  /** Brings in another one for one that is gone. */
  replace(hand: Hand): Promise<void>;
  /** Nobody dies any more, who was told to die and did not come to it is replaced. */
  calm(): Promise<void>;
  end(): Promise<void>;
};

/** The workers of a storm, and those that take the places of the dead. */
export async function gather(
  t: Cleaner,
  { context }: Lab,
  server: OwnServer,
  plan: StormPlan,
): Promise<Crew> {
  const options = { server, slots: 2, lease_seconds: LEASE_SECONDS, reconcile_seconds: 1 };
  let closing = false;
  const workers = plan.workers ?? 4;
  const hands: Hand[] = [];
  // Those that take the places of the dead are there before they are needed.
  const spares = Array.from({ length: SPARES }, () => startHand(t, context, options));
  const employ = (hand: Hand) => {
    hand.ready.then(() => hand.tell({ do: "work" })).catch(() => {});
    // Whoever gives up because the database is away is started again, as a supervisor does.
    void hand.ended.then(([, signal]) => {
      if (!closing && signal === null) void replace(hand);
    });
    return hand;
  };
  async function replace(hand: Hand): Promise<void> {
    const place = hands.indexOf(hand);
    if (place < 0 || closing) return;
    spares.push(startHand(t, context, options));
    const fresh = await spares.shift();
    if (fresh === undefined) return;
    if (hands[place] === hand) hands[place] = employ(fresh);
  }
  const first = await Promise.all(Array.from({ length: workers }, () => startHand(t, context, options)));
  hands.push(...first.map(employ));
  await Promise.all(hands.map((hand) => hand.ready));
  return {
    pick: (at) => hands[Math.floor(at * hands.length)] as Hand,
    replace,
    calm: async () => {
      for (const hand of hands.filter((one) => one.alive())) hand.tell({ do: "live" });
    },
    end: async () => {
      closing = true;
      for (const hand of [...hands, ...(await Promise.all(spares))]) hand.tell({ do: "stop" });
      await Promise.all(hands.map((hand) => hand.ended));
    },
  };
}
