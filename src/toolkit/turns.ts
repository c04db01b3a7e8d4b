/** For whom something is asked, and until when: who waits beside many of another gets every second turn. */
export type Turn = {
  /** The organization; absent: one turn that all share who have none. */
  turn?: string | undefined;
  /** What still waits when it aborts is dropped; what a thread works on is not. */
  signal?: AbortSignal | undefined;
};

export type Turns<T> = {
  /** Waits behind others of the same turn. `dropped` hears the signal's reason, where that comes first. */
  add(item: T, turn: Turn, dropped: (reason: unknown) => void): void;
  /** The next one; undefined where none waits. */
  take(): T | undefined;
};

/** A queue that takes one of each turn before the second of any, so that many of one never stand before one of another. */
export function openTurns<T>(): Turns<T> {
  type Waiting = { item: T; taken: () => void };
  // A Map keeps the order in which its keys were put in: the first is whose turn it is.
  const lines = new Map<string, Set<Waiting>>();
  return {
    add(item, { turn = "", signal }, dropped) {
      if (signal?.aborted === true) return dropped(signal.reason);
      const line = lines.get(turn) ?? new Set();
      const drop = () => {
        line.delete(waiting);
        if (line.size === 0 && lines.get(turn) === line) lines.delete(turn);
        dropped(signal?.reason);
      };
      const waiting = { item, taken: () => signal?.removeEventListener("abort", drop) };
      signal?.addEventListener("abort", drop, { once: true });
      lines.set(turn, line.add(waiting));
    },
    take() {
      for (const [turn, line] of lines) {
        lines.delete(turn);
        for (const waiting of line) {
          line.delete(waiting);
          if (line.size > 0) lines.set(turn, line);
          waiting.taken();
          return waiting.item;
        }
      }
      return undefined;
    },
  };
}
