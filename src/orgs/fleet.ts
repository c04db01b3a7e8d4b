import type { MetadataDoor } from "../db/metadata.ts";
import type { MigrateOptions } from "../db/migrate.ts";
import type { Direction, Step } from "../db/step.ts";
import { fleetPlaces } from "./fleet-look.ts";
import { FleetNotes } from "./fleet-notes.ts";
import { type FleetResult, type FleetSettings, type FleetStatus, migrateOne } from "./fleet-one.ts";
import { settle } from "./fleet-settle.ts";
import {
  countFleet,
  type FleetFilter,
  type FleetNote,
  type FleetPlace,
  selectOptionalCanary,
  updateFleetPlaces,
} from "./fleet-store.ts";

export type { FleetResult, FleetSettings } from "./fleet-one.ts";

export type FleetOptions = Pick<MigrateOptions, "to" | "steps"> & {
  direction: Direction;
  /** One organization, whatever the directory says of its version. */
  org_id?: string;
  /** Look into every database, also into those that the directory calls current. */
  all?: boolean;
  /** Databases at once (4). */
  concurrency?: number;
  /** Failures that are put up with (5 % of those to do, and at least 3); one more stops the run. */
  max_failures?: number;
  /** Told after each database. */
  report?: (progress: FleetProgress) => void;
  /** Told when another migrator is at a database that is next here. */
  onWait?: (name: string) => void;
  /** Aborted: nothing more is begun, and what is under way ends. */
  signal?: AbortSignal;
  /** Test only: instead of waiting until other processes know that a wave was lowered. */
  settle?: () => Promise<void>;
};

export type FleetProgress = { done: number; total: number; failed: number; result: FleetResult };

/** `canary`: the first one failed. `failures`: more failed than were to be put up with. */
export type FleetStop = "canary" | "failures" | "aborted";

export type FleetReport = {
  /** By id; those that the directory calls current are not among them. */
  items: FleetResult[];
  counts: Record<FleetStatus, number>;
  /** Why the run ended before it had tried all; null where it did not. */
  stopped: FleetStop | null;
};

const CONCURRENCY = 4;
const FAILED_SHARE = 0.05;
const FAILED_LEAST = 3;
/** After the canary; each is over before the next one begins. Failures are counted all the time. */
const WAVES = [4, 16];
/** On the way down a wave waits for its turn as long as it is at work, so there is no last one with all. */
const LOWERED_AT_ONCE = 200;

/**
 * Migrates the databases of organizations: one alone first, then in growing waves, a few at once. One that
 * fails is reported and the others go on, until too many failed. A database's own commit comes first and the
 * directory's copy of its version after it, so a run that was killed is finished by the next one, which
 * takes those that the directory calls behind. Throws AppError unavailable where the directory is away.
 */
export async function migrateFleet(
  metadata: MetadataDoor,
  settings: FleetSettings,
  options: FleetOptions,
): Promise<FleetReport> {
  const run = new FleetRun(metadata, settings, options);
  return run.start();
}

type Places = Iterator<FleetPlace, void> | AsyncIterator<FleetPlace, void>;

class FleetRun {
  readonly #metadata: MetadataDoor;
  readonly #settings: FleetSettings;
  readonly #options: FleetOptions;
  readonly #filter: FleetFilter;
  readonly #notes: FleetNotes;
  readonly #items: FleetResult[] = [];
  readonly #met = new Set<string>();
  readonly #lowered = new Set<string>();
  #total = 0;
  #failed = 0;
  #mostFailed = 0;
  #stopped: FleetStop | null = null;

  constructor(metadata: MetadataDoor, settings: FleetSettings, options: FleetOptions) {
    this.#metadata = metadata;
    this.#settings = settings;
    this.#options = options;
    this.#filter = filterOf(settings, options);
    this.#notes = new FleetNotes(metadata);
  }

