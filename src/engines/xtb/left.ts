import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunOutcome } from "../../executors/executor.ts";
import type { OutputFile } from "../adapter.ts";
import type { XtbParams } from "./schema.ts";

/** The last geometry, that of an optimisation which gave up, and all geometries on the way. */
const LEFT = ["xtbopt.xyz", "xtblast.xyz", "xtbopt.log"];
const MOST_BYTES = 16 * 1024 ** 2;

/** Geometries of an optimisation that gave no result, to look at and to go on from; none of a single point. */
export async function leftByXtb({ task }: XtbParams, run: RunOutcome): Promise<OutputFile[]> {
  if (task === "single_point") return [];
  const files = await Promise.all(LEFT.map((key) => readLeft(join(run.folder, key), key)));
  return files.flat();
}

async function readLeft(path: string, key: string): Promise<OutputFile[]> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size === 0 || size > MOST_BYTES) return [];
  return [{ key, content_type: "chemical/x-xyz", bytes: await readFile(path) }];
}
