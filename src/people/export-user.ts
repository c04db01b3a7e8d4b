import { AppError, toAppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { ofUser, type PeopleCall } from "./call.ts";
import type { HeldRows, UserExport } from "./export-schema.ts";
import { type Sought, selectActedIn, selectHeld, selectNames, selectPersonTables } from "./export-store.ts";
import { selectBelongings } from "./members-store.ts";
import { MYSELF, type User } from "./schema.ts";
import { selectOptionalUserByText } from "./users-store.ts";

/**
 * Everything that is held about a person: rows of the shared database that name them, and of each organization's own.
 * An organization whose database can't be read now says why, and the others are told all the same.
 * Throws AppError not_found: nobody but the operator is told of anybody but themselves.
 */
export async function exportUser(call: PeopleCall, input: { user: string }): Promise<UserExport> {
  const { services, principal, tools } = call;
  const read = await services.metadata.system(async (tx) => {
    const text = input.user === MYSELF ? principal.user_id : input.user;
    const user = await selectOptionalUserByText(tx, text);
    const may = user?.user_id === principal.user_id || principal.permissions.has("users:manage");
    if (user === undefined || !may)
      throw new AppError("not_found", `no user whom you may ask for is called "${input.user}"`);
    return {
      user,
      account: await heldBy(tx, soughtOf(user)),
      belongings: await selectBelongings(tx, user.user_id),
      orgs: await selectNames(tx, await selectActedIn(tx, user.user_id)),
    };
  });
  const { user, account, belongings } = read;
  const organizations: UserExport["organizations"] = [];
  for (const org of read.orgs) {
    const belonging = belongings.find(({ org_id }) => org_id === org.org_id);
    organizations.push({
      ...org,
      member: belonging !== undefined,
      roles: belonging?.roles ?? [],
      ...(await heldThere(services, org.org_id, soughtOf(user))),
    });
  }
  await services.metadata.system((tx) =>
    tools.audit(tx, ofUser(user.user_id, { organizations: organizations.length })),
  );
  return { user_id: user.user_id, exported_at: new Date().toISOString(), account, organizations };
}

function soughtOf({ user_id, email }: User): Sought {
  return { user_id, email };
}

async function heldBy(tx: Parameters<typeof selectPersonTables>[0], sought: Sought): Promise<HeldRows[]> {
  const held: HeldRows[] = [];
  for (const table of await selectPersonTables(tx)) held.push(await selectHeld(tx, table, sought));
  return held;
}

async function heldThere(
  { results }: Services,
  orgId: string,
  sought: Sought,
): Promise<{ tables: HeldRows[]; problem: string | null }> {
  try {
    return { tables: await results.forMachinery(orgId, ({ tx }) => heldBy(tx, sought)), problem: null };
  } catch (error) {
    const { kind, message } = toAppError(error);
    // Its fault, and not ours: a database that is away must not keep the rest from who asks for it.
    if (kind === "internal") throw error;
    return { tables: [], problem: message };
  }
}
