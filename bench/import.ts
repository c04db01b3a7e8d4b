import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { addInChunks } from "../src/cli/chunks.ts";
import { addMolecules } from "../src/molecules/operations.ts";
import { perform } from "../src/perform.ts";
import { BARE_MARK, type BareRequest } from "./bare-rdkit.ts";
import { drugLikeSmiles } from "./data/smiles.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, clocked, item, median } from "./measure.ts";

/** As many records a message as the toolkit itself sends its threads. */
const MESSAGE = 200;

export const benchmark: Benchmark = {
  name: "import",
  about: "SMILES through molecule.add as the command sends them, beside the same toolkit calls alone",
  async run({ quick, say }) {
    const [rounds, size] = quick ? [2, 1000] : [3, 3000];
    await using lab = await openLab();
    await using bare = await openBare(lab.context.config.worker_slots);
    const all = drugLikeSmiles(size * rounds + MESSAGE * 5);
    // Both sides are warm: RDKit loaded, statements planned, connections open.
    await addAll(lab, all.slice(size * rounds));
    await bare.run(all.slice(size * rounds), "plain");
    const runs: Record<"ours" | "plain" | "same", { wall: number; cpu: number }[]> = {
      ours: [],
      plain: [],
      same: [],
    };
    for (let round = 0; round < rounds; round++) {
      const part = all.slice(round * size, (round + 1) * size);
      const species = await speciesOf(lab, part);
      runs.ours.push(await clocked(() => addAll(lab, part), lab.postmaster));
      runs.plain.push(await clocked(() => bare.run(species, "plain")));
      runs.same.push(await clocked(() => bare.run(species, "same")));
    }
    const middle = (side: keyof typeof runs, name: "wall" | "cpu") =>
      median(runs[side].map((run) => run[name]));
    const ms = (side: keyof typeof runs) => ((1000 * middle(side, "cpu")) / size).toFixed(3);
    say(
      `CPU a record: ours ${ms("ours")} ms with PostgreSQL, plain ${ms("plain")}, same calls ${ms("same")}`,
    );
    const rate = (side: keyof typeof runs) => size / middle(side, "wall");
    const goal = { of: "ratio", least: 0.9 } as const;
    return [
      item("import of SMILES ÷ toolkit alone", "records/s", rate("ours"), rate("plain"), goal),
      item("import of SMILES ÷ only the calls it makes", "records/s", rate("ours"), rate("same")),
    ];
  },
};

/** Every species that a record brings, a salt its parent too: what the bare calls are made of. */
async function speciesOf({ context }: Lab, smiles: string[]): Promise<string[]> {
  const found = await context.toolkit.identify(smiles.map((text) => ({ text, format: "smiles" })));
  return found.flatMap((each) => {
    if (!each.ok) throw new Error(each.message);
    const all = [each.species, each.parent?.identity, each.compound_parent];
    return all.flatMap((species) => (species == null ? [] : [species.smiles]));
  });
}

async function addAll({ context, principal }: Lab, smiles: string[]): Promise<void> {
  const records = smiles.map((text) => ({ text, format: "smiles" as const }));
  const { rejected } = await addInChunks(records, (chunk) =>
    perform(context, addMolecules, principal, { records: chunk }),
  );
  if (rejected[0] !== undefined) throw new Error(`${rejected[0].input}: ${rejected[0].message}`);
}

/** Threads that do nothing but the calls. */
async function openBare(threads: number) {
  const file = new URL("./bare-rdkit.ts", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(file, { workerData: BARE_MARK }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const run = async (smiles: string[], calls: BareRequest["calls"]) => {
    const chunks = Array.from({ length: Math.ceil(smiles.length / MESSAGE) }, (_, at) =>
      smiles.slice(at * MESSAGE, (at + 1) * MESSAGE),
    );
    const work = async (worker: Worker) => {
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
        worker.postMessage({ smiles: chunk, calls } satisfies BareRequest);
        await once(worker, "message");
      }
    };
    await Promise.all(workers.map(work));
  };
  return {
    run,
    [Symbol.asyncDispose]: async () => void (await Promise.all(workers.map((worker) => worker.terminate()))),
  };
}
