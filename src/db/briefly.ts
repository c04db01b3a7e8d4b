import type pg from "pg";
import type { ServerAddress } from "./address.ts";
import { withClient } from "./connect.ts";

/**
 * As `withClient`, but who asked goes on while the connection closes: not for what must be gone before the
 * next step. Throws as it does.
 */
export function lendBriefly<T>(
  address: ServerAddress,
  application: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    withClient(address, application, async (client) => resolve(await work(client))).catch(reject);
  });
}
