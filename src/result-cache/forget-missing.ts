import type { OrgPrincipal } from "../access/principal.ts";
import type { Services } from "../services.ts";
import { selectEntriesOfQuestions } from "./answered-store.ts";
import { dropEntry } from "./entries-store.ts";
import { hasBytes } from "./present.ts";

/**
 * Takes out the entries behind these questions whose bytes are gone, so that `answeredBefore` gives no job without
 * its files. Before the transaction that submits, as it looks at files: all that stand behind them, whoever sees which.
 * Throws AppError store_unavailable, unavailable.
 */
export async function forgetMissing(
  {
    services,
    principal,
  }: {
    services: Pick<Services, "objects" | "results">;
    principal: Pick<OrgPrincipal, "org_id" | "user_id">;
  },
  signatures: string[],
): Promise<void> {
  if (signatures.length === 0) return;
  const { org_id } = principal;
  const entries = await services.results.forMachinery(org_id, ({ tx }) =>
    selectEntriesOfQuestions(tx, signatures, principal.user_id),
  );
  const there = await Promise.all(entries.map((entry) => hasBytes(services, org_id, entry)));
  const gone = entries.filter((_, index) => there[index] === false);
  if (gone.length === 0) return;
  await services.results.forMachinery(org_id, async ({ tx }) => {
    for (const entry of gone) await dropEntry(tx, entry);
  });
}
