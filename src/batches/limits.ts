import type { Services } from "../services.ts";
import { selectLimits } from "./limits-store.ts";
import { MOST_ITEMS } from "./schema.ts";

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
