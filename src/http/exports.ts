import type { Page } from "./rows.ts";

/** How far an export got. */
export type Given = { rows: number; complete: boolean };

/**
 * The same pages, told of once: before the last of them is given, or with what was given until then where they break
 * off or nobody wants more. What throws in `tell` breaks them off: nothing ends well that nobody was told of.
 * `failed` hears of what could not be told of pages that had broken off.
 */
export async function* toldOf(
  pages: AsyncIterable<Page>,
  tell: (given: Given) => Promise<void>,
  failed: (error: unknown) => void,
): AsyncGenerator<Page, void> {
  let rows = 0;
  let told = false;
  try {
    for await (const page of pages) {
      const { items, next_cursor } = page;
      const isLast = typeof next_cursor !== "string";
      if (isLast) {
        told = true;
        await tell({ rows: rows + items.length, complete: true });
      }
      rows += items.length;
      yield page;
    }
  } finally {
    if (!told) await tell({ rows, complete: false }).catch(failed);
  }
}
