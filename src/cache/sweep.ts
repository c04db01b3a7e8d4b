const AT_ONCE = 4;

/**
 * Deletes a few of those that ended, going round the map: called once for each that comes, nothing stays for longer
 * than the map takes to be filled again.
 */
export class Sweep<T extends { ends_at: number }> {
  readonly #entries: Map<string, T>;
  readonly #gone: (entry: T) => void;
  #hand: MapIterator<[string, T]> | undefined;

  constructor(entries: Map<string, T>, gone: (entry: T) => void = () => {}) {
    this.#entries = entries;
    this.#gone = gone;
  }

  some(now: number, most = AT_ONCE): void {
    for (let looked = 0; looked < most; looked++) {
      this.#hand ??= this.#entries.entries();
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = undefined;
        return;
      }
      const [key, entry] = next.value;
      if (entry.ends_at > now) continue;
      this.#entries.delete(key);
      this.#gone(entry);
    }
  }

  all(now: number): void {
    this.#hand = undefined;
    this.some(now, this.#entries.size);
    this.#hand = undefined;
  }
}
