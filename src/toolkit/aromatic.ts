import { AppError } from "../errors.ts";
import { asked, refused } from "./answers.ts";
import { graphFromJson } from "./graph.ts";
import type { Identities } from "./identities.ts";
import { type Mol, type Rdkit, withMol } from "./rdkit.ts";
import { quote, refuseText, reject } from "./text.ts";
import type { Rejected } from "./toolkit.ts";

const SECONDS = 30;
/** Said explicitly, because the answer is by the molblock's own atom numbers. */
const KEEP_HYDROGENS = JSON.stringify({ removeHs: false });

/** See `Toolkit.aromaticAtoms`. */
export async function aromaticAtoms(identities: Identities, molblock: string): Promise<boolean[]> {
  const early = refuseText({ text: molblock, format: "molblock" });
  if (early) throw refused(early);
  const reply = await asked(identities.ask({ kind: "aromatic", molblock }, SECONDS), molblock);
  if (reply.kind !== "aromatic") throw new AppError("internal", "the toolkit gave no aromatic atoms");
  if ("ok" in reply.atoms) throw refused(reply.atoms);
  return reply.atoms;
}

/** The thread's part. The record is taken as drawn: normalising moves charges, never atoms. */
export function readAromatic(rdkit: Rdkit, molblock: string): boolean[] | Rejected {
  const read = (mol: Mol): boolean[] => {
    // RDKit throws when asked for the JSON of no atoms.
    if (mol.get_num_atoms() === 0) return [];
    const graph = graphFromJson(mol.get_json());
    return graph.atoms.map((_, atom) => graph.aromatic.has(atom));
  };
  const atoms = withMol(rdkit, molblock, read, KEEP_HYDROGENS);
  if (atoms === null)
    return reject(
      "unparsable_input",
      `${quote(molblock)} is not a molblock RDKit can read: check its counts, valences and bonds`,
    );
  return atoms.length > 0 ? atoms : reject("bad_input", "the molblock has no atoms: give at least one");
}
