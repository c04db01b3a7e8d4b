import { sql } from "kysely";
import type { MetadataTx } from "./db/metadata.ts";
import type { ResultsTx } from "./db/results.ts";
import { AppError } from "./errors.ts";

/** A request as the table knows it; without a key it is answered anew each time. */
export type Request = {
  principal_id: string;
  operation: string;
  key: string | undefined;
  request_hash: string;
};

export type KnownAnswer = { answer: unknown };

/** Both databases have the same table, so this file speaks to either. */
type EitherTx = MetadataTx | ResultsTx;

/** What tells one text from another, and tells nothing of it to who lacks the installation's secret. */
type Fingerprints = { fingerprint(text: string): string };

/**
 * Keyed hash of a request, keys sorted; numbers as JavaScript prints them, which is one way only. Keyed, as a request
 * may hold a password: from a plain hash of the rest, which is known, whoever reads the row could try millions a second.
 */
export function requestHash(input: unknown, by: Fingerprints): string {
  return by.fingerprint(JSON.stringify(sorted(input)) ?? "null");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

/**
 * Takes the key for this transaction. A second request with it waits here for the first and then
 * gets its answer: null where an operation with transactions of its own began and did not finish. Throws AppError idempotency_mismatch where the key was used for another request.
 */
export async function findAnswer(tx: EitherTx, request: Request): Promise<KnownAnswer | undefined> {
  if (request.key === undefined) return undefined;
  const { principal_id, operation, key, request_hash } = request;
  const taken = await sql`
    INSERT INTO idempotency_keys AS k (principal_id, operation, key, request_hash)
    VALUES (${principal_id}, ${operation}, ${key}, ${request_hash})
    ON CONFLICT (principal_id, operation, key) DO UPDATE
      SET request_hash = excluded.request_hash, answer = NULL, created_at = now(), expires_at = now() + interval '24 hours'
      WHERE k.expires_at < now()`.execute(tx);
  if (taken.numAffectedRows === 1n) return undefined;
  const known = await sql<{ request_hash: string; answer: unknown }>`
    SELECT request_hash, answer FROM idempotency_keys
    WHERE principal_id = ${principal_id} AND operation = ${operation} AND key = ${key}`.execute(tx);
  const row = known.rows[0];
  if (row?.request_hash === request_hash) return { answer: row.answer };
  throw new AppError(
    "idempotency_mismatch",
    `the idempotency key "${key}" was used for another request: use a new one`,
  );
}

/** Stores the answer beside the key, in the transaction that did the work. */
export async function keepAnswer(tx: EitherTx, request: Request, answer: unknown): Promise<void> {
  if (request.key === undefined) return;
  const { principal_id, operation, key } = request;
  await sql`UPDATE idempotency_keys SET answer = ${JSON.stringify(answer)}::jsonb
    WHERE principal_id = ${principal_id} AND operation = ${operation} AND key = ${key}`.execute(tx);
}
