import { sql } from "kysely";
import { submitCalculationsOperation } from "../src/calculations/operations.ts";
import { perform } from "../src/perform.ts";
import type { Identified } from "../src/toolkit/toolkit.ts";
import { copyAsBareRows, serverTime } from "./bare-rows.ts";
import { drugLikeSmiles } from "./data/smiles.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, clocked, item, median } from "./measure.ts";

const JOBS = 1000;

export const benchmark: Benchmark = {
  name: "submit",
  about: `${JOBS} molecules in one request until the last is claimable, beside the same rows by bare INSERT … SELECT`,
  async run({ quick }) {
    const rounds = quick ? 2 : 3;
    await using lab = await openLab();
    const smiles = drugLikeSmiles(JOBS * (rounds + 2));
    const part = (round: number) => smiles.slice((round + 1) * JOBS, (round + 2) * JOBS);
    const known = await lab.context.toolkit.identify(smiles.map((text) => ({ text, format: "smiles" })));
    const prepared = new Map(smiles.map((text, at) => [text, known[at] as Identified]));
    await submit(lab, smiles.slice(0, JOBS), prepared);
    let since = "";
    const { a, b } = await alternate(
      rounds,
      async (round) => {
        since = await serverTime(lab);
        return clocked(() => submit(lab, part(round), prepared));
      },
      async () => (await copyAsBareRows(lab, since)).seconds,
    );
    const whole = await clocked(() => submit(lab, smiles.slice(-JOBS)));
    const rate = JOBS / median(a.map(({ wall }) => wall));
    return [
      item("submit 1,000 molecules, chemistry known", "jobs/s", rate, JOBS / median(b)),
      item("submit 1,000 molecules, chemistry known", "ms", (1000 * JOBS) / rate, 1000 * median(b)),
      item("submit 1,000 molecules, identify included", "ms", 1000 * whole.wall),
    ];
  },
};

/** Through the door; with `prepared` the toolkit answers from there. Ends when every queue row is seen. */
async function submit(lab: Lab, smiles: string[], prepared?: Map<string, Identified>): Promise<void> {
  const { context, principal } = lab;
  const identify: typeof context.toolkit.identify = async (inputs) =>
    inputs.flatMap(({ text }) => prepared?.get(text) ?? []);
  const services =
    prepared === undefined ? context : { ...context, toolkit: { ...context.toolkit, identify } };
  const { jobs } = await perform(services, submitCalculationsOperation, principal, {
    molecules: smiles.map((text) => ({ text, format: "smiles" as const })),
    task: "optimize",
    reuse: false,
    on_reject: "skip",
  });
  const ids = jobs.map(({ job_id }) => job_id);
  const claimable = await context.metadata.system(async (tx) => {
    const rows = await sql<{ count: number }>`SELECT count(*) FROM task_queue
      WHERE job_id = ANY (${ids}::uuid[]) AND lease_owner IS NULL AND available_at <= now()`.execute(tx);
    return rows.rows[0]?.count;
  });
  if (claimable !== ids.length) throw new Error(`${claimable} of ${ids.length} jobs can be claimed`);
}
