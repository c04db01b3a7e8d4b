import { derivePassword, type Secret } from "../secrets.ts";
import type { OrgPlace } from "./place.ts";

type Credential = Pick<OrgPlace, "org_id" | "credential_version">;

/** Password of an organization's login role: derived from the installation's key, stored nowhere. */
export function resultsPassword(secret: Secret, { org_id, credential_version }: Credential): Secret {
  return derivePassword(secret, `results:${org_id}:${credential_version}`);
}

/**
 * The place with the credential after the directory's. A rotation changes the server first and the directory
 * after it, so one that was killed between the two leaves the server exactly one version ahead: whoever is
 * refused with the directory's credential may try this one, and note it where it is let in.
 */
export function withNextCredential(place: OrgPlace): OrgPlace {
  return { ...place, credential_version: place.credential_version + 1 };
}
