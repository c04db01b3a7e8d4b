import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import autocannon, { type Options, type Result } from "autocannon";
import { addMolecules } from "../src/molecules/operations.ts";
import { configureOrgOperation } from "../src/orgs/operations.ts";
import { perform } from "../src/perform.ts";
import { NODE_FLAGS } from "../src/processes.ts";
import { drugLikeSmiles } from "./data/smiles.ts";
import type { Served } from "./http-child.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, item, median, percentile } from "./measure.ts";
import { type Arrivals, openLoop } from "./open-loop.ts";

const MOLECULES = 1200;
const ROWS = 1000;
const FEW = 10;
const CONNECTIONS = 8;
const SUBMIT_RATE = 100;
const SUBMIT_CONNECTIONS = 50;
/** Until V8 has compiled what is asked often, and connections have their plans: a server's first seconds, not its day. */
const SUBMIT_WARM_S = 8;

export const benchmark: Benchmark = {
  name: "http",
  about:
    "the API in a process of its own, asked from this one (pages by autocannon, submissions in an open loop), beside bare Fastify with the same transaction",
  async run({ quick, say }) {
    await using lab = await openLab();
    const submitting = quick ? 5 : 20;
    await fill(lab);
    const drawn = await freshMolecules(lab, SUBMIT_RATE * (submitting + SUBMIT_WARM_S + 6));
    await unlimited(lab);
    const child = serve(lab);
    try {
      const served = await addressOf(child);
      const seconds = quick ? 3 : 8;
      const shoot = shooter(served);
      await shoot("api", `/v1/molecules?limit=${FEW}`, { duration: 2 });
      await shoot("bare", `/molecules?limit=${FEW}`, { duration: 2 });
      const rounds = quick ? 2 : 5;
      const few = await alternate(
        rounds,
        () => shoot("api", `/v1/molecules?limit=${FEW}`, { duration: seconds }),
        () => shoot("bare", `/molecules?limit=${FEW}`, { duration: seconds }),
      );
      const page = await alternate(
        rounds,
        () => shoot("api", `/v1/molecules?limit=${ROWS}`, { amount: 30, connections: 1 }),
        () => shoot("bare", `/molecules?limit=${ROWS}`, { amount: 30, connections: 1 }),
      );
      const warming = (SUBMIT_WARM_S + 2) * SUBMIT_RATE;
      await submit(served, drawn.slice(0, warming), SUBMIT_WARM_S);
      const submitted = await submit(served, drawn.slice(warming), submitting);
      if (submitted.refused > 0) throw new Error(`${submitted.refused} submissions were refused`);
      say(`submitted ${submitted.latencies_ms.length} in ${submitting} s`);
      const rate = (results: Result[]) => median(results.map((one) => one.requests.average));
      const p50 = (results: Result[]) => median(results.map((one) => one.latency.p50));
      return [
        item(
          `API page of ${FEW} rows; bare Fastify, same transaction`,
          "requests/s",
          rate(few.a),
          rate(few.b),
          {
            of: "ratio",
            least: 0.5,
          },
        ),
        item(`API page of ${ROWS} rows`, "ms", p50(page.a), p50(page.b), { of: "value", most: 100 }),
        item(
          `submit over HTTP, open loop ${SUBMIT_RATE}/s on ${SUBMIT_CONNECTIONS} connections, p99`,
          "ms",
          percentile(submitted.latencies_ms, 0.99),
          null,
          { of: "value", most: 50 },
        ),
        item("the same, median", "ms", median(submitted.latencies_ms)),
      ];
    } finally {
      child.stdin?.end();
      await once(child, "exit");
    }
  },
};

type Shoot = (whom: "api" | "bare", path: string, more: Partial<Options>) => Promise<Result>;

/** One run of autocannon; what is refused makes the figures worthless, and so fails. */
function shooter(served: Served): Shoot {
  return async (whom, path, more) => {
    const headers = whom === "api" ? { authorization: `Bearer ${served.token}` } : {};
    const result = await autocannon({ url: served[whom] + path, connections: CONNECTIONS, headers, ...more });
    if (result.non2xx + result.errors > 0)
      throw new Error(
        `${path}: ${JSON.stringify(result.statusCodeStats)} ${result.non2xx} refused, ${result.errors} without an answer`,
      );
    return result;
  };
}

/** Molecules of one part that are nowhere yet and whose stereo is drawn: others are refused, which is another question. */
async function freshMolecules({ context }: Lab, count: number): Promise<string[]> {
  const smiles = drugLikeSmiles(MOLECULES + 2 * count).slice(MOLECULES);
  const known = await context.toolkit.identify(smiles.map((text) => ({ text, format: "smiles" })));
  const isDrawn = (at: number) => {
    const one = known[at];
    return one !== undefined && "species" in one && ["none", "defined"].includes(one.species.stereo_status);
  };
  return smiles.filter((text, at) => !text.includes(".") && isDrawn(at)).slice(0, count);
}

/** Distinct molecules, one a submission. */
function submit(served: Served, smiles: string[], seconds: number): Promise<Arrivals> {
  let next = 0;
  const body = () => {
    const molecules = [{ text: smiles[next++], format: "smiles" }];
    return JSON.stringify({ molecules, task: "optimize" });
  };
  return openLoop({
    url: `${served.api}/v1/calculations`,
    headers: { authorization: `Bearer ${served.token}` },
    body,
    rate_per_s: SUBMIT_RATE,
    seconds,
    connections: SUBMIT_CONNECTIONS,
  });
}

async function fill({ context, principal }: Lab): Promise<void> {
  const records = drugLikeSmiles(MOLECULES).map((text) => ({ text, format: "smiles" as const }));
  for (let at = 0; at < records.length; at += 400)
    await perform(context, addMolecules, principal, { records: records.slice(at, at + 400) });
}

/** Limits are there for people: what is measured here is how fast it could go. */
async function unlimited({ context, principal }: Lab): Promise<void> {
  const set = { rate_limit_per_minute: 1_000_000, rate_limit_organization_per_minute: 10_000_000 };
  await perform(context, configureOrgOperation, principal, { org: principal.org_id, set });
}

function serve(lab: Lab): ChildProcess {
  const path = join(import.meta.dirname, "http-child.ts");
  return spawn(process.execPath, [...NODE_FLAGS, path, lab.home.path, lab.principal.org_id], {
    stdio: ["pipe", "pipe", "inherit"],
  });
}

async function addressOf(child: ChildProcess): Promise<Served> {
  if (child.stdout === null) throw new Error("no output to read");
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as Served;
  throw new Error("the server ended before it served");
}
