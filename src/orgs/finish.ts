import { auditEntry } from "../audit/entry.ts";
import { appendAudit, chainHas } from "../audit/store.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { Services } from "../services.ts";
import type { OrgPlace } from "./place.ts";
import { selectPlaces } from "./store.ts";

/**
 * Finishes every organization whose making was cut short, one after the other, and audits its creation, which
 * nobody did who did not come to the end. `failed` is told of each that can't be finished now.
 */
export async function finishProvisioning(
  services: Pick<Services, "metadata" | "provisioner">,
  failed: (place: OrgPlace, error: unknown) => void,
): Promise<void> {
  for (const place of await services.metadata.system(selectPlaces)) {
    if (place.status !== "provisioning") continue;
    await services.provisioner
      .provision(place.org_id, auditCreation)
      .catch((error: unknown) => failed(place, error));
  }
}

/** Done by the machinery: who asked for it is the owner. An adopted one was audited when it was taken in. */
async function auditCreation(tx: MetadataTx, { org_id, slug }: OrgPlace): Promise<void> {
  if (await chainHas(tx, org_id, ["org.create", "org.adopt"])) return;
  await appendAudit(tx, [
    auditEntry({
      org_id,
      action: "org.create",
      entity_type: "organization",
      entity_id: org_id,
      metadata: { slug },
    }),
  ]);
}
