import type { Canonical } from "../canonical.ts";
import type { ResultsTx } from "../db/results.ts";
import type { Recorded } from "../engines/adapter.ts";
import { logEvents } from "../events/log.ts";
import { privateTo } from "../jobs/schema.ts";
import {
  insertEntries,
  lockEntries,
  type NewEntry,
  replaceEntries,
  type StandingEntry,
  selectEntries,
} from "./entries-store.ts";
import { cacheKey } from "./reserve.ts";
import type { Asker, CachePolicy, Irreproducible } from "./schema.ts";

/** A recorded task whose result may answer others. */
export type KeepItem = Asker & {
  job_id: string;
  task_name: string;
  exec_id: string;
  pipeline_version: string;
  signature: string;
  /** What was signed, for `cache explain`. */
  document: { [key: string]: Canonical };
  recorded: Pick<Recorded, "checks" | "confidence_score" | "wall_seconds" | "cpu_seconds"> & {
    result_hash: string;
    near_hashes?: string[];
  };
  outputs: { key: string; uri: string }[];
};

/**
 * Lets results answer others, in the transaction that records them: an entry each, or a place taken from the one
 * that stands there. Returns those whose signature gave another result before; such an entry answers nobody until
 * the last two runs agree, and the error is logged here. The event of the job is the caller's, who holds its lock.
 */
export async function keepResults(
  tx: ResultsTx,
  items: KeepItem[],
  policy: Pick<CachePolicy, "ttl_days">,
): Promise<{ irreproducible: Irreproducible[] }> {
  const irreproducible: Irreproducible[] = [];
  // Twice the same question in one transaction: one after the other, so that the second is compared with the first.
  for (const round of rounds(items)) irreproducible.push(...(await keepRound(tx, round, policy)));
  await logEvents(
    tx,
    irreproducible.map((found) => {
      const item = items.find(({ exec_id }) => exec_id === found.exec_id);
      return {
        event_type: "error" as const,
        entity_type: "job",
        entity_id: found.job_id,
        status: "irreproducible",
        error_code: "irreproducible",
        message: `task ${found.task_name} gave another result than the same task of job ${found.other_job_id}`,
        context: found,
        service: "result-cache",
        private_to: item === undefined ? null : privateTo(item),
      };
    }),
  );
  return { irreproducible };
}

/** Parts in which no key stands twice. */
function rounds(items: KeepItem[]): KeepItem[][] {
  const parts: KeepItem[][] = [];
  const seen = new Map<string, number>();
  for (const item of items) {
    const key = cacheKey(item.signature, privateTo(item));
    const round = seen.get(key) ?? 0;
    seen.set(key, round + 1);
    const part = parts[round] ?? [];
    parts[round] = part;
    part.push(item);
  }
  return parts;
}

async function keepRound(
  tx: ResultsTx,
  items: KeepItem[],
  { ttl_days }: Pick<CachePolicy, "ttl_days">,
): Promise<Irreproducible[]> {
  const fresh = items.map((item) => ({ ...entryOf(item), irreproducible: false }));
  const near = new Map(items.map((item) => [item.exec_id, item.recorded.near_hashes ?? []]));
  const nearOf = (entry: NewEntry) => near.get(entry.canonical_exec_id) ?? [];
  const disputed = await disputesOfPrivate(tx, fresh, nearOf, ttl_days);
  for (const entry of fresh) entry.irreproducible = disputed.has(entry.cache_key);
  const made = await insertEntries(tx, fresh);
  const others = fresh.filter(({ cache_key }) => !made.has(cache_key));
  const standing = await lockEntries(
    tx,
    others.map(({ cache_key }) => cache_key),
    ttl_days,
  );
  const found = [...disputed.values()];
  const replacing: (NewEntry & { irreproducible: boolean })[] = [];
  for (const entry of others) {
    const old = standing.get(entry.cache_key);
    if (old === undefined) continue; // pruned between the two statements: the next one makes it
    const verdict = weigh(old, entry, nearOf(entry));
    // One's own that says the same as before is disputed by the organization's all the same.
    if (verdict === "keep" && !entry.irreproducible) continue;
    replacing.push({ ...entry, irreproducible: verdict === "dispute" || entry.irreproducible });
    if (verdict === "dispute") found.push(dispute(old, entry));
  }
  await replaceEntries(tx, replacing);
  return found;
}

/**
 * What becomes of a standing entry when the same signature gives a result again. Another result disputes it and
 * takes its place unserved, so that the next run that agrees with the last one settles it. The same result takes the
 * place where it is worth more: computed here and not read from files, more checks passed, surer; or where the old
 * one has expired. Else the older one stays. `near` are hashes that the same result may have as well.
 */
export function weigh(
  old: Pick<
    StandingEntry,
    "result_hash" | "irreproducible" | "expired" | "source" | "checks_passed" | "confidence_score"
  >,
  entry: Pick<NewEntry, "result_hash" | "source" | "checks_passed" | "confidence_score">,
  near: string[] = [],
): "keep" | "replace" | "dispute" {
  if (differs(old, entry, near)) return "dispute";
  if (old.irreproducible || old.expired || old.result_hash === null) return "replace";
  if (old.source !== entry.source) return entry.source === "run" ? "replace" : "keep";
  if (entry.checks_passed !== old.checks_passed)
    return entry.checks_passed > old.checks_passed ? "replace" : "keep";
  return entry.confidence_score > old.confidence_score ? "replace" : "keep";
}

function differs(
  old: Pick<StandingEntry, "result_hash">,
  entry: Pick<NewEntry, "result_hash">,
  near: string[],
): boolean {
  return old.result_hash !== null && ![entry.result_hash, ...near].includes(old.result_hash);
}

/** A private result that differs from the organization's entry is marked itself; theirs stays as it is, untold. */
async function disputesOfPrivate(
  tx: ResultsTx,
  entries: NewEntry[],
  nearOf: (entry: NewEntry) => string[],
  ttl_days: number | null,
): Promise<Map<string, Irreproducible>> {
  const own = entries.filter(({ private_to }) => private_to !== null);
  const shared = await selectEntries(
    tx,
    own.map(({ signature }) => signature),
    ttl_days,
  );
  const disputed = new Map<string, Irreproducible>();
  for (const entry of own) {
    const other = shared.get(entry.signature);
    if (other === undefined || !differs(other, entry, nearOf(entry))) continue;
    disputed.set(entry.cache_key, dispute(other, entry));
  }
  return disputed;
}

function dispute(old: StandingEntry, entry: NewEntry): Irreproducible {
  return {
    cache_key: entry.cache_key,
    signature: entry.signature,
    job_id: entry.canonical_job_id,
    task_name: entry.task_name,
    exec_id: entry.canonical_exec_id,
    other_job_id: old.canonical_job_id,
    other_exec_id: old.canonical_exec_id,
  };
}

function entryOf(item: KeepItem): NewEntry {
  const { recorded } = item;
  const private_to = privateTo(item);
  return {
    cache_key: cacheKey(item.signature, private_to),
    signature: item.signature,
    pipeline_version: item.pipeline_version,
    task_name: item.task_name,
    canonical_job_id: item.job_id,
    canonical_exec_id: item.exec_id,
    confidence_score: recorded.confidence_score,
    checks_passed: recorded.checks.filter(({ passed }) => passed).length,
    result_hash: recorded.result_hash,
    source: "run",
    artifact_map: Object.fromEntries(item.outputs.map(({ key, uri }) => [key, uri])),
    metrics_summary: { wall_seconds: recorded.wall_seconds, cpu_seconds: recorded.cpu_seconds },
    signed_document: item.document,
    private_to,
  };
}
