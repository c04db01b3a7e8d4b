import { setTimeout as sleep } from "node:timers/promises";
import { toAppError } from "../../../src/errors.ts";

/** How far a storm is, as a share of its kills. */
export type Progress = {
  at(share: number): void;
  /** Resolves when it is that far. */
  reached(share: number): Promise<void>;
};

export function openProgress(): Progress {
  let far = 0;
  return {
    at: (share) => {
      far = Math.max(far, share);
    },
    reached: async (share) => {
      while (far < share) await sleep(20);
    },
  };
}

/** Asks until there is an answer: whoever heard none asks again. */
export async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!["unavailable", "internal", "timeout"].includes(toAppError(error).kind)) throw error;
      await sleep(100);
    }
  }
}

/** Whether it was done: false where it was refused, because what it is about had another state meanwhile. */
export function unlessConflict(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    (error: unknown) => {
      if (toAppError(error).kind === "conflict") return false;
      throw error;
    },
  );
}
