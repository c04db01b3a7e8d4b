import { type Canonical, canonical, signatureOf } from "../canonical.ts";
import type { Signed } from "./schema.ts";

/**
 * The signed document of a task and its SHA-256. What the engine says decides the numbers; the molecule and the
 * binding site are added because a hit links to rows that name them: the numbers of another species (isotopes are
 * the same to xtb) or of another site with the same box would stand under the wrong name.
 */
export function signTask(
  engineDocument: Canonical,
  task: { params: Record<string, unknown> },
  prepared: { molecule_id: string | null },
): Signed {
  const site = task.params["site_id"];
  const decided = canonical(engineDocument) as { [key: string]: Canonical };
  const document = {
    ...decided,
    subject: { molecule_id: prepared.molecule_id, site_id: typeof site === "string" ? site : null },
  };
  return { signature: signatureOf(document), document };
}
