import type { Principal } from "../access/principal.ts";
import { refuseEnded } from "../access/refuse-ended.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { OwnTools, Told } from "../operation.ts";
import type { Services } from "../services.ts";

export type PeopleCall = { services: Services; principal: Principal; tools: OwnTools };

/** What a change did: the answer, what the audit log is told of it, and whose rights are others now. */
export type Change<T> = {
  answer: T;
  /** Ids and permissions, never names or addresses: its rows are kept for good, and a person may be erased. */
  told: Told[];
  /** Of whom this process must look up anew what they may do; others do so within 10 s. */
  forget?: string[];
};

/**
 * Does a change in one transaction with its audit; a repeated request gets the answer of the first. Nothing told:
 * nothing changed. Throws AppError unauthenticated where the asker's session or key ended.
 */
export async function changePeople<T>(
  { services, principal, tools }: PeopleCall,
  work: (tx: MetadataTx) => Promise<Change<T>>,
): Promise<T> {
  const { answer, forget = [] } = await services.metadata.system(async (tx): Promise<Change<T>> => {
    await refuseEnded(tx, principal);
    const known = await tools.find(tx);
    if (known?.answer != null) return { answer: known.answer as T, told: [] };
    const change = await work(tx);
    for (const told of change.told) await tools.audit(tx, told);
    await tools.keep(tx, change.answer);
    return change;
  });
  for (const userId of forget) services.access.forget(userId);
  return answer;
}

/** A change of a user, told in the installation's own chain. */
export function ofUser(userId: string, metadata?: Told["metadata"]): Told {
  return {
    entity_type: "user",
    entity_id: userId,
    org_id: null,
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** A change of a member, told in the organization's chain. */
export function ofMember(orgId: string, userId: string, metadata?: Told["metadata"]): Told {
  return {
    entity_type: "member",
    entity_id: userId,
    org_id: orgId,
    ...(metadata === undefined ? {} : { metadata }),
  };
}
