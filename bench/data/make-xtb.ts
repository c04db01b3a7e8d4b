// `node bench/data/make-xtb.ts` writes xtb.xyz: 16 frames, each the start geometry of one optimisation of the benchmark
// `worker`. Kept as a file, because making them takes the toolkit half a minute and both sides read the same.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatXyz } from "../../src/structures/xyz.ts";
import { openToolkit } from "../../src/toolkit/toolkit.ts";

/** Hydroxyethylamine sulfonamides, 50 to 65 atoms: 1 to 3 s of xtb each on one core. */
const ACYLS = ["OC", "C", "c2ccco2", "C2CC2"];
const RINGS = ["c1ccccc1", "c1ccc(F)cc1", "c1cccs1", "c1ccc(N)cc1"];

const smiles = ACYLS.flatMap((acyl) =>
  RINGS.map((ring) => `CCCN(C[C@@H](O)[C@H](Cc3ccccc3)NC(=O)${acyl})S(=O)(=O)${ring}`),
);
await using toolkit = openToolkit({ threads: 2 });
const frames = await Promise.all(
  smiles.map(async (text) => {
    const { geometry, generator } = await toolkit.embed(text, { seed: 42 });
    return formatXyz(geometry, `${text} ${generator}`, 4);
  }),
);
writeFileSync(join(import.meta.dirname, "xtb.xyz"), frames.join(""));
