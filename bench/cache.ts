import { submitCalculationsOperation } from "../src/calculations/operations.ts";
import type { Context } from "../src/context.ts";
import { newId } from "../src/ids.ts";
import { perform } from "../src/perform.ts";
import { addStructure } from "../src/structures/operations.ts";
import { submitRequested } from "../test/support/submit-jobs.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, item, median, percentile } from "./measure.ts";
import { insertStructure, nothingPipeline, startIdleWorker } from "./nothing.ts";

const GOAL = { of: "value", most: 10 } as const;

export const benchmark: Benchmark = {
  name: "cache",
  about: "a question that was answered before: at submission, and by a worker that is awake",
  async run({ quick }) {
    const rounds = quick ? 20 : 100;
    await using lab = await openLab();
    const [asked, ran] = [await measureSubmission(lab, rounds), await measureWorker(lab, rounds)];
    return [
      item("cache hit, answered at submission", "ms", median(asked), null, GOAL),
      item("the same, p95", "ms", percentile(asked, 0.95)),
      item(
        "cache hit, submit until a worker has recorded it",
        "ms",
        median(ran.hits),
        median(ran.misses),
        GOAL,
      ),
      item("the same, p95", "ms", percentile(ran.hits, 0.95), percentile(ran.misses, 0.95)),
    ];
  },
};

/** One structure through the door again and again; ms until the answer says that the job is completed. */
async function measureSubmission({ context, principal }: Lab, rounds: number): Promise<number[]> {
  const { structure_id } = await perform(context, addStructure, principal, {
    file_name: "h2.xyz",
    format: "xyz",
    content_base64: Buffer.from("2\n\nH 0 0 0\nH 0 0 0.74\n").toString("base64"),
  });
  const submit = () =>
    perform(context, submitCalculationsOperation, principal, {
      task: "optimize",
      structure_ids: [structure_id],
    });
  const ended = endsOf(context);
  const { jobs } = await submit();
  const worker = startIdleWorker(ended.context, { slots: 1, wait_ms: 0, engine: "xtb" });
  await ended.of(jobs[0]?.job_id ?? "");
  worker.stop();
  await worker.done;
  const times: number[] = [];
  for (let round = -5; round < rounds; round++) {
    const began = performance.now();
    const answer = await submit();
    if (round >= 0) times.push(performance.now() - began);
    if (answer.jobs[0]?.cached !== true) throw new Error("the cache did not answer");
  }
  return times;
}

/**
 * Jobs of another recipe whose task asks the same: only the task's signature tells, so that a worker answers. As
 * baseline jobs that ask something new, which the same worker runs in no time. ms from the submission's start until
 * the job's end is committed.
 */
async function measureWorker(lab: Lab, rounds: number): Promise<{ hits: number[]; misses: number[] }> {
  const ended = endsOf(lab.context);
  const worker = startIdleWorker(ended.context, { slots: 2, wait_ms: 0 });
  try {
    const question = newId();
    await ended.of(await ask(lab, question, 1));
    const hits: number[] = [];
    const misses: number[] = [];
    for (let round = -5; round < rounds; round++) {
      const [hit, miss] = [await timed(round + 100, question), await timed(1, newId())];
      if (hit.end !== "cached" || miss.end !== "recorded") throw new Error(`${hit.end}, ${miss.end}`);
      if (round < 0) continue;
      hits.push(hit.ms);
      misses.push(miss.ms);
    }
    return { hits, misses };
  } finally {
    worker.stop();
    await worker.done;
  }

  async function timed(recipe: number, question: string) {
    const began = performance.now();
    const { end, at } = await ended.of(await ask(lab, question, recipe));
    return { end, ms: at - began };
  }
}

/** One job; recipes of different numbers are different questions to the submission, and one to the engine. */
async function ask({ context, principal }: Lab, question: string, recipe: number): Promise<string> {
  const pipeline = nothingPipeline();
  const { run } = pipeline.spec.tasks;
  const spec = { version: "1", tasks: { run: { ...run, max_attempts: recipe } } };
  const owner_id = principal.user_id;
  const submission = {
    ...{ pipeline: { ...pipeline, spec }, owner_id, visibility: "organization" as const },
    ...{ priority: 5, reuse: true },
  };
  const jobs = await context.results.transact(principal, async (scope) => {
    const structure_id = await insertStructure(scope.tx, owner_id);
    const input = { key: "structure", molecule_id: null, structure_id, identity: question };
    return submitRequested(scope, submission, [{ inputs: [input], params: { question } }]);
  });
  await context.results.relay(principal.org_id);
  return jobs[0]?.job_id ?? "";
}

type End = { end: string; at: number };

/** A context whose log tells when tasks ended, which a worker says right after the commit. */
function endsOf(context: Context): { context: Context; of(jobId: string): Promise<End> } {
  const ends = new Map<string, PromiseWithResolvers<End>>();
  const endOf = (jobId: string) => {
    const there = ends.get(jobId) ?? Promise.withResolvers<End>();
    ends.set(jobId, there);
    return there;
  };
  const info = (what: object) => {
    const { job_id, end } = what as { job_id?: string; end?: string };
    if (job_id !== undefined && end !== undefined) endOf(job_id).resolve({ end, at: performance.now() });
  };
  const log = Object.assign(Object.create(context.log) as Context["log"], { info });
  return {
    context: Object.assign(Object.create(context) as Context, { log }),
    of: (id) => endOf(id).promise,
  };
}
