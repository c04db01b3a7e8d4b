import type { Canonical } from "../canonical.ts";
import type { ResultsDb } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { type Difference, differencesOf } from "./difference.ts";
import {
  type Candidate,
  type ExplainedTask,
  selectBySignature,
  selectCandidates,
  selectExplainedTasks,
} from "./explain-store.ts";
import type { CacheReason, Explained } from "./operations-schema.ts";

/**
 * Why a task was or was not answered from the cache: what was signed, who answered, or else the nearest entry that
 * the caller may be answered by, and in what it differs. Throws AppError not_found.
 */
export async function explainJob(
  db: ResultsDb,
  { job_id, task_name }: { job_id: string; task_name?: string },
): Promise<Explained> {
  const tasks = await selectExplainedTasks(db, job_id);
  if (tasks.length === 0) throw new AppError("not_found", "no such job");
  const task = task_name === undefined ? tasks[0] : tasks.find((one) => one.task_name === task_name);
  if (task === undefined)
    throw new AppError(
      "not_found",
      `this job has no task "${task_name}": it has ${tasks.map((one) => one.task_name).join(", ")}`,
    );
  const entries = task.signature === null ? [] : await selectBySignature(db, task.signature);
  const document = entries.find((entry) => entry.signed_document !== null)?.signed_document ?? null;
  const reason = reasonOf(task);
  const about = {
    job_id,
    task_name: task.task_name,
    status: task.status,
    tasks: tasks.map((one) => one.task_name).toSorted(),
    signature: task.signature,
    document,
    reason,
    is_entry: entries.some((entry) => entry.canonical_exec_id === task.exec_id),
    hit: hitOf(task),
  };
  if (document === null || reason === "answered") return { ...about, nearest: null, first_difference: null };
  return { ...about, ...(await nearestOf(db, { ...task, job_id }, document, entries)) };
}

function reasonOf(task: ExplainedTask): CacheReason {
  if (task.from_exec_id !== null) return "answered";
  if (task.status === "failed" || task.status === "cancelled") return "no_result";
  if (task.status !== "completed") return task.signature === null ? "not_run" : "not_done";
  return task.reuse ? "computed" : "no_cache";
}

function hitOf({ from_exec_id, from_job_id, from_task_name }: ExplainedTask): Explained["hit"] {
  if (from_exec_id === null || from_job_id === null || from_task_name === null) return null;
  return { job_id: from_job_id, task_name: from_task_name, exec_id: from_exec_id };
}

/** Fewest differing leaves; of equals the latest. An entry of the same signature differs in none. */
async function nearestOf(
  db: ResultsDb,
  task: ExplainedTask & { job_id: string },
  document: { [key: string]: Canonical },
  same: Candidate[],
): Promise<Pick<Explained, "nearest" | "first_difference">> {
  const candidates = [...same, ...(await selectCandidates(db, task))].filter(
    (one) => one.canonical_exec_id !== task.exec_id && one.signed_document?.["task"] === document["task"],
  );
  const ranked = candidates
    .map((entry) => ({ entry, differences: differencesOf(document, entry.signed_document ?? {}) }))
    .toSorted(
      (a, b) =>
        a.differences.length - b.differences.length || b.entry.created_at.localeCompare(a.entry.created_at),
    );
  const [best] = ranked;
  if (best === undefined) return { nearest: null, first_difference: null };
  const { entry, differences } = best;
  return {
    nearest: {
      job_id: entry.canonical_job_id,
      task_name: entry.task_name,
      signature: entry.signature,
      confidence_score: entry.confidence_score,
      irreproducible: entry.irreproducible,
      created_at: entry.created_at,
      differences: differences.length,
    },
    first_difference: differences[0] === undefined ? null : stated(differences[0]),
  };
}

/** What one of them does not have at all is null there. */
function stated({ path, here, there }: Difference): Explained["first_difference"] {
  return { path, here: here ?? null, there: there ?? null };
}
