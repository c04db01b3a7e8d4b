/** Most things of one group, and how long one waits for the group before it. */
const MOST = 100;
const WAIT_MS = 50;
/** Groups at once: one that waits for a lock must not hold up all others. */
const GROUPS = 4;

type Waiting<I, O> = { item: I; settle: PromiseWithResolvers<O> };

/**
 * Does things together that come at the same time, as databases commit: a lone one goes at once, and what comes while
 * it is under way goes together next, after 50 ms or with 100 of them at the latest.
 */
export class Collector<I, O> {
  readonly #work: (items: I[]) => Promise<PromiseSettledResult<O>[]>;
  #waiting: Waiting<I, O>[] = [];
  #groups = 0;
  #begin: NodeJS.Immediate | undefined;
  #late: NodeJS.Timeout | undefined;

  /** `work` gives one end an item, in order. */
  constructor(work: (items: I[]) => Promise<PromiseSettledResult<O>[]>) {
    this.#work = work;
  }

  /** What became of this item. */
  add(item: I): Promise<O> {
    const settle = Promise.withResolvers<O>();
    this.#waiting.push({ item, settle });
    this.#arrange();
    return settle.promise;
  }

  #arrange(): void {
    if (this.#waiting.length === 0 || this.#groups >= GROUPS) return;
    // Not within the same turn: what ends together goes together.
    if (this.#groups === 0 || this.#waiting.length >= MOST) this.#begin ??= setImmediate(() => this.#go());
    else this.#late ??= setTimeout(() => this.#go(), WAIT_MS);
  }

  #go(): void {
    clearTimeout(this.#late);
    clearImmediate(this.#begin);
    this.#late = undefined;
    this.#begin = undefined;
    const group = this.#waiting.splice(0, MOST);
    if (group.length === 0) return;
    this.#groups++;
    void this.#do(group).finally(() => {
      this.#groups--;
      this.#arrange();
    });
    this.#arrange();
  }

  async #do(group: Waiting<I, O>[]): Promise<void> {
    try {
      const ends = await this.#work(group.map(({ item }) => item));
      for (const [index, { settle }] of group.entries()) {
        const end = ends[index];
        if (end?.status === "fulfilled") settle.resolve(end.value);
        else settle.reject(end?.reason ?? new Error("a group lost one of its own"));
      }
    } catch (error) {
      for (const { settle } of group) settle.reject(error);
    }
  }
}

/**
 * Does a whole group at once; where that fails each is tried alone, so that one bad thing fails alone. `isCommon` says
 * of an error that it would meet each of them (the database is away).
 */
export async function together<I, O>(
  items: I[],
  work: (items: I[]) => Promise<O[]>,
  isCommon: (error: unknown) => boolean,
): Promise<PromiseSettledResult<O>[]> {
  try {
    return (await work(items)).map((value) => ({ status: "fulfilled", value }));
  } catch (reason) {
    if (items.length === 1 || isCommon(reason)) return items.map(() => ({ status: "rejected", reason }));
  }
  const ends: PromiseSettledResult<O>[] = [];
  for (const item of items) ends.push(...(await together([item], work, isCommon)));
  return ends;
}
