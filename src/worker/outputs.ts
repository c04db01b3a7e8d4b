import { promisify } from "node:util";
import { zstdCompress, zstdCompressSync } from "node:zlib";
import type { OutputFile, RecordInput } from "../engines/adapter.ts";
import type { Services } from "../services.ts";

const compressAside = promisify(zstdCompress);
/** Up to here compressing takes less than handing it to a thread does. */
const SMALL_BYTES = 64 * 1024;

export type Stored = RecordInput<unknown, unknown, unknown>["stored"];

/** Bytes before rows: every file is stored and synced before the transaction that names it opens. */
export async function storeOutputs(
  { objects }: Pick<Services, "objects">,
  orgId: string,
  files: OutputFile[],
): Promise<Stored> {
  const stored = await Promise.all(
    files.map(
      async ({ key, content_type, bytes }) =>
        [key, { ...(await objects.put(orgId, bytes)), content_type }] as const,
    ),
  );
  return new Map(stored);
}

/** Files beside a failure, which is told without them where they can't be kept. */
export async function keepFiles(
  services: Pick<Services, "objects" | "log">,
  orgId: string,
  files: OutputFile[],
): Promise<Stored> {
  try {
    return await storeOutputs(services, orgId, files);
  } catch (error) {
    services.log.warn({ err: String(error) }, "the files of a failed run could not be kept");
    return new Map();
  }
}

/** Text kept compressed; null where there is none. */
export async function keepText(
  { objects, log }: Pick<Services, "objects" | "log">,
  orgId: string,
  text: string | undefined,
): Promise<string | null> {
  if (text === undefined || text === "") return null;
  try {
    return (await objects.put(orgId, await compress(Buffer.from(text)))).uri;
  } catch (error) {
    log.warn({ err: String(error) }, "a program's output could not be kept");
    return null;
  }
}

/** With its size said: tables for any size cost ten times as much as a log of 2 kB itself. */
async function compress(bytes: Buffer): Promise<Uint8Array> {
  const options = { pledgedSrcSize: bytes.byteLength };
  return bytes.byteLength <= SMALL_BYTES ? zstdCompressSync(bytes, options) : compressAside(bytes, options);
}
