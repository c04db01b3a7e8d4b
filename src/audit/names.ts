import { isUuid } from "../ids.ts";
import type { AuditRow } from "./schema.ts";

/** Particulars that hold ids of roles and people, and kinds of things that are some. */
const PARTICULARS = ["role_id", "role_ids", "given", "taken", "owner_id"];
const KINDS = ["role", "member", "user"];

type Named = Pick<AuditRow, "entity_type" | "entity_id" | "metadata">;

/** Ids of roles and people that a row of the log is about, in small letters. Pure. */
export function idsOf({ entity_type, entity_id, metadata }: Named): string[] {
  const values = PARTICULARS.flatMap((name) => metadata[name]);
  const all = KINDS.includes(entity_type) ? [...values, entity_id] : values;
  return all
    .filter((value) => typeof value === "string" && isUuid(value))
    .map((id) => String(id).toLowerCase());
}

/** Rows with what these are called. Pure. */
export function withNames<R extends Named>(
  rows: R[],
  known: ReadonlyMap<string, string>,
): (R & { names: Record<string, string> })[] {
  return rows.map((row) => {
    const names: Record<string, string> = {};
    for (const id of idsOf(row)) {
      const name = known.get(id);
      if (name !== undefined) names[id] = name;
    }
    return { ...row, names };
  });
}
