import { sql } from "kysely";
import { createBatchOperation } from "../src/batches/operations.ts";
import { perform } from "../src/perform.ts";
import { type Copied, copyAsBareRows, serverTime } from "./bare-rows.ts";
import { knowMolecules } from "./known.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, clocked, item, median } from "./measure.ts";

const ITEMS = 10_000;

export const benchmark: Benchmark = {
  name: "batch",
  about: `one request for ${ITEMS} jobs of known molecules until the last is claimable, beside the same rows by bare INSERT … SELECT`,
  async run({ quick, say }) {
    await using lab = await openLab();
    const molecules = await knowMolecules(lab, ITEMS);
    await createOne(lab, molecules.slice(0, ITEMS / 10)); // connections, plans
    let since = "";
    const { a, b } = await alternate(
      quick ? 2 : 5,
      async () => {
        since = await serverTime(lab);
        let batch_id = "";
        const clock = await clocked(async () => {
          batch_id = await createOne(lab, molecules);
        }, lab.postmaster);
        await assertClaimable(lab, batch_id);
        return clock;
      },
      () => copyAsBareRows(lab, since),
    );
    assertSameRows(b.at(-1)?.rows ?? {}, say);
    const [rate, bare] = [a.map(({ wall }) => wall), b.map(({ seconds }) => seconds)].map(
      (seconds) => ITEMS / median(seconds),
    ) as [number, number];
    const cpu = (name: "own" | "server") => median(a.map((clock) => clock[name])).toFixed(2);
    say(`CPU of a request: this process ${cpu("own")} s, PostgreSQL ${cpu("server")} s`);
    return [
      item(`one batch request of ${ITEMS} jobs`, "jobs/s", rate, null, { of: "value", least: 5000 }),
      item("the same; same rows by bare INSERT … SELECT", "jobs/s", rate, bare, { of: "ratio", least: 0.6 }),
    ];
  },
};

/** One request, answered when its jobs were made and told. */
async function createOne({ context, principal }: Lab, molecule_ids: string[]): Promise<string> {
  const { batch_id, added } = await perform(context, createBatchOperation, principal, {
    pipeline: "xtb-optimize",
    molecule_ids,
    reuse: false,
  });
  if (added !== molecule_ids.length) throw new Error(`${added} of ${molecule_ids.length} items were taken`);
  return batch_id;
}

/** Looked at after the clock: the request is answered only when every one of its tasks is in the queue, free to be claimed. */
async function assertClaimable({ context, principal }: Lab, batch_id: string): Promise<void> {
  const ids = await context.results.read(principal, async ({ tx }) => {
    const found = await tx.selectFrom("jobs").select("job_id").where("batch_id", "=", batch_id).execute();
    return found.map(({ job_id }) => job_id);
  });
  const claimable = await context.metadata.system(async (tx) => {
    const { rows } = await sql<{ count: number }>`SELECT count(*) FROM task_queue
      WHERE job_id = ANY (${ids}::uuid[]) AND lease_owner IS NULL AND available_at <= now()`.execute(tx);
    return rows[0]?.count;
  });
  if (claimable !== ITEMS) throw new Error(`${claimable} of ${ITEMS} jobs can be claimed`);
}

/** The baseline is none unless it writes all that a batch is made of. */
function assertSameRows(rows: Copied["rows"], say: (line: string) => void): void {
  say(`bare rows: ${JSON.stringify(rows)}`);
  for (const table of ["batch_items", "jobs", "job_inputs", "tasks", "job_events", "jobs_meta", "task_queue"])
    if (rows[table] !== ITEMS)
      throw new Error(`${rows[table]} rows of ${table} in the baseline, not ${ITEMS}`);
}
