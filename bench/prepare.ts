import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_TARGET } from "../src/demo-molecules.ts";
import { prepareLigand } from "../src/ligands/pdbqt.ts";
import { identifyRecords } from "../src/molecules/identify.ts";
import { expandStereo } from "../src/molecules/isomers.ts";
import { prepareReceptor } from "../src/receptors/prepare.ts";
import { parseMolblock } from "../src/structures/sdf.ts";
import { openToolkit, type Toolkit } from "../src/toolkit/toolkit.ts";
import { drugLikeSmiles } from "./data/smiles.ts";
import { type Benchmark, item, median } from "./measure.ts";

const RECEPTOR_ROUNDS = 9;
const STAGES = ["identity", "isomers", "3D", "aromaticity", "PDBQT"] as const;
type Stage = (typeof STAGES)[number];

export const benchmark: Benchmark = {
  name: "prepare",
  about: "a receptor and drug-like ligands from file to PDBQT, by stage, in one process",
  async run({ quick, say }) {
    const bytes = readFileSync(join(import.meta.dirname, "../examples", DEMO_TARGET.file));
    const cold = prepareOnce(bytes);
    const warm = median(Array.from({ length: RECEPTOR_ROUNDS }, () => prepareOnce(bytes)));
    const count = quick ? 10 : 100;
    // One in seven of the list is a salt, which is refused.
    const smiles = drugLikeSmiles(2 * count)
      .filter((text) => !text.includes("."))
      .slice(0, count);
    await using toolkit = openToolkit();
    const first = await prepareAll(toolkit, smiles);
    say(`${first.ligands} ligands of ${smiles.length} drawings, ${first.failed} without 3D`);
    const again = await prepareAll(toolkit, smiles);
    return [
      item("receptor preparation of 1HPV, first in a process", "s", cold, null, { of: "value", most: 0.2 }),
      item("receptor preparation of 1HPV", "s", warm, null, { of: "value", most: 0.2 }),
      ...STAGES.map((stage) =>
        item(
          `${smiles.length} drug-like drawings, ${stage}; repeated in the same process`,
          "s",
          again.seconds[stage],
          first.seconds[stage],
        ),
      ),
    ];
  },
};

function prepareOnce(bytes: Uint8Array): number {
  const began = performance.now();
  prepareReceptor(bytes, { keep_waters: [DEMO_TARGET.water] });
  return (performance.now() - began) / 1000;
}

/** Every drawing through every stage, as a submission and its tasks do, and the seconds that each stage took. */
async function prepareAll(toolkit: Toolkit, smiles: string[]) {
  const seconds: Record<Stage, number> = { identity: 0, isomers: 0, "3D": 0, aromaticity: 0, PDBQT: 0 };
  const timed = async <T>(stage: Stage, work: () => T | Promise<T>): Promise<T> => {
    const began = performance.now();
    const answer = await work();
    seconds[stage] += (performance.now() - began) / 1000;
    return answer;
  };
  const records = smiles.map((text) => ({ text, format: "smiles" as const }));
  const { accepted } = await timed("identity", () => identifyRecords(toolkit, records, {}));
  const { items } = await timed("isomers", () => expandStereo(toolkit, accepted, "enumerate", {}));
  let failed = 0;
  for (const { chosen } of items) {
    const { smiles: text } = chosen.found.species;
    const conformer = await timed("3D", () => toolkit.embed(text, { seed: 42 }).catch(() => null));
    if (conformer === null) {
      failed++;
      continue;
    }
    const { molblock } = conformer;
    const aromatic = await timed("aromaticity", () => toolkit.aromaticAtoms(molblock));
    await timed("PDBQT", () => {
      const { geometry, bonds, charges, isotopes } = parseMolblock(molblock);
      prepareLigand({ smiles: text, geometry, bonds, charges, isotopes, aromatic });
    });
  }
  return { seconds, ligands: items.length, failed };
}
