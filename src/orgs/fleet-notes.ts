import type { MetadataDoor } from "../db/metadata.ts";
import { type FleetNote, updateFleetPlaces } from "./fleet-store.ts";

const AT_MOST = 100;
const FLUSH_MS = 250;

/**
 * Takes what a run learned of databases to the directory, many in one statement: after each of their own
 * commits, and soon, because until then organizations look as if they were behind.
 */
export class FleetNotes {
  readonly #metadata: MetadataDoor;
  #waiting: FleetNote[] = [];
  #writing: Promise<void> = Promise.resolve();
  #last = performance.now();

  constructor(metadata: MetadataDoor) {
    this.#metadata = metadata;
  }

  /** Keeps a note; writes where it is time, or at once. Rejects where the directory can't be written. */
  async add(note: FleetNote, atOnce = false): Promise<void> {
    this.#waiting.push(note);
    if (!atOnce && this.#waiting.length < AT_MOST && performance.now() - this.#last < FLUSH_MS) return;
    await this.flush();
  }

  /** Writes what waits, after what is being written. */
  async flush(): Promise<void> {
    this.#last = performance.now();
    const notes = this.#waiting.splice(0);
    if (notes.length === 0) return this.#writing;
    const before = this.#writing;
    const written = before.then(() => this.#metadata.system((tx) => updateFleetPlaces(tx, notes)));
    this.#writing = written.catch(() => {}); // told to whoever flushed it
    await written;
  }
}
