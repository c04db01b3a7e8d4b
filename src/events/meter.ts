import type { NewEvent } from "./log.ts";

type Window = { since: number; counts: Map<string, number>; stages: Map<string, number[]> };

const EVERY_MS = 60_000;
/** Times kept of a stage in one window: a median of so many is as good as one of all. */
const KEPT = 1000;

/**
 * What a loop did in an organization, summed up once a minute as one `performance_metric`: counts, and median and
 * largest time of each stage. It is written in a transaction that is open anyway; what was not written when the
 * process ends is forgotten.
 */
export class Meter {
  readonly #service: string;
  readonly #everyMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(service: string, everyMs = EVERY_MS) {
    this.#service = service;
    this.#everyMs = everyMs;
  }

  /** Adds to what was counted, and a time to each stage. */
  add(orgId: string, counts: Record<string, number>, stages: Record<string, number> = {}): void {
    const window = this.#windows.get(orgId) ?? {
      since: performance.now(),
      counts: new Map(),
      stages: new Map(),
    };
    this.#windows.set(orgId, window);
    for (const [name, count] of Object.entries(counts))
      window.counts.set(name, (window.counts.get(name) ?? 0) + count);
    for (const [name, ms] of Object.entries(stages)) {
      const times = window.stages.get(name) ?? [];
      if (times.length < KEPT) times.push(ms);
      else times[Math.floor(Math.random() * KEPT)] = ms;
      window.stages.set(name, times);
    }
  }

  /** The summary that is due, and begins the next window; nothing while the minute is not over. */
  due(orgId: string): NewEvent[] {
    const window = this.#windows.get(orgId);
    if (window === undefined || performance.now() - window.since < this.#everyMs) return [];
    this.#windows.delete(orgId);
    const stages = [...window.stages].map(([name, times]) => [name, summary(times)] as const);
    return [
      {
        event_type: "performance_metric",
        entity_type: "service",
        entity_id: this.#service,
        service: this.#service,
        duration_ms: Math.round(performance.now() - window.since),
        context: { ...Object.fromEntries(window.counts), stages: Object.fromEntries(stages) },
      },
    ];
  }
}

function summary(times: number[]): { median_ms: number; largest_ms: number; count: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const round = (ms = 0) => Math.round(ms * 100) / 100;
  return {
    median_ms: round(sorted[Math.floor(sorted.length / 2)]),
    largest_ms: round(sorted.at(-1)),
    count: times.length,
  };
}
