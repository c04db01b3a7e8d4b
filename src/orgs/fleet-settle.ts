import { setTimeout as sleep } from "node:timers/promises";
import type { MetadataDoor } from "../db/metadata.ts";
import { hasOtherSessions } from "./fleet-store.ts";
import { PLACE_SECONDS } from "./known-places.ts";

/**
 * Waits until no process believes any more what the directory said before: the door knows a place for some
 * seconds. Where nobody else has a session there is nobody to wait for; behind a pooler sessions tell nothing of
 * processes. Returns early where `signal` is aborted. Throws AppError unavailable.
 */
export async function settle(
  metadata: MetadataDoor,
  { pooled = false, signal }: { pooled?: boolean; signal?: AbortSignal },
): Promise<void> {
  if (!pooled && !(await metadata.system(hasOtherSessions))) return;
  await sleep(PLACE_SECONDS * 1000, undefined, signal === undefined ? {} : { signal }).catch(() => {});
}
