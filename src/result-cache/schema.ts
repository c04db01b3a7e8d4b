import type { Canonical } from "../canonical.ts";

/** What an organization asks of a result before it answers another job, and what runs where programs were seen. */
export type CachePolicy = {
  /** Confidence from which a result answers. */
  threshold: number;
  /** Age in days from which it answers no more; null: never. */
  ttl_days: number | null;
  /** Program and version by engine, as a worker last found it: `{xtb: "xtb 6.5.1"}`; unknown ones are left out. */
  programs: Record<string, string>;
};

/** Who asks, and who may see what comes of it. */
export type Asker = { owner_id: string; visibility: "private" | "organization" };

/** A result that may answer: by execution, as results are linked and never copied. */
export type CacheEntry = {
  cache_key: string;
  signature: string;
  task_name: string;
  canonical_job_id: string;
  canonical_exec_id: string;
  confidence_score: number;
  /** Output keys and where their bytes are. */
  artifact_map: Record<string, string>;
  /** Summary of the canonical execution, as `task_results` has it. */
  result_data: Record<string, unknown>;
  /** What a hit saves. */
  wall_seconds: number | null;
  cpu_seconds: number | null;
};

/** A task that is about to run asks whether it has to. `exec_id` is its own running execution. */
export type Ask = Asker & { exec_id: string; signature: string };

/**
 * What it hears: an entry answers; an identical task runs (`exec_id`), so wait for it and ask again; or run, and
 * the signature is now reserved by its execution until that ends. `holder` is the task behind one that has run for a
 * while: whoever waits for it should see that a worker still has it.
 */
export type Answer =
  | { kind: "hit"; entry: CacheEntry }
  | { kind: "wait"; exec_id: string; holder?: { job_id: string; task_name: string } }
  | { kind: "run" };

/** What decided a result, and its SHA-256. */
export type Signed = { signature: string; document: { [key: string]: Canonical } };

/** The same signature gave two results: both executions, and the key of the entry that serves no more. */
export type Irreproducible = {
  cache_key: string;
  signature: string;
  job_id: string;
  task_name: string;
  exec_id: string;
  other_job_id: string;
  other_exec_id: string;
};
