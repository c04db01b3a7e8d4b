import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { submitCalculationsOperation } from "../src/calculations/operations.ts";
import { createClient } from "../src/client/index.ts";
import { insertEvents } from "../src/jobs/store.ts";
import { perform } from "../src/perform.ts";
import { NODE_FLAGS } from "../src/processes.ts";
import type { Served } from "./http-child.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, item, median } from "./measure.ts";
import type { Sample } from "./streams-sampler.ts";

const STREAMS = 100;
const JOBS = 20;
/** Each job has an event so often. */
const EVENT_MS = 250;
const QUARTER = 4;

export const benchmark: Benchmark = {
  name: "streams",
  about: `${STREAMS} streams of events over HTTP from one process: what it keeps, and how late the events come`,
  async run({ quick, long, say }) {
    await using lab = await openLab();
    const jobs = await submit(lab);
    const seconds = long ? 600 : quick ? 12 : 40;
    const server = await serve(lab);
    const left = new AbortController();
    try {
      const heard = listen(server.served, jobs, left.signal);
      await heard.all();
      const from = server.samples.length;
      const told = await tell(lab, jobs, seconds);
      await heard.all(told);
      const samples = server.samples.slice(from);
      say(`${told * STREAMS} events in ${seconds} s, ${samples.length} samples`);
      const quarter = Math.ceil(samples.length / QUARTER);
      const least = (part: Sample[]) => Math.min(...part.map(({ kept_mib }) => kept_mib));
      const [first, last] = [samples[0], samples.at(-1)];
      const cpu = ((last?.cpu_s ?? 0) - (first?.cpu_s ?? 0)) / Math.max(1, samples.length - 1);
      return [
        item(
          `${STREAMS} streams, kept; last ÷ first quarter`,
          "MiB",
          least(samples.slice(-quarter)),
          least(samples.slice(0, quarter)),
          { of: "ratio", most: 1.1 },
        ),
        item(`${STREAMS} streams, resident`, "MiB", median(samples.map(({ resident_mib }) => resident_mib))),
        item(`${STREAMS} streams, an event until it is heard, median`, "ms", median(heard.delays_ms), null, {
          of: "value",
          most: 1500,
        }),
        item(`${STREAMS} streams, processor`, "s/s", cpu),
      ];
    } finally {
      left.abort();
      await server.stop();
    }
  },
};

async function submit({ context, principal }: Lab): Promise<string[]> {
  const molecules = Array.from({ length: JOBS }, (_, n) => ({
    text: "C".repeat(n + 1),
    format: "smiles" as const,
  }));
  const wish = { molecules, task: "single_point" as const };
  const { jobs } = await perform(context, submitCalculationsOperation, principal, wish);
  return jobs.map(({ job_id }) => job_id);
}

/** An event for each job again and again, as the machinery writes them. Returns how many each had. */
async function tell({ context, principal }: Lab, jobs: string[], seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let seq = 1;
  while (performance.now() < end) {
    seq++;
    await context.results.forMachinery(principal.org_id, async ({ tx }) => {
      const metadata = { at_ms: Date.now() };
      await insertEvents(
        tx,
        jobs.map((job_id) => ({ job_id, seq_no: seq, event: "step", metadata })),
      );
      await tx.updateTable("jobs").set({ seq }).where("job_id", "in", jobs).execute();
    });
    await sleep(EVENT_MS);
  }
  return seq - 1;
}

type Heard = { delays_ms: number[]; all(more?: number): Promise<void> };

/** Many followers, some of each job; `all` waits until each has heard the first event and so many more. */
function listen({ api, token }: Served, jobs: string[], signal: AbortSignal): Heard {
  const client = createClient({ url: api, token });
  const delays_ms: number[] = [];
  const counts = Array<number>(STREAMS).fill(0);
  const follow = async (n: number) => {
    const events = client.follow("job.follow", { job_id: jobs[n % JOBS] ?? "" }, { signal });
    for await (const { data } of events) {
      counts[n] = (counts[n] ?? 0) + 1;
      const { at_ms } = data.metadata as { at_ms?: number };
      if (at_ms !== undefined) delays_ms.push(Date.now() - at_ms);
    }
  };
  const broken: unknown[] = [];
  for (let n = 0; n < STREAMS; n++)
    follow(n).catch((error: unknown) => {
      if (!signal.aborted) broken.push(error);
    });
  return {
    delays_ms,
    async all(more = 0) {
      while (counts.some((count) => count < 1 + more)) {
        if (broken.length > 0) throw broken[0];
        await sleep(50);
      }
    },
  };
}

async function serve(lab: Lab): Promise<{ served: Served; samples: Sample[]; stop(): Promise<void> }> {
  const here = (name: string) => join(import.meta.dirname, name);
  const flags = [...NODE_FLAGS, "--expose-gc", "--import", here("streams-sampler.ts")];
  const words = [...flags, here("http-child.ts"), lab.home.path, lab.principal.org_id];
  const child: ChildProcess = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("no output to read");
  const samples: Sample[] = [];
  const found = Promise.withResolvers<Served>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const said = JSON.parse(line) as Served | Sample;
    if ("kept_mib" in said) samples.push(said);
    else found.resolve(said);
  });
  child.once("exit", (code) => found.reject(new Error(`the server ended with ${code} before it served`)));
  const stop = async () => {
    child.stdin?.end();
    if (child.exitCode === null) await once(child, "exit");
  };
  return { served: await found.promise, samples, stop };
}
