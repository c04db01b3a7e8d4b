import { AppError, toAppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { ofUser, type PeopleCall } from "./call.ts";
import { type HeldRows, MOST_ROWS, MOST_ROWS_TOGETHER, type UserExport } from "./export-schema.ts";
import {
  type EitherTx,
  type Sought,
  selectActedIn,
  selectHeld,
  selectNames,
  selectPersonTables,
} from "./export-store.ts";
import { selectBelongings } from "./members-store.ts";
import { MYSELF, type User } from "./schema.ts";
import { selectOptionalUserByText } from "./users-store.ts";

/**
 * Everything that is held about a person: rows of the shared database that name them, and of each organization's own.
 * An organization whose database can't be read now says why, and the others are told all the same. Each table is read
 * in a transaction of its own while somebody waits for the answer, and of all together `most` rows are listed; of the
 * others it is told how many they are. Throws AppError not_found: nobody but the operator is told of anybody but
 * themselves.
 */
export async function exportUser(
  call: PeopleCall,
  input: { user: string },
  most = MOST_ROWS_TOGETHER,
): Promise<UserExport> {
  const { services, principal, tools } = call;
  const read = await services.metadata.system(async (tx) => {
    const text = input.user === MYSELF ? principal.user_id : input.user;
    const user = await selectOptionalUserByText(tx, text);
    const may = user?.user_id === principal.user_id || principal.permissions.has("users:manage");
    if (user === undefined || !may)
      throw new AppError("not_found", `no user whom you may ask for is called "${input.user}"`);
    return {
      user,
      belongings: await selectBelongings(tx, user.user_id),
      orgs: await selectNames(tx, await selectActedIn(tx, user.user_id)),
    };
  });
  const { user, belongings } = read;
  const room: Room = { sought: soughtOf(user), left: most, goOn: tools.goOn };
  const account = await heldBy((work) => services.metadata.system(work), room);
  const organizations: UserExport["organizations"] = [];
  for (const org of read.orgs) {
    const belonging = belongings.find(({ org_id }) => org_id === org.org_id);
    organizations.push({
      ...org,
      member: belonging !== undefined,
      roles: belonging?.roles ?? [],
      ...(await heldThere(services, org.org_id, room)),
    });
  }
  await services.metadata.system((tx) =>
    tools.audit(tx, ofUser(user.user_id, { organizations: organizations.length })),
  );
  return { user_id: user.user_id, exported_at: new Date().toISOString(), account, organizations };
}

/**
 * By id, and by an address that is confirmed to be theirs: another is what somebody typed when they joined, and
 * invitations to it are not theirs.
 */
function soughtOf({ user_id, email, email_confirmed }: User): Sought {
  return { user_id, email: email_confirmed ? email : null };
}

/** Who is looked for, how many rows may still be listed, and whether anybody waits for them. */
type Room = { sought: Sought; left: number; goOn: () => void };
/** A short transaction in one of the databases. */
type Read = <T>(work: (tx: EitherTx) => Promise<T>) => Promise<T>;

async function heldBy(read: Read, room: Room): Promise<HeldRows[]> {
  const held: HeldRows[] = [];
  for (const table of await read(selectPersonTables)) {
    room.goOn();
    const rows = await read((tx) => selectHeld(tx, table, room.sought, Math.min(MOST_ROWS, room.left)));
    room.left -= rows.rows.length;
    held.push(rows);
  }
  return held;
}

async function heldThere(
  { results }: Services,
  orgId: string,
  room: Room,
): Promise<{ tables: HeldRows[]; problem: string | null }> {
  try {
    const read: Read = (work) => results.forMachinery(orgId, ({ tx }) => work(tx));
    return { tables: await heldBy(read, room), problem: null };
  } catch (error) {
    room.goOn();
    const { kind, message } = toAppError(error);
    // Its fault, and not ours: a database that is away must not keep the rest from who asks for it.
    if (kind === "internal") throw error;
    return { tables: [], problem: message };
  }
}
