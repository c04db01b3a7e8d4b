import type { OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { sdfRecord } from "../structures/read.ts";
import { selectStructuresByIds } from "../structures/store.ts";
import { selectResultsByIds } from "./store.ts";

export type MadeExport = { records: number; content: string };

/**
 * Poses as one SD file, in the order asked for, each with its scores and ids as data items. Bytes are fetched
 * with no transaction open, each file once. Throws AppError not_found where one is not the caller's to see.
 */
export async function exportPoses(
  { services, principal }: { services: Services; principal: OrgPrincipal },
  resultIds: string[],
): Promise<MadeExport> {
  const { results, structures } = await services.results.read(principal, async ({ tx }) => {
    const rows = await selectResultsByIds(tx, resultIds);
    return {
      results: rows,
      structures: await selectStructuresByIds(
        tx,
        rows.map((row) => row.pose_structure_id),
      ),
    };
  });
  const byId = new Map(structures.map((row) => [row.structure_id, row]));
  const files = new Map<string, Uint8Array>();
  const records: string[] = [];
  for (const result of results) {
    const pose = byId.get(result.pose_structure_id);
    if (pose === undefined) throw new AppError("not_found", "a pose is not yours to see");
    const bytes = files.get(pose.uri) ?? (await services.objects.get(principal.org_id, pose.uri));
    files.set(pose.uri, bytes);
    const { result_id, job_id, site_id, protocol_id, molecule_id, name } = result;
    const items = {
      result_id,
      job_id,
      site_id,
      protocol_id,
      molecule_id,
      ...(name === null ? {} : { name }),
    };
    records.push(`${sdfRecord(bytes, pose.record).trimEnd()}\n\n${dataItems(items)}$$$$\n`);
  }
  if (results.length < new Set(resultIds).size) throw new AppError("not_found", "no such docking result");
  return { records: records.length, content: records.join("") };
}

/** Data items of an SD record; a blank line ends each. */
function dataItems(items: Record<string, string>): string {
  return Object.entries(items)
    .map(([key, value]) => `> <${key}>\n${oneLine(value)}\n\n`)
    .join("");
}

/** People name molecules as they like: a line break, `$$$$` or `>` would end the item, or the record, early. */
function oneLine(value: string): string {
  return value.replace(/[\r\n]+/g, " ").replace(/^(?=\$\$\$\$|>)/, " ");
}
