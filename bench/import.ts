import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { addMolecules } from "../src/molecules/operations.ts";
import { perform } from "../src/perform.ts";
import { BARE_MARK } from "./bare-rdkit.ts";
import { drugLikeSmiles } from "./data/smiles.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, clocked, item, median } from "./measure.ts";

/** As many records a call as `aliquot molecule import` sends, and a message of the toolkit's own size. */
const CALL = 1000;
const MESSAGE = 200;

export const benchmark: Benchmark = {
  name: "import",
  about: "molecule.add of SMILES beside the same toolkit calls alone, in as many threads",
  async run({ quick, say }) {
    const rounds = quick ? 2 : 5;
    const size = quick ? 1000 : 2000;
    await using lab = await openLab();
    await using bare = await openBare(lab.context.config.worker_slots);
    const all = drugLikeSmiles(size * (rounds + 1));
    const part = (round: number) => all.slice((round + 1) * size, (round + 2) * size);
    // Both sides are warm: RDKit loaded, statements planned, connections open.
    await addAll(lab, all.slice(0, size));
    await bare.run(all.slice(0, size));
    const { a, b } = await alternate(
      rounds,
      (round) => clocked(() => addAll(lab, part(round))),
      (round) => clocked(() => bare.run(part(round))),
    );
    say(`CPU of our process a record: ${ms(a, size)} ms, of the bare calls: ${ms(b, size)} ms`);
    const rate = (runs: { wall: number }[]) => size / median(runs.map(({ wall }) => wall));
    return [item("import of SMILES", "records/s", rate(a), rate(b), { of: "ratio", least: 0.9 })];
  },
};

function ms(runs: { cpu: number }[], size: number): string {
  return ((1000 * median(runs.map(({ cpu }) => cpu))) / size).toFixed(3);
}

async function addAll({ context, principal }: Lab, smiles: string[]): Promise<void> {
  for (let at = 0; at < smiles.length; at += CALL) {
    const records = smiles.slice(at, at + CALL).map((text) => ({ text, format: "smiles" as const }));
    const { rejected } = await perform(context, addMolecules, principal, { records });
    if (rejected[0] !== undefined) throw new Error(`${rejected[0].input}: ${rejected[0].message}`);
  }
}

/** Threads that do nothing but the calls. */
async function openBare(threads: number) {
  const file = new URL("./bare-rdkit.ts", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(file, { workerData: BARE_MARK }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const run = async (smiles: string[]) => {
    const chunks = Array.from({ length: Math.ceil(smiles.length / MESSAGE) }, (_, at) =>
      smiles.slice(at * MESSAGE, (at + 1) * MESSAGE),
    );
    await Promise.all(
      workers.map(async (worker) => {
        for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
          worker.postMessage(chunk);
          await once(worker, "message");
        }
      }),
    );
  };
  return {
    run,
    [Symbol.asyncDispose]: async () => void (await Promise.all(workers.map((worker) => worker.terminate()))),
  };
}
