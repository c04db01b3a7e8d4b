/** How long a process believes what it read of settings and of the system's own rows. */
const BELIEVED_MS = 10_000;

type Kept<T> = { answer: Promise<T>; until: number };

/**
 * Answers that are believed for 10 s; who asks at once shares the answer, and one that failed is not kept. Kept by the
 * door that they were read through, so that two contexts of one process believe nothing of each other.
 */
export class Believed<T> {
  readonly #known = new WeakMap<object, Map<string, Kept<T>>>();

  of(door: object, key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(door) ?? new Map<string, Kept<T>>();
    this.#known.set(door, known);
    const kept = known.get(key);
    if (kept !== undefined && kept.until > performance.now()) return kept.answer;
    const mine = { answer: read(), until: performance.now() + BELIEVED_MS };
    known.set(key, mine);
    mine.answer.catch(() => {
      if (known.get(key) === mine) known.delete(key);
    });
    return mine.answer;
  }
}
