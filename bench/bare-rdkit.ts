// A thread of the import's baseline: the toolkit calls that src/toolkit/identity.ts makes of a species, alone.
import { parentPort, workerData } from "node:worker_threads";
import { loadRdkit, type Rdkit, withMol } from "../src/toolkit/rdkit.ts";

/** Another mark than the toolkit's own threads have. */
export const BARE_MARK = "aliquot-bench-bare";

function bareCalls(rdkit: Rdkit, smiles: string): number {
  const size = withMol(rdkit, smiles, (mol) => {
    const graph = JSON.parse(mol.get_json()) as object;
    const descriptors = JSON.parse(mol.get_descriptors()) as object;
    const [standard, fixed] = [mol.get_inchi(), mol.get_inchi("-FixedH")];
    const keys = rdkit.get_inchikey_for_inchi(standard) + rdkit.get_inchikey_for_inchi(fixed);
    return (
      Object.keys(graph).length + Object.keys(descriptors).length + keys.length + mol.get_smiles().length
    );
  });
  if (size === null) throw new Error(`${smiles} does not parse`);
  return size;
}

if (workerData === BARE_MARK) {
  const rdkit = await loadRdkit();
  parentPort?.on("message", (chunk: string[]) => {
    parentPort?.postMessage(chunk.reduce((sum, smiles) => sum + bareCalls(rdkit, smiles), 0));
  });
  parentPort?.postMessage("ready");
}
