import type { Principal } from "../access/principal.ts";
import { insertMembership, selectGrants } from "../access/store.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { violates } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import type { OwnTools } from "../operation.ts";
import type { Services } from "../services.ts";
import { isWords } from "../words.ts";
import type { OrgPlace } from "./place.ts";
import type { Intent } from "./provision.ts";
import type { Org } from "./schema.ts";
import { insertOrganization, selectOptionalPlaceByName, slugExists } from "./store.ts";

/**
 * Makes an organization with its own database. First the intent, in one transaction with the idempotency
 * key, then the database, and only then the row turns active; one that was killed on the way is finished by
 * the same call. Throws AppError bad_input, conflict (the name is taken), unavailable.
 */
export async function createOrg(
  call: { services: Services; principal: Principal; tools: OwnTools },
  input: { name: string },
): Promise<Org> {
  const { services, tools } = call;
  const begun = begin(call, nameOf(input.name));
  const intent = begun.then((outcome) => ("answer" in outcome ? undefined : outcome));
  let kept = false;
  const place = await services.provisioner.provisionIntent(intent, async (tx, made) => {
    await tools.audit(tx, {
      entity_type: "organization",
      entity_id: made.org_id,
      org_id: made.org_id,
      metadata: { slug: made.slug },
    });
    await tools.keep(tx, orgOf(made));
    kept = true;
  });
  const outcome = await begun;
  if ("answer" in outcome) return outcome.answer;
  if (place === undefined) throw new AppError("not_found", "no such organization");
  services.results.forget(place.org_id);
  // Another finished it: the answer is ours to keep all the same.
  if (!kept) await services.metadata.system((tx) => tools.keep(tx, orgOf(place)));
  return orgOf(place);
}

/** One way to write a name; the table counts characters as code points. Throws AppError bad_input. */
export function nameOf(text: string): string {
  const name = text.normalize("NFC");
  const length = [...name].length;
  if (length < 3 || length > 100) throw badName("must have 3 to 100 characters");
  if (name.trim() !== name) throw badName("must not begin or end with a blank");
  if (!isWords(name)) throw badName("must not have control characters or ones that nobody sees");
  return name;
}

function badName(rule: string): AppError {
  return new AppError("bad_input", `name ${rule}`, { fields: [{ path: "/name", rule }] });
}

function taken(name: string, cause?: unknown): AppError {
  return new AppError("conflict", `an organization called "${name}" exists already: choose another name`, {
    cause,
  });
}

type Begun = { answer: Org } | Intent;

const TRIES = 6;

async function begin(call: Parameters<typeof createOrg>[0], name: string): Promise<Begun> {
  for (let tries = 1; ; tries++) {
    try {
      return await call.services.metadata.system((tx) => beginIn(tx, call, name, tries > 1));
    } catch (error) {
      // A name or slug that is there, or came at the same time: looked up then, and not before each.
      const [nameIsTaken, slugIsTaken] = [
        violates(error, "organizations_name_key"),
        violates(error, "organizations_slug_key"),
      ];
      if (!nameIsTaken && !slugIsTaken) throw error;
      if (tries < TRIES) continue;
      throw taken(name, error);
    }
  }
}

/** The answer that was given, the organization to be finished, or a new intent. */
async function beginIn(
  tx: MetadataTx,
  call: Parameters<typeof createOrg>[0],
  name: string,
  look: boolean,
): Promise<Begun> {
  const { services, principal, tools } = call;
  const known = await tools.find(tx);
  if (known?.answer != null) return { answer: known.answer as Org };
  if (known === undefined && !look) return insertIntent(tx, services, principal, name, slugOf(name));
  const there = await selectOptionalPlaceByName(tx, name);
  if (there === undefined) {
    const slug = await freeSlug(name, (candidate) => slugExists(tx, candidate));
    return insertIntent(tx, services, principal, name, slug);
  }
  if (there.status === "provisioning") return there;
  // The same request again, after it was cut short: what it made is its answer, whoever finished it.
  if (known === undefined) throw taken(name);
  const { roles } = await selectGrants(tx, principal.user_id, there.org_id);
  if (!roles.includes("owner")) throw taken(name);
  return there;
}

async function insertIntent(
  tx: MetadataTx,
  services: Services,
  principal: Principal,
  name: string,
  slug: string,
): Promise<Intent> {
  const org_id = newId();
  const place = { org_id, name, ...services.provisioner.placeFor(org_id) };
  await insertOrganization(tx, { ...place, slug });
  await insertMembership(tx, { user_id: principal.user_id, org_id, role: "owner" });
  return place;
}

/** A slug made of a name that is not taken: the second of its kind gets -2. */
export async function freeSlug(name: string, taken: (slug: string) => Promise<boolean>): Promise<string> {
  const base = slugOf(name);
  for (let n = 1; ; n++) {
    const slug = n === 1 ? base : `${base}-${n}`;
    if (!(await taken(slug))) return slug;
  }
}

function slugOf(name: string): string {
  return (
    name
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 90) || "org"
  );
}

export function orgOf(place: OrgPlace): Org {
  const { org_id, name, slug, status, database_name, schema_version } = place;
  return { org_id, name, slug, status: status as Org["status"], database_name, schema_version };
}
