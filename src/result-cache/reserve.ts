import type { ResultsTx } from "../db/results.ts";
import { privateTo } from "../jobs/schema.ts";
import {
  closeStranded,
  type InFlight,
  lockSignatures,
  reserveSignatures,
  selectAnswers,
  selectInFlight,
} from "./reserve-store.ts";
import type { Answer, Ask, Asker, CacheEntry, CachePolicy } from "./schema.ts";

/** An organization's entry is found by its signature, a private one by signature and owner. */
export function cacheKey(signature: string, private_to: string | null): string {
  return private_to === null ? signature : `${signature}:${private_to}`;
}

/** Keys under which an answer may lie for this asker, best first: what all may have, then one's own. */
function keysFor(ask: Asker & { signature: string }): string[] {
  const own = privateTo(ask);
  const shared = cacheKey(ask.signature, null);
  return own === null ? [shared] : [shared, cacheKey(ask.signature, own)];
}

/**
 * Asks for tasks that are about to run whether they have to: one answer each, in order. Who hears `run` has the
 * signature until its execution ends; nobody who may see its result runs the same meanwhile. What is reserved is
 * seen by others when the transaction ends, so end it soon; the jobs' locks, where one is taken too, come before.
 */
export async function reserve(tx: ResultsTx, asks: Ask[], policy: CachePolicy): Promise<Answer[]> {
  const answers = new Map<Ask, Answer>();
  await answerFromEntries(tx, asks, answers, policy);
  const open = () => asks.filter((ask) => !answers.has(ask));
  if (open().length > 0) {
    await lockSignatures(tx, signaturesOf(open()));
    await waitOrRun(tx, open(), answers, policy);
  }
  return asks.map((ask) => answers.get(ask) ?? { kind: "run" });
}

async function waitOrRun(
  tx: ResultsTx,
  asks: Ask[],
  answers: Map<Ask, Answer>,
  policy: CachePolicy,
): Promise<void> {
  // What runs first, then what is there: one that ends between the two statements is then found, and not missed.
  const running = new Map<string, Pick<InFlight, "exec_id"> & Partial<InFlight>>();
  for (const one of await selectInFlight(tx, signaturesOf(asks)))
    running.set(cacheKey(one.signature, one.private_to), one);
  await answerFromEntries(tx, asks, answers, policy);
  const starts: Ask[] = [];
  // Those of the organization first: a private one may wait for them, and they for none.
  const ordered = asks.toSorted((a, b) => Number(privateTo(a) !== null) - Number(privateTo(b) !== null));
  for (const ask of ordered.filter((one) => !answers.has(one))) {
    const runs = keysFor(ask).map((key) => running.get(key));
    const ahead = runs.find((one) => one !== undefined);
    if (ahead !== undefined && !runs.some((one) => one?.exec_id === ask.exec_id)) {
      answers.set(ask, waitFor(ahead));
      continue;
    }
    running.set(cacheKey(ask.signature, privateTo(ask)), { exec_id: ask.exec_id });
    answers.set(ask, { kind: "run" });
    starts.push(ask);
  }
  await closeStranded(tx, signaturesOf(starts));
  await reserveSignatures(tx, starts);
}

function waitFor({
  exec_id,
  job_id,
  task_name,
  is_old,
}: Pick<InFlight, "exec_id"> & Partial<InFlight>): Answer {
  if (is_old !== true || job_id === undefined || task_name === undefined) return { kind: "wait", exec_id };
  return { kind: "wait", exec_id, holder: { job_id, task_name } };
}

async function answerFromEntries(
  tx: ResultsTx,
  asks: Ask[],
  answers: Map<Ask, Answer>,
  policy: CachePolicy,
): Promise<void> {
  if (asks.length === 0) return;
  const entries = await selectAnswers(tx, [...new Set(asks.flatMap(keysFor))], policy);
  for (const ask of asks) {
    const entry = firstOf(entries, keysFor(ask));
    if (entry !== undefined) answers.set(ask, { kind: "hit", entry });
  }
}

function firstOf(entries: Map<string, CacheEntry>, keys: string[]): CacheEntry | undefined {
  const key = keys.find((one) => entries.has(one));
  return key === undefined ? undefined : entries.get(key);
}

function signaturesOf(asks: Ask[]): string[] {
  return [...new Set(asks.map(({ signature }) => signature))];
}
