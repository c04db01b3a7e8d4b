import { COUNTER_IONS } from "./counterions.ts";
import { componentsOf, type Graph, graphFromJson, graphToJson, subgraph } from "./graph.ts";
import { neutralise } from "./neutralise.ts";
import { type Rdkit, withMol } from "./rdkit.ts";

/** The one part of a record that counts, why, and the SMILES of the parts taken off; or why there is none. */
export type ParentChoice =
  | { kind: "whole" }
  | { kind: "part"; graph: Graph; rule: string; removed: string[] }
  | { kind: "ambiguous"; parts: string[] };

const WITHOUT_STEREO = JSON.stringify({ doIsomericSmiles: false });

type Part = { graph: Graph; smiles: string; neutral: string; listed: boolean };

/**
 * The parent of a record. Parts on the counter-ion list are taken off. What is left: one part, or several
 * that are the same once neutral, is the parent; several different ones are ambiguous, whatever their
 * size. When all parts are on the list, the only organic one is the parent (sodium acetate: acetate), else
 * the record is its own (sodium chloride).
 */
export function chooseParent(rdkit: Rdkit, graph: Graph, list: () => ReadonlySet<string>): ParentChoice {
  const components = componentsOf(graph);
  if (components.length < 2) return { kind: "whole" };
  const listed = list();
  const parts = components.map((atoms) => readPart(rdkit, subgraph(graph, atoms), listed));
  const left = parts.filter((part) => !part.listed);
  if (left.length > 0) return pick(parts, left, "counter_ions_removed");
  const organic = parts.filter((part) => part.graph.atoms.some((atom) => atom.z === 6));
  if (new Set(organic.map((part) => part.neutral)).size !== 1) return { kind: "whole" };
  return pick(parts, organic, "only_organic_part");
}

/** The counter-ion list as this RDKit version writes it, without stereo. About 20 ms, so once a thread. */
export function readCounterIons(rdkit: Rdkit): Set<string> {
  return new Set(
    COUNTER_IONS.map(([name, smiles]) => {
      const flat = withMol(
        rdkit,
        smiles,
        (mol) => spell(rdkit, neutralise(graphFromJson(mol.get_json()))).flat,
      );
      if (!flat) throw new Error(`the counter-ion ${name} does not parse`);
      return flat;
    }),
  );
}

function pick(parts: Part[], left: Part[], rule: string): ParentChoice {
  // Without stereo the list matches; with stereo two enantiomers drawn side by side are two.
  if (new Set(left.map((part) => part.neutral)).size > 1)
    return { kind: "ambiguous", parts: [...new Set(left.map((part) => part.smiles))] };
  // Equal parts may be drawn in several states (a hemi-salt): the neutral one, else the first by SMILES.
  const [first] = left.toSorted(
    (a, b) => charges(a.graph) - charges(b.graph) || (a.smiles < b.smiles ? -1 : Number(a.smiles > b.smiles)),
  );
  if (first === undefined) return { kind: "whole" };
  const removed = parts.filter((part) => !left.includes(part)).map((part) => part.smiles);
  return {
    kind: "part",
    graph: first.graph,
    rule: removed.length > 0 ? rule : "identical_parts",
    removed: removed.sort(),
  };
}

function readPart(rdkit: Rdkit, graph: Graph, listed: ReadonlySet<string>): Part {
  const drawn = spell(rdkit, graph);
  const neutralGraph = neutralise(graph);
  // Most counter-ions are drawn neutral: then one molecule answers for both.
  const neutral = neutralGraph === graph ? drawn : spell(rdkit, neutralGraph);
  return { graph, smiles: drawn.smiles, neutral: neutral.smiles, listed: listed.has(neutral.flat) };
}

/** SMILES with and without stereo. */
function spell(rdkit: Rdkit, graph: Graph): { smiles: string; flat: string } {
  const both = withMol(rdkit, graphToJson(graph), (mol) => ({
    smiles: mol.get_smiles(),
    flat: mol.get_smiles(WITHOUT_STEREO),
  }));
  return both ?? { smiles: "", flat: "" };
}

function charges(graph: Graph): number {
  return graph.atoms.reduce((sum, atom) => sum + Math.abs(atom.charge), 0);
}
