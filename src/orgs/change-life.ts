import type { Principal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { OwnTools } from "../operation.ts";
import type { Services } from "../services.ts";
import { lockOrg } from "./find.ts";
import type { LifeRow } from "./life-store.ts";
import type { OrgLife, OrgStatus } from "./schema.ts";

export type LifeCall = { services: Services; principal: Principal; tools: OwnTools };

/** What a change made of an organization; absent: it stood so before. */
export type LifeChange = {
  status: OrgStatus;
  delete_after?: string;
  /** For the audit. */
  metadata?: { [key: string]: string | number };
};

/**
 * Changes the life of an organization in one transaction with its audit, its row locked; a repeated request
 * gets the answer of the first. Nothing is audited where nothing changed.
 */
export async function changeLife(
  call: LifeCall,
  org: string,
  change: (tx: MetadataTx, row: LifeRow) => Promise<LifeChange | undefined>,
): Promise<OrgLife> {
  const { services, principal, tools } = call;
  const answer = await services.metadata.system(async (tx) => {
    const known = await tools.find(tx);
    if (known?.answer != null) return known.answer as OrgLife;
    const row = await lockOrg(tx, principal, org);
    const made = await change(tx, row);
    const { org_id, name, slug } = row;
    const life: OrgLife =
      made === undefined
        ? { org_id, name, slug, status: row.status, delete_after: row.delete_after, changed: false }
        : { org_id, name, slug, status: made.status, delete_after: made.delete_after ?? null, changed: true };
    if (made !== undefined) {
      await tools.audit(tx, {
        entity_type: "organization",
        entity_id: org_id,
        org_id,
        ...(made.metadata === undefined ? {} : { metadata: made.metadata }),
      });
    }
    await tools.keep(tx, life);
    return life;
  });
  // Other processes notice within the seconds that a door remembers a place.
  services.results.forget(answer.org_id);
  services.access.forgetOrganization(answer.org_id);
  return answer;
}
