import type { Bond, Geometry } from "../structures/geometry.ts";
import { aromaticAtoms } from "./aromatic.ts";
import { identifyAll } from "./batches.ts";
import { type Conformers, embedOne } from "./embed.ts";
import type { Identities } from "./identities.ts";
import { askIsomers } from "./isomers.ts";
import { openPool } from "./pool.ts";
import type { Turn } from "./turns.ts";

/** One record: a SMILES (with at most a CXSMILES extension) or a molblock (V2000 or V3000). */
export type MoleculeInput = { text: string; format: "smiles" | "molblock" };

/** One species and what decides it (design §7.1). Masses in g/mol and Da, TPSA in Å². */
export type Identity = {
  /** InChIKey of the FixedH InChI, or `S1-` and a hash of the canonical CXSMILES. */
  identity_key: string;
  identity_kind: "inchi" | "smiles";
  identity_version: number;
  /** FixedH InChI; null where InChI has none. */
  inchi: string | null;
  /** Standard InChIKey. */
  inchikey: string | null;
  compound_key: string;
  skeleton_key: string;
  /**
   * Canonical SMILES of the normalised species, with CXSMILES groups where it has enhanced stereo. One text for
   * each `identity_key`, and read again it gives itself, as far as tested: see `namingSmiles`.
   */
  smiles: string;
  /** Hill formula of the species as drawn, every hydrogen counted, without its charge. */
  formula: string;
  charge: number;
  stereo_status: "none" | "defined" | "partly" | "undefined";
  /** Stereo elements, atoms and double bonds, that are possible and not drawn. */
  undefined_centres: number;
  toolkit_version: string;
  heavy_atoms: number;
  molecular_weight: number;
  exact_mass: number;
  clogp: number;
  tpsa_angstrom2: number;
  hbd: number;
  hba: number;
  rotatable_bonds: number;
  rings: number;
  fsp3: number;
  has_metal: boolean;
  radical_electrons: number;
  /** Symbols in Hill order. */
  elements: string[];
};

export type Identified = {
  ok: true;
  /** Exactly what was drawn, the whole record. */
  species: Identity;
  /** Null when the species is its own parent; `removed` are SMILES of the parts on the counter-ion list. */
  parent: { identity: Identity; rule: string; removed: string[] } | null;
  /** The neutralised parent, where it differs from the parent or, without one, from the species. */
  compound_parent: Identity | null;
};

export type Rejected = {
  ok: false;
  code: "unparsable_input" | "ambiguous_parent" | "unsupported_element" | "too_large" | "bad_input";
  message: string;
};

export type Isomers = {
  ok: true;
  /** Every stereocentre defined, no two alike, sorted by SMILES. */
  isomers: Identity[];
  /** What was left open: undefined stereo elements, and each `&` or `o` group as one. */
  open_centres: number;
};
/** More stereoisomers than were asked for, or than can be counted (`isomers` null), or none that can exist. */
export type NotEnumerated = {
  ok: false;
  code: "undefined_stereo";
  message: string;
  open_centres: number;
  isomers: number | null;
};

/** One set of coordinates made from a SMILES: right-handed, Å, all hydrogens. */
export type Conformer = {
  molblock: string;
  /** The coordinates of the molblock, to its 4 decimals. */
  geometry: Geometry;
  bonds: Bond[];
  generator: string;
  seed: number;
  force_field: string;
  minimised: boolean;
};

/** Who asks for an organization says so in `turn`; each throws the reason of its signal. */
export type Toolkit = {
  /** The identity of each record, in order. One bad record is a Rejected value and never spoils the rest. */
  identify(inputs: MoleculeInput[], turn?: Turn): Promise<(Identified | Rejected)[]>;
  /**
   * One conformer of a one-part species with all stereo defined; the same seed gives the same bytes. Heavy
   * atoms stand in the order of the species' SMILES, however the given one is written; a species' own SMILES
   * is read as itself. The identity is computed again from the coordinates. AppError `engine_refused` with code
   * `embedding_failed`, `undefined_stereo`, `unsupported_element`, `too_large` or `unparsable_input`.
   */
  embed(smiles: string, options: { seed: number; timeLimitSeconds?: number } & Turn): Promise<Conformer>;
  /**
   * The stereoisomers that a drawing with open stereo stands for, at most `most`; the species itself where
   * nothing is open. What is drawn stays. AppError `bad_input` when `most` is no whole number from 1.
   */
  isomers(smiles: string, options: { most: number } & Turn): Promise<Isomers | NotEnumerated | Rejected>;
  /**
   * For each atom of a molblock, in its order and with its explicit hydrogens, whether RDKit calls it
   * aromatic. AppError `bad_input`, or `engine_refused` with code `unparsable_input` or `too_large`.
   */
  aromaticAtoms(molblock: string): Promise<boolean[]>;
  [Symbol.asyncDispose](): Promise<void>;
};

const EMBED_SECONDS = 120;
/**
 * RDKit and OpenChemLib in worker threads, `threads` (default 1) of each, started on first use. An idle
 * toolkit keeps no process alive; disposing ends the threads.
 */
export function openToolkit(options: { threads?: number } = {}): Toolkit {
  const threads = Math.max(1, Math.trunc(options.threads ?? 1));
  const identities: Identities = openPool(threadFile("identity-thread"), threads);
  const conformers: Conformers = openPool(threadFile("conformer-thread"), threads);
  return {
    identify: (inputs, turn) => identifyAll(identities, inputs, turn),
    embed: (smiles, { seed, timeLimitSeconds, ...turn }) =>
      embedOne({ identities, conformers, turn }, smiles, seed, timeLimitSeconds ?? EMBED_SECONDS),
    isomers: (smiles, { most, ...turn }) => askIsomers(identities, smiles, most, turn),
    aromaticAtoms: (molblock) => aromaticAtoms(identities, molblock),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([identities.close(), conformers.close()]);
    },
  };
}

/** The thread's file beside this one, `.ts` in a checkout and `.js` in the built package. */
function threadFile(name: string): URL {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  return new URL(`./${name}${extension}`, import.meta.url);
}