  async start(): Promise<FleetReport> {
    this.#total = await this.#metadata.system((tx) => countFleet(tx, this.#filter));
    this.#mostFailed =
      this.#options.max_failures ?? Math.max(FAILED_LEAST, Math.floor(this.#total * FAILED_SHARE));
    try {
      await this.#canary();
      await this.#waves();
    } finally {
      await this.#notes.flush();
    }
    const items = this.#items.toSorted((a, b) => (a.org_id < b.org_id ? -1 : 1));
    const counts = { migrated: 0, current: 0, failed: 0, not_tried: 0 };
    for (const { status } of items) counts[status]++;
    return { items, counts, stopped: this.#stopped };
  }

  /** One alone. A database that can't be reached says nothing of the migration: then another one. */
  async #canary(): Promise<void> {
    while (this.#mayGoOn()) {
      const tried = [...this.#met];
      const place = await this.#metadata.system((tx) => selectOptionalCanary(tx, this.#filter, tried));
      if (place === undefined) return;
      await this.#lower([place]);
      const { status, code } = await this.#take(place);
      if (status !== "failed") return;
      if (code !== "unavailable") this.#stopped ??= "canary";
    }
  }

  async #waves(): Promise<void> {
    const places = fleetPlaces(this.#metadata, this.#filter);
    const rest = this.#isDown ? LOWERED_AT_ONCE : Number.POSITIVE_INFINITY;
    for (let n = 0; ; n++) {
      const size = WAVES[n] ?? rest;
      const more = this.#isDown ? await this.#waveDown(places, size) : await this.#wave(places, size);
      if (!more) return;
    }
  }

  /** On the way down a whole wave is told to the directory first, and then waits once. */
  async #waveDown(places: AsyncGenerator<FleetPlace, void>, size: number): Promise<boolean> {
    const wave: FleetPlace[] = [];
    while (wave.length < size) {
      const next = await places.next();
      if (next.done === true) break;
      if (!this.#met.has(next.value.org_id)) wave.push(next.value);
    }
    if (this.#mayGoOn()) await this.#lower(wave);
    await this.#wave(wave.values(), wave.length);
    return wave.length === size;
  }

  /** Hands that take one place after another; all have ended when this returns. False where there are no more. */
  async #wave(places: Pick<Places, "next">, size: number): Promise<boolean> {
    let left = size;
    const hand = async () => {
      while (left-- > 0) {
        const next = await places.next();
        if (next.done === true) return false;
        if (this.#met.has(next.value.org_id)) left++;
        else if (this.#mayGoOn()) await this.#take(next.value);
        else await this.#leave(next.value);
      }
      return true;
    };
    const hands = Array.from({ length: this.#options.concurrency ?? CONCURRENCY }, () =>
      hand().catch((error: unknown) => {
        this.#stopped ??= "aborted"; // the directory is away: the others end what they are at
        throw error;
      }),
    );
    const ends = await Promise.allSettled(hands);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return ends.every((end) => end.status === "fulfilled" && end.value);
  }

  get #isDown(): boolean {
    return this.#options.direction === "down";
  }

  #mayGoOn(): boolean {
    if (this.#options.signal?.aborted === true) this.#stopped ??= "aborted";
    return this.#stopped === null;
  }

  async #take(place: FleetPlace): Promise<FleetResult> {
    this.#met.add(place.org_id);
    const { direction, to, steps, onWait } = this.#options;
    const { result, note } = await migrateOne(this.#settings, place, {
      direction,
      ...(to === undefined ? {} : { to }),
      ...(steps === undefined ? {} : { steps }),
      ...(onWait === undefined ? {} : { onWait: () => onWait(place.name) }),
    });
    this.#items.push(result);
    if (result.status === "failed") this.#failed++;
    if (this.#failed > this.#mostFailed) this.#stopped ??= "failures";
    // Programs that do not know a breaking step must hear of it now.
    const isBreaking = (step: Step) => this.#settings.migrations[step.version - 1]?.breaking === true;
    await this.#notes.add(note, direction === "up" && result.steps.some(isBreaking));
    this.#options.report?.({
      done: this.#items.length,
      total: this.#total,
      failed: this.#failed,
      result,
    });
    return result;
  }

  /**
   * On the way down the directory goes first: killed between the two, it says too little, and the next run
   * up looks and mends it. Saying too much, it would send programs to a schema that is gone; so the steps wait
   * until programs have forgotten what it said before.
   */
  async #lower(places: FleetPlace[]): Promise<void> {
    if (!this.#isDown) return;
    const { to, steps, signal } = this.#options;
    const notes: FleetNote[] = [];
    for (const { org_id, schema_version, breaking_version } of places) {
      const target = Math.max(0, to ?? schema_version - (steps ?? 1));
      if (target >= schema_version) continue;
      const breaking = Math.min(breaking_version, target);
      notes.push({ org_id, schema_version: target, breaking_version: breaking, last_error: null });
      this.#lowered.add(org_id);
    }
    if (notes.length === 0) return;
    await this.#metadata.system((tx) => updateFleetPlaces(tx, notes));
    const { pooled = false } = this.#settings;
    const wait =
      this.#options.settle ?? (() => settle(this.#metadata, { pooled, ...(signal && { signal }) }));
    await wait();
  }

  /** Not tried: what was lowered for it is put back. */
  async #leave({ org_id, name, database_name, schema_version, breaking_version }: FleetPlace): Promise<void> {
    if (this.#lowered.has(org_id))
      await this.#notes.add({ org_id, schema_version, breaking_version, last_error: null });
    this.#items.push({ org_id, name, database_name, status: "not_tried", steps: [] });
  }
}

function filterOf(settings: FleetSettings, options: FleetOptions): FleetFilter {
  const { direction, to, org_id, all } = options;
  if (org_id !== undefined) return { org_id };
  if (all === true) return {};
  return direction === "up" ? { below: to ?? settings.migrations.length } : { above: to ?? 0 };
}
