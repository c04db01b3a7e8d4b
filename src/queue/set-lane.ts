import { auditEntry } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import { type ListedLane, upsertLane } from "./operators-store.ts";

export type LaneChange = {
  /** Share in the workers, from 0.001 to 1000; 2 gets twice what 1 gets. */
  weight?: number;
  /** Tasks at once; null: no limit. */
  quota?: number | null;
};

/** Sets the share or the quota of one organization's lane for an engine, also before it has had tasks. Returns the lane. */
export async function setLane(
  metadata: MetadataDoor,
  key: { org_id: string; engine: string },
  change: LaneChange,
  userId: string,
): Promise<ListedLane> {
  return metadata.system(async (tx) => {
    // The chain holds text and whole numbers only.
    const { weight, quota } = change;
    const metadata = {
      engine: key.engine,
      ...(weight === undefined ? {} : { weight: String(weight) }),
      ...(quota === undefined ? {} : { quota }),
    };
    const { org_id } = key;
    // The audit before the lane, as the relay takes them: lanes come last everywhere.
    await appendAudit(tx, [
      auditEntry({
        org_id,
        user_id: userId,
        action: "lane.set",
        entity_type: "organization",
        entity_id: org_id,
        metadata,
      }),
    ]);
    return upsertLane(tx, key, change);
  });
}
