import type { Principal } from "../access/principal.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import type { OwnTools } from "../operation.ts";
import type { Services } from "../services.ts";
import type { ResultsDoor } from "./door.ts";
import { findOrg } from "./find.ts";
import type { Provisioner } from "./provision.ts";
import type { OrgCredentials } from "./schema.ts";

/**
 * Gives an organization's login role a new derived password: first the server, then the directory, in one
 * transaction with what `whenNoted` writes. Throws AppError not_found, conflict (it is not in use, or has no
 * login), unavailable.
 */
export async function rotateCredentials(
  context: { metadata: MetadataDoor; provisioner: Provisioner; results: ResultsDoor },
  orgId: string,
  whenNoted?: (tx: MetadataTx, version: number) => Promise<void>,
): Promise<OrgCredentials> {
  const version = await context.provisioner.rotate(orgId, whenNoted);
  context.results.forget(orgId);
  return { org_id: orgId, credential_version: version };
}

/**
 * The same for a person, with its audit; a repeated request gets the answer of the first, unless that was cut
 * short. Throws AppError not_found, conflict, unavailable.
 */
export async function rotateOrg(
  { services, principal, tools }: { services: Services; principal: Principal; tools: OwnTools },
  { org }: { org: string },
): Promise<OrgCredentials> {
  const begun = await services.metadata.system(async (tx) => {
    const known = await tools.find(tx);
    return { answer: known?.answer, place: await findOrg(tx, principal, org) };
  });
  if (begun.answer != null) return begun.answer as OrgCredentials;
  const { org_id } = begun.place;
  return rotateCredentials(services, org_id, async (tx, credential_version) => {
    await tools.audit(tx, {
      entity_type: "organization",
      entity_id: org_id,
      org_id,
      metadata: { credential_version },
    });
    await tools.keep(tx, { org_id, credential_version });
  });
}
