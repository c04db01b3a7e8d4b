import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureServer } from "../../../src/db/embedded/server.ts";
import type { OwnServer } from "../../support/server.ts";
import type { Hand } from "./crew.ts";
import { dice } from "./dice.ts";
import { PROGRAM } from "./hand-orders.ts";
import { POINTS, type Point } from "./points.ts";
import type { StormPlan } from "./storm.ts";
import type { Crew } from "./storm-crew.ts";

/** Shares of those that are killed at a point, and while a program of theirs runs; the rest at a random moment. */
const AT_POINTS = 0.5;
const IN_PROGRAMS = 0.35;
/** How long one is waited for that does not come to where it is to be killed. */
const PATIENCE_MS = 1500;

export type Killed = {
  /** How often a process was killed, by what it was doing. */
  doing: Map<string, number>;
  /** How many of them had a program running. */
  programs: number;
};

/**
 * Kills as many as planned, two at a time, and says how far it is as a share of them. Returns how often what was killed.
 */
export async function killAll(
  crew: Crew,
  server: OwnServer,
  plan: StormPlan,
  far: (share: number, killed: Killed) => void,
): Promise<Killed> {
  const random = dice(plan.seed);
  const killed: Killed = { doing: new Map(), programs: 0 };
  const count = (what: string) => killed.doing.set(what, (killed.doing.get(what) ?? 0) + 1);
  const every = Math.floor(plan.kills / (plan.server_kills + 1));
  let turn = Math.floor(random() * POINTS.length);
  let [begun, done] = [0, 0];
  const victims = new Set<Hand>();
  const killOne = async () => {
    let hand = crew.pick(random());
    while (victims.has(hand)) hand = crew.pick(random());
    victims.add(hand);
    await hand.ready.catch(() => {});
    const how = random();
    const point = how < AT_POINTS ? POINTS[turn++ % POINTS.length] : undefined;
    const where = how < AT_POINTS + IN_PROGRAMS ? "program" : "anywhere";
    const { what, program } = await kill(hand, point ?? where, random());
    count(what);
    if (program) killed.programs++;
    await crew.replace(hand);
    victims.delete(hand);
  };
  const killer = async () => {
    while (begun++ < plan.kills) {
      await sleep(20 + random() * 150);
      await killOne();
      far(++done / plan.kills, killed);
      if (every === 0 || done % every !== 0 || done / every > plan.server_kills) continue;
      await killServer(server);
      count("PostgreSQL itself");
    }
  };
  await Promise.all([killer(), killer()]);
  return killed;
}

/**
 * Kills a process at a point, while a program of its runs, or wherever it does something; where it does not come to that
 * soon, wherever it is. Says where, and whether a program ran.
 */
async function kill(
  hand: Hand,
  where: Point | "program" | "anywhere",
  chance: number,
): Promise<{ what: string; program: boolean }> {
  const point = where === "program" || where === "anywhere" ? undefined : where;
  if (point !== undefined) hand.tell({ do: "die", at: point, skip: Math.floor(chance * 2) });
  const runs = () => hand.doing().includes(PROGRAM);
  // One that does nothing loses nothing: it is waited for until it has something to do.
  const early = () => {
    if (point !== undefined) return true;
    if (where === "program") return !runs();
    return hand.doing() === "starting" || hand.doing() === "idle or claiming";
  };
  const end = performance.now() + PATIENCE_MS;
  while (hand.alive() && early() && performance.now() < end) await sleep(5);
  // Not always when the program has just begun.
  if (where === "program" && runs()) await sleep(chance * 150);
  const what = point !== undefined && !hand.alive() ? point : hand.doing();
  const program = runs();
  hand.signal("SIGKILL");
  await hand.ended;
  return { what, program };
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
