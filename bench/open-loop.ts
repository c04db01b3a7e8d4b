import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export type OpenLoop = {
  url: string;
  headers: Record<string, string>;
  /** The next JSON body to post. */
  body: () => string;
  rate_per_s: number;
  seconds: number;
  connections: number;
};

export type Arrivals = { latencies_ms: number[]; refused: number };

/**
 * Posts that come as those of many people do: at moments of their own, on average `rate_per_s`, whether or not the
 * ones before are answered. Each one's time counts from when it was due, so that one that waits for a connection, or
 * that this process was late with, counts as long as its asker would have waited (coordinated omission). autocannon's
 * `overallRate` sends what is due in a second at once, all its connections at one moment. The gaps are exponential
 * (Poisson arrivals), drawn from a fixed seed.
 */
export async function openLoop(loop: OpenLoop): Promise<Arrivals> {
  const agent = new Agent({ keepAlive: true, maxSockets: loop.connections });
  const arrivals: Arrivals = { latencies_ms: [], refused: 0 };
  const underWay: Promise<void>[] = [];
  const random = randomFrom(7);
  const started = performance.now();
  for (let due = started; due < started + 1000 * loop.seconds; ) {
    due -= (Math.log(1 - random()) * 1000) / loop.rate_per_s;
    const early = due - performance.now();
    if (early > 1) await sleep(early);
    underWay.push(postOne(loop, agent, due, arrivals));
  }
  await Promise.all(underWay);
  agent.destroy();
  return arrivals;
}

async function postOne(loop: OpenLoop, agent: Agent, due: number, arrivals: Arrivals): Promise<void> {
  const headers = { ...loop.headers, "content-type": "application/json" };
  const asked = request(loop.url, { method: "POST", agent, headers });
  asked.end(loop.body());
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  if ((answer.statusCode ?? 0) >= 300) arrivals.refused++;
  else arrivals.latencies_ms.push(performance.now() - due);
}

/** Numbers in [0, 1) that are the same in each run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
