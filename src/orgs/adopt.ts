import type { Principal } from "../access/principal.ts";
import { insertMembership } from "../access/store.ts";
import { type AuditEntry, auditEntry } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import { violates } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { freeSlug, nameOf } from "./create.ts";
import type { Found } from "./discover.ts";
import { updateGeneration } from "./discover-store.ts";
import type { OrgPlace } from "./place.ts";
import { insertOrganization, slugExists } from "./store.ts";

/**
 * Takes a database that no directory row names into the directory again, under its own organization's id and
 * generation: the intent first, then provisioning, which finds the database there, makes or mends its login and
 * grants, and changes nothing in it. The principal becomes its owner. Killed on the way, `org create` with the
 * same name finishes it. Throws AppError bad_input (no name for one), conflict (not an unknown one; the name is
 * taken), unavailable.
 */
export async function adoptDatabase(
  services: Pick<Services, "metadata" | "provisioner" | "results">,
  principal: Principal,
  found: Found,
  called: string = recoveredName(found.org_id ?? ""),
): Promise<OrgPlace> {
  const { org_id, generation, database_name, server_address } = found;
  if (found.status !== "unknown" || org_id === null || generation === null)
    throw new AppError(
      "conflict",
      `database ${database_name} is ${found.status}: only one that no directory row names is adopted`,
    );
  const name = nameOf(called);
  const role_name = found.role_name ?? database_name;
  const intend = () =>
    services.metadata.system(async (tx) => {
      const slug = await freeSlug(name, (candidate) => slugExists(tx, candidate));
      await insertOrganization(tx, { org_id, name, slug, server_address, database_name, role_name });
      await updateGeneration(tx, org_id, generation);
      await insertMembership(tx, { user_id: principal.user_id, org_id, role: "owner" });
      await appendAudit(tx, [adopted(org_id, principal.user_id, database_name)]);
    });
  try {
    await whileSlugIsTaken(intend);
  } catch (error) {
    // Which of its rows is met first is PostgreSQL's choice.
    if (KEYS.some((key) => violates(error, key)))
      throw new AppError(
        "conflict",
        `database ${database_name} says that it is organization ${org_id}, which is in the directory by now: of two copies the one with the higher generation is the later`,
        { cause: error },
      );
    if (!violates(error, "organizations_name_key")) throw error;
    throw new AppError("conflict", `an organization called "${name}" exists already: choose another name`, {
      cause: error,
    });
  }
  const place = await services.provisioner.provision(org_id);
  services.results.forget(org_id);
  return place;
}

const KEYS = ["organizations_pkey", "org_databases_pkey", "org_settings_pkey"];
const TRIES = 6;

/** A free slug may be taken before it is written: then the next one. Throws what else keeps the work from it. */
async function whileSlugIsTaken(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (tries === TRIES || !violates(error, "organizations_slug_key")) throw error;
    }
  }
}

/** The end of an id is drawn; its beginning is a time, which neighbours share. */
function recoveredName(orgId: string): string {
  return `recovered ${orgId.slice(-12)}`;
}

function adopted(org_id: string, user_id: string, database_name: string): AuditEntry {
  return auditEntry({
    org_id,
    user_id,
    action: "org.adopt",
    entity_type: "organization",
    entity_id: org_id,
    metadata: { database_name },
  });
}
