import { require } from "../access/policy.ts";
import type { Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import type { OwnTools } from "../operation.ts";
import { findOrg } from "../orgs/find.ts";
import type { Services } from "../services.ts";
import { verifyChain } from "./chain.ts";
import { selectChains } from "./chain-store.ts";
import { SYSTEM_CHAIN } from "./entry.ts";
import type { VerifiedAudit, VerifiedChain, VerifyAudit } from "./schema.ts";

type VerifyCall = {
  services: Pick<Services, "metadata">;
  principal: Principal;
  tools: Pick<OwnTools, "goOn">;
};

/**
 * Verifies the chain of the asker's organization, of one that is named, or all there are: each in a transaction of its
 * own, and no further than somebody waits for the answer. Who acts in no organization means the installation's own
 * chain. Throws AppError usage (several are asked for), forbidden (all of them, by another than the operator),
 * not_found.
 */
export async function verifyAudit(
  { services: { metadata }, principal, tools: { goOn } }: VerifyCall,
  { org, system = false, all = false }: VerifyAudit,
): Promise<VerifiedAudit> {
  if ([org !== undefined, system, all].filter(Boolean).length > 1)
    throw new AppError("usage", "which chains? Say one of org, system and all");
  if (all) require(principal, "orgs:operate");
  const chains = await metadata.system(async (tx) => {
    if (all) return selectChains(tx, SYSTEM_CHAIN);
    return [org === undefined ? chainOf(principal, system) : (await findOrg(tx, principal, org)).org_id];
  });
  const items: VerifiedChain[] = [];
  for (const chain of chains) {
    const { chain_id, ...report } = await metadata.system((tx) => verifyChain(tx, chain, goOn));
    items.push({ org_id: chain_id === SYSTEM_CHAIN ? null : chain_id, ...report });
  }
  return { ok: items.every(({ first_bad_seq }) => first_bad_seq === null), items };
}

/** The chain of who acts in an organization, or of the installation. Throws AppError forbidden. */
export function chainOf(principal: Principal, system = false): string {
  if (!system && principal.org_id !== null) return principal.org_id;
  require(principal, "orgs:operate");
  return SYSTEM_CHAIN;
}
