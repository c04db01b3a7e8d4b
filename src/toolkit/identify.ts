import { type Graph, graphFromJson, graphToJson } from "./graph.ts";
import { compoundKeys, describe, type Species } from "./identity.ts";
import { neutralise } from "./neutralise.ts";
import { normalise } from "./normalise.ts";
import { chooseParent, readCounterIons } from "./parent.ts";
import { type Rdkit, withMol } from "./rdkit.ts";
import { MAX_HEAVY_ATOMS, quote, refuseText, reject, tooManyAtoms } from "./text.ts";
import type { Identified, Identity, MoleculeInput, Rejected } from "./toolkit.ts";

/** What one RDKit instance is used with: the list of counter-ions is read on the first salt. */
export type Identifier = { rdkit: Rdkit; counterIons: Set<string> | null };

type Read = { species: Species; graph: Graph };

/**
 * The identities of one record: the species as drawn, its parent, the compound they belong to. A refusal is
 * a value. Throws only when RDKit trapped: then the instance is dead.
 */
export function identifyRecord(identifier: Identifier, input: MoleculeInput): Identified | Rejected {
  const refused = refuseText(input);
  if (refused) return refused;
  const text = input.format === "smiles" ? input.text.trim() : input.text;
  const read = withMol(identifier.rdkit, text, (mol): Read | Rejected => {
    const drawn = graphFromJson(mol.get_json());
    const bad = refuseGraph(drawn, text);
    if (bad) return bad;
    const graph = normalise(drawn);
    if (graph !== drawn) return readGraph(identifier.rdkit, graph);
    return { species: describe(identifier.rdkit, mol, graph), graph };
  });
  if (read === null)
    return reject(
      "unparsable_input",
      `${quote(text)} is not a molecule RDKit can read: check rings, brackets, valences`,
    );
  return "ok" in read ? read : withParents(identifier, read);
}

/** The identity of a graph as it stands, normalised; for comparing what an engine gave back. */
export function readGraph(rdkit: Rdkit, graph: Graph): Read {
  const json = graphToJson(graph);
  // RDKit's own aromaticity and rings, which an edited graph has lost.
  const read = withMol(rdkit, json, (mol) => {
    const perceived = graphFromJson(mol.get_json());
    return { species: describe(rdkit, mol, perceived), graph: perceived };
  });
  if (read === null) throw new Error("a rule made a molecule RDKit does not accept");
  return read;
}

function refuseGraph(graph: Graph, text: string): Rejected | null {
  const heavy = graph.atoms.filter((atom) => atom.z > 1).length;
  if (graph.atoms.length === 0) return reject("bad_input", "the record has no atoms: give at least one");
  if (graph.atoms.some((atom) => atom.z === 0))
    return reject(
      "unsupported_element",
      `${quote(text)} has a dummy atom or R-group: give one whole molecule`,
    );
  if (graph.isQuery || graph.bonds.some((bond) => bond.order === 0))
    return reject("unparsable_input", `${quote(text)} is a search pattern: atoms and bonds must be definite`);
  return heavy > MAX_HEAVY_ATOMS ? tooManyAtoms(heavy) : null;
}

function withParents(identifier: Identifier, drawn: Read): Identified | Rejected {
  const { rdkit } = identifier;
  const choice = chooseParent(rdkit, drawn.graph, () => (identifier.counterIons ??= readCounterIons(rdkit)));
  if (choice.kind === "ambiguous") {
    const parts = choice.parts.map(quote).slice(0, 3).join(", ");
    return reject(
      "ambiguous_parent",
      `${choice.parts.length} different parts could be the parent (${parts}): give one`,
    );
  }
  const parent = choice.kind === "part" ? readGraph(rdkit, choice.graph) : null;
  const base = parent ?? drawn;
  const neutralGraph = neutralise(base.graph);
  const neutral = neutralGraph === base.graph ? base : readGraph(rdkit, neutralGraph);
  const keys = compoundKeys(rdkit, neutral.species, neutral.graph);
  const complete = (read: Read): Identity => ({ ...read.species, ...keys });
  return {
    ok: true,
    species: complete(drawn),
    parent:
      parent && choice.kind === "part"
        ? { identity: complete(parent), rule: choice.rule, removed: choice.removed }
        : null,
    compound_parent: neutral.species.identity_key === base.species.identity_key ? null : complete(neutral),
  };
}
