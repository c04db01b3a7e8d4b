import type { Services } from "../services.ts";
import { selectLimits } from "./limits-store.ts";
import { MOST_ITEMS } from "./schema.ts";

/** Jobs of one batch that are open at once: a queue of all would be longer than anybody needs. */
export const WINDOW = 10_000;

export type Limits = {
  /** Whether new work is begun there: a suspended organization finishes what runs. */
  active: boolean;
  /** Items of one batch. */
  batch_items: number;
};

/** What an organization may have at once. */
export async function readLimits({ metadata }: Pick<Services, "metadata">, orgId: string): Promise<Limits> {
  const row = await metadata.system((tx) => selectLimits(tx, orgId));
  const most = row?.quotas["batch_items"];
  return {
    active: row?.status === "active",
    batch_items: typeof most === "number" ? most : MOST_ITEMS,
  };
}

/** Of the places that an organization's tasks may have, so many are no batch's: what is submitted alone finds one. */
const KEPT_FREE = 0.1;

/** Places that the tasks of batches may have, of all that the quota `queued_tasks` gives. */
export function placesForBatches(most: number): number {
  return most - Math.ceil(most * KEPT_FREE);
}
