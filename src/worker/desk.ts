import { setTimeout as sleep } from "node:timers/promises";
import { isCollision } from "../db/postgres-errors.ts";
import type { ResultsScope } from "../db/results.ts";
import type { EngineAtHand, TaskContext } from "../engines/adapter.ts";
import { toAppError } from "../errors.ts";
import { Meter } from "../events/meter.ts";
import type { Lease } from "../orgs/door.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import { policyOf } from "../result-cache/policy.ts";
import { reserve } from "../result-cache/reserve.ts";
import type { Answer, Ask, CachePolicy } from "../result-cache/schema.ts";
import type { Services } from "../services.ts";
import { loseAbandoned } from "./abandoned.ts";
import { isCommon, isPassing } from "./away.ts";
import { Collector, together } from "./collector.ts";
import { type Finished, recordTasks } from "./record.ts";

/** Pauses before finished runs are written again, in s, the last of them again and again. */
const RECORD_PAUSES = [0.2, 1, 3, 5, 10, 20];
/** How often a transaction is done again at once that met another one. */
const MOST_COLLISIONS = 2;

/** A finished task, and the signal of its lease. */
type Handed = { finished: Finished; signal: AbortSignal };
type Load = { adapter: EngineAtHand["adapter"]; task: TaskContext };

/**
 * Where tasks of one organization meet on their way through its database: what they read, ask and record at the same
 * time goes in one transaction. One for each generation of the database that a worker has claims in.
 */
export class Desk {
  readonly lend: <T>(work: (scope: ResultsScope) => Promise<T>) => Promise<T>;
  readonly meter: Meter;
  /** Recipes that were met in this database. */
  readonly specs = new Map<string, PipelineSpec>();
  readonly #services: Services;
  readonly #lease: Lease;
  readonly #kill: AbortSignal;
  readonly #loads: Collector<Load, unknown>;
  readonly #asks: Collector<Ask, Answer>;
  readonly #records: Collector<Handed, "recorded" | "lost">;

  constructor(services: Services, lease: Lease, meter: Meter, kill: AbortSignal) {
    this.#services = services;
    this.#lease = lease;
    this.#kill = kill;
    this.meter = meter;
    this.lend = (work) => afterCollisions(() => services.results.forLease(lease, work));
    this.#loads = new Collector((items) => together(items, (all) => this.#load(all), isCommon));
    this.#asks = new Collector((items) => together(items, (all) => this.#ask(all), isCommon));
    this.#records = new Collector((items) => together(items, (all) => this.#record(all), isCommon));
  }

  /** What an engine reads of a task's inputs. */
  load(adapter: EngineAtHand["adapter"], task: TaskContext): Promise<unknown> {
    return this.#loads.add({ adapter, task });
  }

  /** Whether a task has to run. Where the organization's settings can't be read it does. */
  ask(ask: Ask): Promise<Answer> {
    return this.#asks.add(ask);
  }

  /** Does what may be done again, until it is done, while the database or the store is away and a lease holds. */
  async patiently<T>(lost: () => boolean, work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (!isPassing(error) || lost()) throw error;
        const pause = RECORD_PAUSES[Math.min(tries, RECORD_PAUSES.length - 1)] ?? 0;
        this.#services.log.warn({ err: toAppError(error).message }, `a result waits ${pause} s to be kept`);
        await this.#pause(pause, lost);
      }
    }
  }

  /** In steps of a second, so that a lease which is lost, or a worker that is to end, ends it. */
  async #pause(seconds: number, lost: () => boolean): Promise<void> {
    const end = performance.now() + seconds * 1000;
    for (let left = seconds * 1000; left > 0 && !lost(); left = end - performance.now()) {
      await sleep(Math.min(left, 1000), undefined, { signal: this.#kill }).catch(() => {});
      if (this.#kill.aborted) return;
    }
  }

  /** Writes a finished task, again and again while the database is away and its lease holds. */
  record(finished: Finished, signal: AbortSignal): Promise<"recorded" | "lost"> {
    return this.#records.add({ finished, signal });
  }

  async #load(items: Load[]): Promise<unknown[]> {
    return this.lend(async (scope) => {
      const loaded: unknown[] = [];
      for (const { adapter, task } of items) loaded.push(await adapter.load(scope, task));
      return loaded;
    });
  }

  async #ask(asks: Ask[]): Promise<Answer[]> {
    const policy = await this.#policy();
    if (policy === null) return asks.map(() => ({ kind: "run" }));
    const ask = () => this.lend(({ tx }) => reserve(tx, asks, policy));
    const answers = await ask();
    return (await this.#freed(answers)) ? ask() : answers;
  }

  /** Whether something that these would wait for turned out to be nobody's. Without the queue it is believed. */
  async #freed(answers: Answer[]): Promise<boolean> {
    const holders = answers.flatMap((answer) =>
      answer.kind === "wait" && answer.holder !== undefined
        ? [{ ...answer.holder, exec_id: answer.exec_id }]
        : [],
    );
    try {
      return await loseAbandoned(this.#services, this.lend, this.#lease.org_id, holders);
    } catch (error) {
      this.#services.log.warn({ err: toAppError(error).message }, "nobody looked who has a running task");
      return false;
    }
  }

  async #record(handed: Handed[]): Promise<("recorded" | "lost")[]> {
    const finished = handed.map((one) => one.finished);
    const policy = await this.#policy();
    const begun = performance.now();
    const lost = () => handed.every(({ signal }) => signal.aborted);
    // Once: what is taken out of the meter goes with whichever try succeeds.
    const metrics = this.meter.due(this.#lease.org_id);
    const ends = await this.patiently(lost, () =>
      this.lend((scope) => recordTasks(scope, finished, { policy, metrics })),
    );
    this.meter.add(this.#lease.org_id, { recorded: finished.length }, { record: performance.now() - begun });
    return ends;
  }

  /** Null while the shared database is away: work goes on without asking, and its results answer nobody for now. */
  async #policy(): Promise<CachePolicy | null> {
    try {
      return await policyOf(this.#services, this.#lease.org_id);
    } catch (error) {
      this.#services.log.warn({ err: toAppError(error).message }, "the result cache is not asked");
      return null;
    }
  }
}

/** A deadlock undoes one of those that met, and is over then. */
async function afterCollisions<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries >= MOST_COLLISIONS || !isCollision(error)) throw error;
    }
  }
}

/** The desks of a worker. */
export class Desks {
  readonly #services: Services;
  readonly #workerId: string;
  readonly #kill: AbortSignal;
  readonly #meter = new Meter("worker");
  readonly #desks = new Map<string, Desk>();

  constructor(services: Services, workerId: string, kill: AbortSignal) {
    this.#services = services;
    this.#workerId = workerId;
    this.#kill = kill;
  }

  of({ org_id, generation }: { org_id: string; generation: number }): Desk {
    const key = `${org_id} ${generation}`;
    const known = this.#desks.get(key);
    if (known !== undefined) return known;
    const lease = { org_id, generation, worker_id: this.#workerId };
    const desk = new Desk(this.#services, lease, this.#meter, this.#kill);
    this.#desks.set(key, desk);
    return desk;
  }
}
