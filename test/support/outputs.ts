import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "./context.ts";

type Left = { job_id: string; key: string; bytes: Uint8Array };

/** Gives a job a file as a worker would have left it. Returns where its bytes are. */
export async function leaveOutput(
  context: TestContext,
  org: { org_id: string; database_name: string },
  { job_id, key, bytes }: Left,
): Promise<string> {
  const { uri, size_bytes, checksum } = await context.objects.put(org.org_id, bytes);
  await context.superuser(
    "INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum) VALUES ($1, $2, $3, $4, $5, $6)",
    [job_id, key, uri, "chemical/x-xyz", size_bytes, checksum],
    org.database_name,
  );
  return uri;
}

/** Changes the last byte of what is stored, as a disk does that fails. */
export function damage(root: string, orgId: string, uri: string, size: number): void {
  const hash = uri.replace("object:", "");
  const file = openSync(join(root, orgId, hash.slice(0, 2), hash.slice(2)), "r+");
  writeSync(file, "?", size - 1);
  closeSync(file);
}
