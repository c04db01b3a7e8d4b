// A thread of the import's baseline: toolkit calls that give a species what we keep of it, alone.
import { parentPort, workerData } from "node:worker_threads";
import { loadRdkit, type Rdkit, withMol } from "../src/toolkit/rdkit.ts";

/** Another mark than the toolkit's own threads have. */
export const BARE_MARK = "aliquot-bench-bare";

/** `plain`: as one writes it, both InChIs asked of RDKit. `same`: only the calls that src/toolkit/identity.ts makes. */
export type BareRequest = { smiles: string[]; calls: "plain" | "same" };

function bareCalls(rdkit: Rdkit, smiles: string, calls: BareRequest["calls"]): number {
  const size = withMol(rdkit, smiles, (mol) => {
    const graph = JSON.parse(mol.get_json()) as object;
    const descriptors = JSON.parse(mol.get_descriptors()) as object;
    const fixed = mol.get_inchi("-FixedH");
    const standard = calls === "plain" ? mol.get_inchi() : fixed;
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
  parentPort?.on("message", ({ smiles, calls }: BareRequest) => {
    parentPort?.postMessage(smiles.reduce((sum, each) => sum + bareCalls(rdkit, each, calls), 0));
  });
  parentPort?.postMessage("ready");
}
