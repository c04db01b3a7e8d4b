import type { Principal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { type LifeRow, lockOptionalLife } from "./life-store.ts";
import type { OrgPlace } from "./place.ts";
import { selectOptionalPlaceByText } from "./store.ts";

/** Another's organization and a missing one look the same. */
function missing(): AppError {
  return new AppError("not_found", "no such organization");
}

/** An organization that the principal may see, by name, slug or id. Throws AppError not_found. */
export async function findOrg(tx: MetadataTx, principal: Principal, text: string): Promise<OrgPlace> {
  const place = await selectOptionalPlaceByText(tx, text);
  if (place === undefined || !(principal.is_admin || place.org_id === principal.org_id)) throw missing();
  return place;
}

/** The same with its row locked, before its life is changed. Throws AppError not_found. */
export async function lockOrg(tx: MetadataTx, principal: Principal, text: string): Promise<LifeRow> {
  const place = await findOrg(tx, principal, text);
  const row = await lockOptionalLife(tx, place.org_id);
  if (row === undefined || row.status === "deleted") throw missing();
  return row;
}
