import type { Cleaner } from "../../support/context.ts";

/** Cleans up in the reverse order of the making: processes end before the database that they use goes. */
export function tidy(t: Cleaner): Cleaner {
  const cleaners: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const clean of cleaners.reverse()) await clean();
  });
  return { after: (clean) => void cleaners.push(clean) };
}
