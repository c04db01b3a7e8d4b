import type { Principal } from "../access/principal.ts";
import { insertMembership } from "../access/store.ts";
import { violates } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import type { OwnTools } from "../operation.ts";
import type { Services } from "../services.ts";
import type { OrgPlace } from "./place.ts";
import type { Org } from "./schema.ts";
import { insertOrganization, selectOptionalPlaceByName, slugExists } from "./store.ts";

/**
 * Makes an organization with its own database. First the intent, then the database, and only then
 * the row turns active; one that was killed on the way is finished by the same call.
 * Throws AppError conflict (the name is taken), unavailable.
 */
export async function createOrg(
  call: { services: Services; principal: Principal; tools: OwnTools },
  input: { name: string },
): Promise<Org> {
  const { services, principal, tools } = call;
  const started = await services.metadata.system(async (tx) => {
    const known = await tools.find(tx);
    if (known?.answer != null) return { answer: known.answer as Org };
    const there = await selectOptionalPlaceByName(tx, input.name);
    // The same request again, after it was cut short: what it made is its answer, whoever finished it.
    const mine = there?.status === "provisioning" || known !== undefined;
    if (there !== undefined && !mine) throw taken(input.name);
    return { org_id: there?.org_id };
  });
  if ("answer" in started) return started.answer;
  const orgId = started.org_id ?? (await request(services, principal, input.name));
  const place = await services.provisioner.provision(orgId, async (tx, made) => {
    await tools.audit(tx, {
      entity_type: "organization",
      entity_id: orgId,
      org_id: orgId,
      metadata: { slug: made.slug },
    });
  });
  services.results.forget(orgId);
  const org = orgOf(place);
  await services.metadata.system((tx) => tools.keep(tx, org));
  return org;
}

function taken(name: string, cause?: unknown): AppError {
  return new AppError("conflict", `an organization called "${name}" exists already: choose another name`, {
    cause,
  });
}

const SLUG_TRIES = 5;

async function request(services: Services, principal: Principal, name: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      return await insertIntent(services, principal, name);
    } catch (error) {
      // Two names with one slug at once: the second looks again and takes the next number.
      if (violates(error, "organizations_slug_key") && tries < SLUG_TRIES) continue;
      if (!violates(error, "organizations_name_key")) throw error;
      throw taken(name, error);
    }
  }
}

async function insertIntent(services: Services, principal: Principal, name: string): Promise<string> {
  const org_id = newId();
  const opaque = `results_${org_id.replaceAll("-", "")}`;
  await services.metadata.system(async (tx) => {
    const slug = await freeSlug(name, (candidate) => slugExists(tx, candidate));
    await insertOrganization(tx, { org_id, name, slug, database_name: opaque, role_name: opaque });
    await insertMembership(tx, { user_id: principal.user_id, org_id, role: "owner" });
  });
  return org_id;
}

async function freeSlug(name: string, taken: (slug: string) => Promise<boolean>): Promise<string> {
  const base =
    name
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 90) || "org";
  for (let n = 1; ; n++) {
    const slug = n === 1 ? base : `${base}-${n}`;
    if (!(await taken(slug))) return slug;
  }
}

export function orgOf(place: OrgPlace): Org {
  const { org_id, name, slug, status, database_name, schema_version } = place;
  return { org_id, name, slug, status: status as Org["status"], database_name, schema_version };
}
