import type { Static } from "typebox";
import { inOrganization } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { MOST } from "../limits/most.ts";
import { askerIn, isOwnerRole, refuseGrant } from "./asker.ts";
import { changePeople, ofMember, type PeopleCall } from "./call.ts";
import { addUser, refusingTaken } from "./create-user.ts";
import { findRoles } from "./find.ts";
import { memberOf } from "./member.ts";
import type { Member } from "./member-schema.ts";
import { countServices, insertMember } from "./members-store.ts";
import { serviceEmail, usernameOf } from "./names.ts";
import type { ServiceCreate } from "./schema.ts";

/**
 * Makes a service account in the asker's organization: no password, no address; it acts through keys that are made
 * for it. Throws AppError bad_input, forbidden (a role that gives more than the asker has), not_found, conflict,
 * quota (so many services are there already).
 */
export async function createService(call: PeopleCall, input: ServiceCreate): Promise<Static<typeof Member>> {
  const principal = inOrganization(call.principal);
  const username = usernameOf(input.username);
  const user_id = newId();
  return refusingTaken(username, () =>
    changePeople(call, async (tx) => {
      // Users before organizations, as everybody locks them: two who want one name would wait for each other else.
      const email = serviceEmail(user_id);
      await addUser(tx, {
        user_id,
        username,
        email,
        kind: "service",
        is_admin: false,
        hashed_password: null,
      });
      const asker = await askerIn(tx, principal);
      const roles = await findRoles(tx, asker.org.org_id, input.roles ?? ["service"]);
      refuseGrant(asker, roles);
      refuseOwningService(username, roles);
      const { org_id } = asker.org;
      // The organization is locked: of two at once one is the last.
      if ((await countServices(tx, org_id)) >= MOST.services)
        throw new AppError(
          "quota",
          `an organization has ${MOST.services} service accounts at most: remove one that is not used`,
        );
      const role_ids = roles.map(({ role_id }) => role_id);
      await insertMember(tx, { user_id, org_id, role_ids });
      return {
        answer: await memberOf(tx, org_id, user_id),
        told: [ofMember(org_id, user_id, { kind: "service", role_ids })],
      };
    }),
  );
}

/** Throws AppError conflict: an organization's owner is somebody who can be asked. */
export function refuseOwningService(username: string, roles: { name: string; system: boolean }[]): void {
  if (!roles.some(isOwnerRole)) return;
  throw new AppError("conflict", `${username} is a service: only people own an organization`);
}
