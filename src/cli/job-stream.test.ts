import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { FollowOptions } from "../client/index.ts";
import { AppError } from "../errors.ts";
import type { JobEvent } from "../jobs/schema.ts";
import { type Streaming, streamEvents } from "./job-stream.ts";
import type { There } from "./there.ts";

const eventOf = (job_id: string, seq_no: number): JobEvent => ({
  ...{ job_id, seq_no, ts: "2026-01-31T09:30:00.000Z", event: "step" },
  ...{ detail: null, metadata: {} },
});

/** An API whose streams do what `how` says of each job. */
function makeApi(how: (jobId: string, options: FollowOptions) => AsyncGenerator<JobEvent, void>) {
  const asked: { job_id: string; after: string | undefined }[] = [];
  const follow = async function* (_name: string, input: { job_id: string }, options: FollowOptions) {
    asked.push({ job_id: input.job_id, after: options.after });
    for await (const data of how(input.job_id, options))
      yield { id: String(data.seq_no), event: "event", data };
  };
  return { asked, there: { follow } as unknown as Pick<There, "follow"> };
}

function streaming(seen: Record<string, number> = {}): Streaming & { told: string[] } {
  const told: string[] = [];
  const { signal } = new AbortController();
  const tell = ({ job_id, seq_no }: JobEvent) => void told.push(`${job_id} ${seq_no}`);
  return { told, tell, signal, known: (id) => seen[id] ?? 0, patience_ms: 20 };
}

test("events of several jobs are told as their streams tell them, each after what is known", async () => {
  const { asked, there } = makeApi(async function* (id) {
    yield eventOf(id, 7);
    yield eventOf(id, 8);
  });
  const how = streaming({ b: 6 });
  await streamEvents(there, ["a", "b"], how);
  assert.deepEqual(how.told.toSorted(), ["a 7", "a 8", "b 7", "b 8"]);
  assert.deepEqual(asked, [
    { job_id: "a", after: undefined },
    { job_id: "b", after: "6" },
  ]);
});

test("a stream that is refused or cut ends quietly after what it told, and too many are not tried", async () => {
  const { asked, there } = makeApi(async function* (id) {
    if (id === "b") throw new AppError("quota", "so many streams are open already");
    yield eventOf(id, 1);
    throw new AppError("unavailable", "the stream was lost");
  });
  const how = streaming();
  await streamEvents(there, ["a", "b"], how);
  assert.deepEqual(how.told, ["a 1"]);
  await streamEvents(
    there,
    Array.from({ length: 11 }, (_, n) => `job-${n}`),
    how,
  );
  assert.equal(asked.length, 2);
});

test("a proxy that keeps a stream back is not waited for; one on which something came is", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const comes = Promise.withResolvers<void>();
  const { there } = makeApi(async function* (id, { signal, heard }) {
    if (id === "beats") heard?.();
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      if (id === "beats") void comes.promise.then(resolve);
    });
    yield eventOf(id, 1);
  });
  const how = streaming();
  const done = streamEvents(there, ["silent", "beats"], how);
  await setImmediate();
  t.mock.timers.tick(20);
  comes.resolve();
  await done;
  assert.deepEqual(how.told, ["beats 1"]);
});

test("what can't be printed ends it, and the stream with it", async () => {
  let left = false;
  const { there } = makeApi(async function* (id) {
    try {
      yield eventOf(id, 1);
      yield eventOf(id, 2);
    } finally {
      left = true;
    }
  });
  const tell = () => {
    throw new Error("nobody reads");
  };
  await assert.rejects(streamEvents(there, ["a"], { ...streaming(), tell }), /nobody reads/);
  assert.equal(left, true);
});
