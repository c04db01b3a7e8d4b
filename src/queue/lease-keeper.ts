import { toAppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { type Claim, claimKey, renewLeases } from "./claims-store.ts";

/** Also says that the worker lives, which others believe for ALIVE_SECONDS. */
const MOST_MS = 10_000;

/** What a worker hears at its heartbeats, perhaps often. */
export type Heard = {
  /** Somebody told it to take no more. */
  draining?: () => void;
  /** Nobody knows it: its row is gone, as after a long silence, and it may announce itself again. */
  forgotten?: () => Promise<void>;
};

/**
 * Keeps the leases of a worker alive: one statement for all of them, three times a lease or more. A lease that
 * is not renewed because the row says otherwise is lost, and its run is stopped; while the metadata
 * database can't be reached runs go on, and the fence decides in the end.
 */
export class LeaseKeeper {
  readonly #services: Services;
  readonly #worker: { worker_id: string; lease_seconds: number };
  readonly #kill: AbortSignal;
  readonly #heard: Heard;
  readonly #held = new Map<string, { claim: Claim; lost: AbortController }>();
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #left = false;

  constructor(
    services: Services,
    worker: { worker_id: string; lease_seconds: number },
    kill: AbortSignal,
    heard: Heard = {},
  ) {
    this.#services = services;
    this.#worker = worker;
    this.#kill = kill;
    this.#heard = heard;
    const every = Math.min(MOST_MS, (worker.lease_seconds * 1000) / 3);
    this.#timer = setInterval(() => void this.#renew(), every);
  }

  /** From now on the claim is renewed; the signal aborts when it is lost or the worker is told to die. */
  hold(claim: Claim): AbortSignal {
    const lost = new AbortController();
    this.#held.set(claimKey(claim), { claim, lost });
    return AbortSignal.any([lost.signal, this.#kill]);
  }

  letGo(claim: Claim): void {
    this.#held.delete(claimKey(claim));
  }

  [Symbol.dispose](): void {
    this.#left = true;
    clearInterval(this.#timer);
  }

  async #renew(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    // Only those that were held before the statement began may be found missing by it.
    const asked = [...this.#held.values()];
    try {
      const {
        held: kept,
        draining,
        known,
      } = await renewLeases(
        this.#services.metadata,
        this.#worker,
        asked.map((held) => held.claim),
      );
      if (draining) this.#heard.draining?.();
      for (const { claim, lost } of asked) {
        const key = claimKey(claim);
        if (kept.has(key) || !this.#held.has(key)) continue;
        this.#services.log.warn(
          { job_id: claim.job_id, task: claim.task_name },
          "lease lost: stopping its run",
        );
        lost.abort();
      }
      // One that has left meanwhile is unknown in good order.
      if (!known && !this.#left) await this.#heard.forgotten?.();
    } catch (error) {
      this.#services.log.warn({ err: toAppError(error).message }, "leases could not be renewed: runs go on");
    } finally {
      this.#busy = false;
    }
  }
}
