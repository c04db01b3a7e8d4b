import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsDb } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import { selectOutputs, selectStates } from "../jobs/read-store.ts";
import { type JobStatus, TERMINAL } from "../jobs/schema.ts";
import type { Services } from "../services.ts";
import { isOneOfMany, oneRecord } from "../structures/read.ts";
import { type StructureRow, selectOptionalStructure } from "../structures/store.ts";
import { type FileAnswer, safeFileName } from "./schema.ts";
import { selectOptionalOutput } from "./store.ts";

type Doors = Pick<Services, "results" | "objects">;

/** Names that an error lists. */
const SAID = 10;

/** Files that a job left. Throws AppError not_found where there is no such job. */
export async function listOutputs(db: ResultsDb, jobId: string) {
  const items = await selectOutputs(db, jobId);
  if (items.length === 0) await assertJob(db, jobId);
  return items;
}

async function assertJob(db: ResultsDb, jobId: string): Promise<void> {
  const [state] = await selectStates(db, [jobId]);
  if (state === undefined) throw new AppError("not_found", "no such job");
}

/**
 * One file that a job left. Throws AppError not_found, damaged (also lost), store_unavailable; what only reading tells,
 * its bytes end with.
 */
export async function openOutput(
  { results, objects }: Doors,
  principal: OrgPrincipal,
  jobId: string,
  key: string,
): Promise<FileAnswer> {
  const row = await results.read(principal, async ({ tx }) => {
    const found = await selectOptionalOutput(tx, jobId, key);
    if (found === undefined) {
      const outputs = await listOutputs(tx, jobId);
      throw noOutput(key, outputs, (await selectStates(tx, [jobId]))[0]?.status);
    }
    return found;
  });
  const { uri, size_bytes, checksum } = row;
  // Bytes outside of any transaction.
  await objects.look(principal.org_id, uri, size_bytes);
  return { file_name: safeFileName(key), size_bytes, checksum, bytes: objects.read(principal.org_id, uri) };
}

function noOutput(key: string, outputs: { key: string }[], status: JobStatus | undefined): AppError {
  const names = outputs.map((one) => one.key);
  const more = names.length > SAID ? ` and ${names.length - SAID} more` : "";
  const none =
    status !== undefined && TERMINAL.includes(status) ? `it is ${status} and left none` : "it has none yet";
  const has = names.length === 0 ? none : `it has ${names.slice(0, SAID).join(", ")}${more}`;
  return new AppError("not_found", `this job left no file "${key}": ${has}`);
}

/** A structure's file; of one with several records its own alone. Throws what `openOutput` throws. */
export async function openStructure(
  { results, objects }: Doors,
  principal: OrgPrincipal,
  structureId: string,
): Promise<FileAnswer> {
  const row = await results.read(principal, ({ tx }) => selectOptionalStructure(tx, structureId));
  if (row === undefined) throw new AppError("not_found", "no such structure");
  const file_name = nameOf(row);
  if (!isOneOfMany(row)) {
    const { uri, size_bytes, checksum } = row;
    await objects.look(principal.org_id, uri, size_bytes);
    return { file_name, size_bytes, checksum, bytes: objects.read(principal.org_id, uri) };
  }
  const all = await objects.get(principal.org_id, row.uri);
  const bytes = Buffer.from(oneRecord(all, row.record));
  return {
    file_name,
    size_bytes: bytes.byteLength,
    checksum: `sha256:${sha256(bytes)}`,
    bytes: only(bytes),
  };
}

function nameOf({ name, structure_id, format }: StructureRow): string {
  const named = safeFileName(name ?? structure_id);
  return named.toLowerCase().endsWith(`.${format}`) ? named : `${named}.${format}`;
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
