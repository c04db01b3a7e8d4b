import { isSet } from "./assign.ts";
import { type Graph, graphFromJson, neighboursOf } from "./graph.ts";
import { type Mol, type Rdkit, withMol } from "./rdkit.ts";
import { constitutionClasses, isCentre } from "./stereo.ts";

/** So many spellings are looked at; the inositols have up to 14, their hexaphosphates 35. */
const MOST_SPELLINGS = 200;

/**
 * The SMILES of a molecule whose FixedH InChI is given: RDKit's canonical one, except where a configuration
 * is one only by others. There RDKit 2026.09 gives one species several texts (of 64 drawings of the nine
 * inositols 26 change when they are read and written), some of which read as another species (myo, scyllo).
 * So every text is looked at that RDKit writes from such an atom, of the drawing and then of those texts
 * themselves; of those that name the species and that reading does not strip of a mark, the first by letters
 * is taken. What holds then, measured with 36 families of rings and chains: one text for each identity key,
 * and read again it gives itself, so that the atoms of a conformer stand in the order of the text that is
 * stored. It costs 3 to 60 ms a molecule instead of 2. None is for all-cis pentafluorocyclopentane, whose marks RDKit drops when it
 * reads them: the canonical one is given, and counts as undefined when it is read.
 */
export function namingSmiles(rdkit: Rdkit, mol: Mol, graph: Graph, inchi: string): string {
  const canonical = mol.get_smiles();
  if (inchi === "" || dependentStereo(graph).length === 0) return canonical;
  return namingTexts(rdkit, spellings(mol, graph), inchi).sort()[0] ?? canonical;
}

/** The texts of a species, of some and of all that RDKit makes of them when it reads and writes them. */
function namingTexts(rdkit: Rdkit, texts: string[], inchi: string): string[] {
  const seen = new Set(texts);
  const naming: string[] = [];
  // `seen` grows while it is walked.
  for (const text of seen)
    withMol(rdkit, text, (again) => {
      if (again.get_inchi("-FixedH") !== inchi) return;
      const own = spellings(again, graphOf(again));
      // Reading strips marks that decide nothing, as the middle one of arabitol: such a text is not written again.
      if (own.includes(text)) naming.push(text);
      for (const each of own) if (seen.size < MOST_SPELLINGS) seen.add(each);
    });
  return naming;
}

/** What RDKit writes of a molecule: its canonical text, and one from each atom with dependent stereo. */
function spellings(mol: Mol, graph: Graph): string[] {
  const rooted = dependentStereo(graph).map((atom) => mol.get_smiles(JSON.stringify({ rootedAtAtom: atom })));
  return [mol.get_smiles(), ...rooted];
}

function graphOf(mol: Mol): Graph {
  return graphFromJson(mol.get_json());
}

/** Atoms that only the configurations of others make centres: on a ring (inositol), between two (ribitol). */
function dependentStereo(graph: Graph): number[] {
  const marked = [...graph.atoms.keys()].filter((atom) => isSet(graph, atom));
  if (marked.length < 2) return [];
  const neighbours = neighboursOf(graph);
  const classes = constitutionClasses(graph, neighbours);
  return marked.filter((atom) => !isCentre(neighbours, classes, atom));
}
