import { createHash } from "node:crypto";
import { hillFormula, hillOrder, isMetal, symbolOf } from "./elements.ts";
import { type Graph, graphFromJson, graphToJson } from "./graph.ts";
import { type Mol, type Rdkit, withMol } from "./rdkit.ts";
import { namingSmiles } from "./spelling.ts";
import { countStereo, type StereoCount } from "./stereo.ts";
import type { Identity } from "./toolkit.ts";

/**
 * Counts every change of what an identity means: normalisations, neutralisation, the counter-ion list, the
 * rule that picks the kind of key. Keys of different versions are not compared.
 */
export const IDENTITY_VERSION = 1;

const MAX_INCHI_HEAVY_ATOMS = 150;

/** An identity before it knows its compound. */
export type Species = Omit<Identity, "compound_key" | "skeleton_key">;

type Descriptors = Record<
  | "amw"
  | "exactmw"
  | "CrippenClogP"
  | "tpsa"
  | "NumHBD"
  | "NumHBA"
  | "NumRotatableBonds"
  | "NumRings"
  | "FractionCSP3"
  | "NumAtomStereoCenters"
  | "NumUnspecifiedAtomStereoCenters",
  number
>;

/** All that one species is, from its normalised graph and RDKit's molecule of the same graph. */
export function describe(rdkit: Rdkit, mol: Mol, graph: Graph): Species {
  const descriptors = JSON.parse(mol.get_descriptors()) as Descriptors;
  const counts = countElements(graph);
  const heavy = graph.atoms.filter((atom) => atom.z > 1).length;
  const hasMetal = graph.atoms.some((atom) => isMetal(atom.z));
  const stereo = countStereo(
    graph,
    mol,
    {
      centres: descriptors.NumAtomStereoCenters,
      unspecified: descriptors.NumUnspecifiedAtomStereoCenters,
    },
    (edited) => reread(rdkit, edited),
  );
  const inchi = fixedHydrogenInchi(mol);
  const standard = standardInchi(inchi);
  const asSmiles = inchi === "" || heavy > MAX_INCHI_HEAVY_ATOMS || hasMetal || graph.groups.length > 0;
  return {
    identity_key: asSmiles ? smilesKey(rdkit, graph) : rdkit.get_inchikey_for_inchi(inchi),
    identity_kind: asSmiles ? "smiles" : "inchi",
    identity_version: IDENTITY_VERSION,
    inchi: inchi === "" ? null : inchi,
    inchikey: standard === "" ? null : rdkit.get_inchikey_for_inchi(standard),
    smiles: graph.groups.length > 0 ? canonicalCx(rdkit, graph) : namingSmiles(rdkit, mol, graph, inchi),
    formula: hillFormula(counts),
    charge: graph.atoms.reduce((sum, atom) => sum + atom.charge, 0),
    stereo_status: stereoStatus(stereo),
    undefined_centres: stereo.undefined,
    toolkit_version: `rdkit ${rdkit.version()}`,
    heavy_atoms: heavy,
    molecular_weight: rounded(descriptors.amw, 4),
    exact_mass: rounded(descriptors.exactmw, 6),
    clogp: rounded(descriptors.CrippenClogP, 4),
    tpsa_angstrom2: rounded(descriptors.tpsa, 2),
    hbd: descriptors.NumHBD,
    hba: descriptors.NumHBA,
    rotatable_bonds: descriptors.NumRotatableBonds,
    rings: descriptors.NumRings,
    fsp3: rounded(descriptors.FractionCSP3, 6),
    has_metal: hasMetal,
    radical_electrons: graph.atoms.reduce((sum, atom) => sum + atom.radicals, 0),
    elements: hillOrder([...counts.keys()]),
  };
}

/** A graph as RDKit reads it, with its aromaticity and rings; null when it does not accept it. */
export function reread(rdkit: Rdkit, graph: Graph): Graph | null {
  return withMol(rdkit, graphToJson(graph), (mol) => graphFromJson(mol.get_json()));
}

/** The two keys of a compound, from its neutral parent: what all its salts, states and tautomers share. */
export function compoundKeys(
  rdkit: Rdkit,
  neutral: Species,
  graph: Graph,
): Pick<Identity, "compound_key" | "skeleton_key"> {
  const inchikey = neutral.inchikey;
  const usable = inchikey !== null && !neutral.has_metal && neutral.heavy_atoms <= MAX_INCHI_HEAVY_ATOMS;
  return {
    compound_key:
      neutral.identity_kind === "inchi" && inchikey !== null ? inchikey.slice(0, 25) : neutral.identity_key,
    // A racemate and its pure isomer share a skeleton, so that no split puts them on both sides.
    skeleton_key: usable ? inchikey.slice(0, 14) : hashKey(flatSmiles(rdkit, graph)),
  };
}

/** SMILES without stereo and isotopes. */
export function flatSmiles(rdkit: Rdkit, graph: Graph): string {
  return withMol(rdkit, graphToJson(graph), (mol) => mol.get_smiles('{"doIsomericSmiles":false}')) ?? "";
}

function smilesKey(rdkit: Rdkit, graph: Graph): string {
  return hashKey(canonicalCx(rdkit, graph));
}

/** From the graph and not from the record: a drawing's coordinates would be part of the text. */
function canonicalCx(rdkit: Rdkit, graph: Graph): string {
  return withMol(rdkit, graphToJson(graph), (mol) => mol.get_cxsmiles()) ?? "";
}

/** `S1-` and 128 bits of SHA-256 in hex. */
function hashKey(text: string): string {
  return `S1-${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
}

function fixedHydrogenInchi(mol: Mol): string {
  const inchi = mol.get_inchi("-FixedH");
  // An option RDKit does not know is ignored without a word, and the result is a standard InChI.
  if (inchi.startsWith("InChI=1S/"))
    throw new Error(`the toolkit gave no FixedH InChI: ${inchi.slice(0, 60)}`);
  return inchi;
}

/**
 * The standard InChI out of the FixedH one: what stands before the fixed-hydrogen layer. Asking RDKit for it
 * costs 0.3 of 2.0 ms a record; inchi.test.ts holds it against RDKit's own.
 */
export function standardInchi(fixed: string): string {
  const layer = fixed.indexOf("/f");
  return (layer < 0 ? fixed : fixed.slice(0, layer)).replace("InChI=1/", "InChI=1S/");
}

/** Sums run in atom order, so their last bits differ between drawings of one species. */
function rounded(value: number, places: number): number {
  return Number(value.toFixed(places)) + 0;
}

function countElements(graph: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (symbol: string, count: number) => counts.set(symbol, (counts.get(symbol) ?? 0) + count);
  for (const atom of graph.atoms) {
    add(symbolOf(atom.z), 1);
    if (atom.hydrogens > 0) add("H", atom.hydrogens);
  }
  return counts;
}

function stereoStatus(count: StereoCount): Identity["stereo_status"] {
  if (count.undefined > 0) return count.defined > 0 ? "partly" : "undefined";
  return count.defined > 0 ? "defined" : "none";
}
