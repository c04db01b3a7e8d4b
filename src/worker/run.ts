import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { canonical, signatureOf } from "../canonical.ts";
import type { EngineAtHand, Lend, OutputFile, Prepared } from "../engines/adapter.ts";
import { AppError, toAppError } from "../errors.ts";
import type { Executor, RunOutcome } from "../executors/executor.ts";
import type { StoredObject } from "../objects/store.ts";
import type { Claim } from "../queue/claims-store.ts";
import type { Services } from "../services.ts";
import type { Started } from "./facts.ts";
import { failTask } from "./fail.ts";
import { recordTask } from "./record.ts";

const compress = promisify(zstdCompress);

export type RunTools = { services: Services; executor: Executor; worker_id: string };

/**
 * Runs a started task to its end: load, prepare, check, run, parse, store bytes, record; or fail with a
 * reason. Resolves "recorded", "failed" (the attempt), or "lost" where the task is somebody else's now.
 * Rejects with AppError where even that could not be written (database away): the lease decides then.
 */
export async function runTask(
  tools: RunTools,
  engine: EngineAtHand,
  claim: Claim,
  started: Started,
  signal: AbortSignal,
): Promise<"recorded" | "failed" | "lost"> {
  const lend: Lend = (work) =>
    tools.services.results.forLease(
      { org_id: claim.org_id, generation: claim.generation, worker_id: tools.worker_id },
      work,
    );
  try {
    await computeAndRecord(tools, engine, claim, started, lend, signal);
    return "recorded";
  } catch (thrown) {
    if (signal.aborted) return "lost";
    const error = toAppError(thrown);
    if (error.kind === "lost_lease") return "lost";
    if (error.kind === "internal")
      tools.services.log.error({ err: error.detail, task: claim.task_name }, "a task met a fault of ours");
    const logs_uri = await keepText(tools.services, claim.org_id, error.detail);
    const changed = await lend((scope) => failTask(scope, claim, started, { error, logs_uri }));
    return changed ? "failed" : "lost";
  }
}

async function computeAndRecord(
  tools: RunTools,
  { adapter, install }: EngineAtHand,
  claim: Claim,
  started: Started,
  lend: Lend,
  signal: AbortSignal,
): Promise<void> {
  const { services, executor } = tools;
  const { task } = started;
  const loaded = await lend((scope) => adapter.load(scope, task));
  const prepared = await adapter.prepare(services, lend, task, loaded);
  adapter.check(prepared.params, prepared.input);
  const signature = signatureOf(canonical(adapter.signature(install, prepared.params, prepared.input)));
  signal.throwIfAborted();
  const outcome = await executor.run(adapter.plan(install, prepared.params, prepared.input), { signal });
  const result = await parseAndDispose(adapter, prepared, outcome, signal);
  const stored = await storeOutputs(services, claim.org_id, adapter.outputs(result));
  const logs_uri = await keepText(services, claim.org_id, adapter.log(result));
  await patiently(signal, () =>
    lend((scope) =>
      recordTask(scope, claim, started, {
        service_name: `${install.name} ${install.version}`,
        signature,
        logs_uri,
        write: (tx) => adapter.record(tx, { task, install, prepared, result, stored, logs_uri }),
      }),
    ),
  );
}

/** Pauses before a finished run is written again, in s: hours of computing are worth a minute of waiting. */
const RECORD_PAUSES = [0.2, 1, 3, 5, 10, 20, 20];

/** Does it again while the database is away; what is recorded is guarded by its fence, so again is harmless. */
async function patiently(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const pause = RECORD_PAUSES[tries];
      if (
        !(error instanceof AppError) ||
        error.kind !== "unavailable" ||
        pause === undefined ||
        signal.aborted
      )
        throw error;
      await sleep(pause * 1000, undefined, { signal }).catch(() => {});
    }
  }
}

async function parseAndDispose(
  adapter: EngineAtHand["adapter"],
  prepared: Prepared<unknown, unknown>,
  outcome: RunOutcome & { dispose(): Promise<void> },
  signal: AbortSignal,
): Promise<unknown> {
  try {
    if (outcome.aborted || signal.aborted) throw new AppError("lost_lease", "the run was stopped");
    return await adapter.parse(prepared.params, prepared.input, outcome);
  } finally {
    await outcome.dispose();
  }
}

/** Bytes before rows: every file is stored and synced before the transaction that names it opens. */
async function storeOutputs(
  services: Services,
  orgId: string,
  files: OutputFile[],
): Promise<Map<string, StoredObject & { content_type: string }>> {
  const stored = await Promise.all(
    files.map(
      async ({ key, content_type, bytes }) =>
        [key, { ...(await services.objects.put(orgId, bytes)), content_type }] as const,
    ),
  );
  return new Map(stored);
}

/** Text kept compressed; null where there is none. */
async function keepText(services: Services, orgId: string, text: string | undefined): Promise<string | null> {
  if (text === undefined || text === "") return null;
  try {
    return (await services.objects.put(orgId, await compress(Buffer.from(text)))).uri;
  } catch (error) {
    services.log.warn({ err: String(error) }, "a program's output could not be kept");
    return null;
  }
}
