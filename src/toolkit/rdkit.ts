import { createRequire } from "node:module";
import type { MainModule, Mol } from "@rdkit/rdkit";

/** One instance of RDKit's WebAssembly module. After a trap every call on it throws: drop it and load another. */
export type Rdkit = MainModule;
export type { Mol };

type Init = (options: { print: () => void; printErr: () => void }) => Promise<Rdkit>;

/**
 * A fresh RDKit instance (0.1–0.4 s, about 50 MB). The new stereo perception is on: the old one counts no
 * stereo on symmetric rings, and loses double-bond stereo when a molecule is read from its JSON.
 */
export async function loadRdkit(): Promise<Rdkit> {
  // RDKit is CommonJS and its types describe an ES module, so it is required and typed here, once.
  const init = createRequire(import.meta.url)("@rdkit/rdkit") as Init;
  const quiet = { print: () => undefined, printErr: () => undefined };
  const rdkit = await init(quiet);
  rdkit.use_legacy_stereo_perception(false);
  return rdkit;
}

/**
 * Lends a molecule and frees it, whatever happens: an undeleted one costs about 27 kB of WASM memory for
 * good. `null` when RDKit does not accept the text. `details` are RDKit's options for reading it, as JSON.
 */
export function withMol<T>(rdkit: Rdkit, text: string, use: (mol: Mol) => T, details = "{}"): T | null {
  const mol = rdkit.get_mol(text, details);
  if (mol === null) return null;
  try {
    return use(mol);
  } finally {
    free(mol);
  }
}

/** After a trap `delete` throws as well, and would hide the error that matters. */
function free(mol: Mol): void {
  try {
    mol.delete();
  } catch {
    // The instance is dead and about to be dropped.
  }
}
