import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { AppError } from "../errors.ts";
import type { ServerAddress } from "./address.ts";
import { withClient } from "./connect.ts";

const TOO_MANY_CONNECTIONS = "53300";
/** About 3 s in all. */
const PATIENCE = { tries: 6, pause_ms: 100 };

/**
 * As withClient, and where the server is at its connection limit it asks again a few times, each after twice
 * the pause: whoever fills it is often done by then. Throws the last refusal.
 */
export async function withPatientClient<T>(
  address: ServerAddress,
  application: string,
  work: (client: pg.Client) => Promise<T>,
  patience = PATIENCE,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    let connected = false;
    try {
      return await withClient(address, application, (client) => {
        connected = true;
        return work(client);
      });
    } catch (error) {
      if (connected || tried >= patience.tries || !isTooMany(error)) throw error;
      // Several migrators that were refused together should not come back together.
      await sleep(patience.pause_ms * 2 ** (tried - 1) * (0.5 + Math.random()));
    }
  }
}

function isTooMany(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return (cause as { code?: string } | undefined)?.code === TOO_MANY_CONNECTIONS;
}
