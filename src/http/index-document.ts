import type { Follow, Operation } from "../operation.ts";
import { version } from "../version.ts";

type Entry = { method: string; path: string; permission: string; reads?: true; repeats?: false; file?: true };

/** `GET /v1`: what may be asked and followed, by name, and where below `base`. The typed client is made from it. */
export type IndexDocument = {
  name: "aliquot";
  version: string;
  base: "/v1";
  operations: Record<string, Entry>;
  follows: Record<string, Entry>;
};

export const BASE = "/v1";

export function indexDocument(operations: readonly Operation[], follows: readonly Follow[]): IndexDocument {
  return {
    name: "aliquot",
    version: version(),
    base: BASE,
    operations: byName(operations),
    follows: byName(follows),
  };
}

function byName(all: readonly (Operation | Follow)[]): Record<string, Entry> {
  return Object.fromEntries(all.map((one) => [one.name, entryOf(one)]));
}

function entryOf(one: Operation | Follow): Entry {
  const { http, permission } = one;
  return {
    method: http.method,
    path: http.path,
    permission,
    ...("reads" in http && http.reads === true ? { reads: true } : {}),
    ...("file" in one && one.file === true ? { file: true } : {}),
    ...("repeats" in one && one.repeats === false ? { repeats: false } : {}),
  };
}
