import type { AddedMolecules, MoleculeRecord } from "../molecules/schema.ts";

const CHUNK = 1000;

type Add = (records: MoleculeRecord[]) => Promise<AddedMolecules>;

/**
 * Adds many records, 1,000 a call, each with its line. Two calls are under way at once: while one is in its
 * transaction the toolkit is at the next, which keeps every core busy. Rejects with the first
 * chunk's error, when no call is under way any more; what was committed before stays.
 */
export async function addInChunks(
  records: MoleculeRecord[],
  add: Add,
  progress: (done: number) => void = () => {},
): Promise<AddedMolecules> {
  const all: AddedMolecules = { items: [], rejected: [] };
  const start = (at: number): Promise<AddedMolecules> | undefined => {
    if (at >= records.length) return undefined;
    const chunk = records.slice(at, at + CHUNK);
    const adding = add(chunk.map((record, index) => ({ line: at + index + 1, ...record })));
    adding.catch(() => {}); // seen when its turn comes
    return adding;
  };
  let ahead = start(0);
  for (let at = 0; ahead !== undefined; at += CHUNK) {
    const current = ahead;
    ahead = start(at + CHUNK);
    try {
      const part = await current;
      all.items.push(...part.items);
      all.rejected.push(...part.rejected);
    } catch (error) {
      await ahead?.catch(() => {});
      throw error;
    }
    progress(Math.min(at + CHUNK, records.length));
  }
  return all;
}
