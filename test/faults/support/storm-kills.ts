import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureServer } from "../../../src/db/embedded/server.ts";
import type { OwnServer } from "../../support/server.ts";
import type { Hand } from "./crew.ts";
import { dice } from "./dice.ts";
import { POINTS, type Point } from "./points.ts";
import type { StormPlan } from "./storm.ts";
import type { Crew } from "./storm-crew.ts";

/** Share of those that are killed at a point instead of at a random moment, and how long one is waited for there. */
const AT_POINTS = 0.7;
const PATIENCE_MS = 1500;

/** Kills as many as planned, two at a time. Returns how often what was killed. */
export async function killAll(crew: Crew, server: OwnServer, plan: StormPlan): Promise<Map<string, number>> {
  const random = dice(plan.seed);
  const killed = new Map<string, number>();
  const count = (what: string) => killed.set(what, (killed.get(what) ?? 0) + 1);
  const every = Math.floor(plan.kills / (plan.server_kills + 1));
  let turn = Math.floor(random() * POINTS.length);
  let [begun, done] = [0, 0];
  const victims = new Set<Hand>();
  const killOne = async () => {
    let hand = crew.pick(random());
    while (victims.has(hand)) hand = crew.pick(random());
    victims.add(hand);
    await hand.ready.catch(() => {});
    const point = random() < AT_POINTS ? POINTS[turn++ % POINTS.length] : undefined;
    count(await kill(hand, point, Math.floor(random() * 2)));
    await crew.replace(hand);
    victims.delete(hand);
  };
  const killer = async () => {
    while (begun++ < plan.kills) {
      await sleep(20 + random() * 150);
      await killOne();
      done++;
      if (done % 20 === 0) plan.report?.(`${done} killed`);
      if (every === 0 || done % every !== 0 || done / every > plan.server_kills) continue;
      await killServer(server);
      count("PostgreSQL itself");
    }
  };
  await Promise.all([killer(), killer()]);
  return killed;
}

/** Kills a process at the point, or wherever it is; where it does not come to the point soon, there. Says where. */
async function kill(hand: Hand, point: Point | undefined, skip: number): Promise<string> {
  if (point !== undefined) hand.tell({ do: "die", at: point, skip });
  const end = performance.now() + PATIENCE_MS;
  // One that does nothing loses nothing: it is waited for until it has something to do.
  const idle = () =>
    point !== undefined || hand.doing() === "starting" || hand.doing() === "idle or claiming";
  while (hand.alive() && idle() && performance.now() < end) await sleep(5);
  const where = point !== undefined && !hand.alive() ? point : hand.doing();
  hand.signal("SIGKILL");
  await hand.ended;
  return where;
}

/** Kills the server's first process outright, and starts the server again as a restarted machine would. */
async function killServer(server: OwnServer): Promise<void> {
  const lock = await readFile(join(server.base, "home", "postgres", "postmaster.pid"), "utf8").catch(
    () => "",
  );
  const pid = Number(lock.split("\n")[0]);
  if (!(pid > 1)) throw new Error("the test's server can't be found");
  process.kill(pid, "SIGKILL");
  const { started } = await ensureServer(server.options);
  if (!started) throw new Error("the server was not killed");
}
