import { AppError } from "../errors.ts";
import { type Flip, isSet, setStereo, turnAtom } from "./assign.ts";
import { type Bridge, isStrained, smallBridges } from "./bridges.ts";
import { copyGraph, type Graph, graphFromJson, graphToJson } from "./graph.ts";
import { type Identifier, identifyRecord } from "./identify.ts";
import type { Identities } from "./identities.ts";
import { describe, reread } from "./identity.ts";
import { ThreadFailure } from "./pool.ts";
import { type Mol, type Rdkit, withMol } from "./rdkit.ts";
import { openAtoms, openBonds } from "./stereo.ts";
import { openElements, quote, refuseText, reject } from "./text.ts";
import type { Identity, Isomers, NotEnumerated, Rejected } from "./toolkit.ts";
import type { Turn } from "./turns.ts";

type Answer = Isomers | NotEnumerated | Rejected;

/** 128 assignments cost about 0.3 s. Above that the centres are told, and nothing is tried. */
const MOST_CHOICES = 7;
const SECONDS = 60;

/** See `Toolkit.isomers`. */
export async function askIsomers(
  identities: Identities,
  smiles: string,
  most: number,
  turn: Turn,
): Promise<Answer> {
  if (!Number.isInteger(most) || most < 1)
    throw new AppError("bad_input", "the number of isomers to list must be a whole number from 1");
  const early = refuseText({ text: smiles, format: "smiles" });
  if (early) return early;
  try {
    const reply = await identities.ask({ kind: "isomers", smiles, most }, SECONDS, turn);
    if (reply.kind === "isomers") return reply.answer;
    throw new AppError("internal", "the toolkit gave no isomers");
  } catch (error) {
    if (!(error instanceof ThreadFailure)) throw error;
    return reject("too_large", `the toolkit ${error.message} on ${quote(smiles)}: give a smaller molecule`);
  }
}

/**
 * The thread's part. RDKit's JavaScript has no enumerator: every open element is set both ways in the graph,
 * RDKit reads it again and drops what is no stereocentre after all, and what has the same identity (meso
 * forms, equal halves) is one. Bicycles too small to be in,out are left out, see `smallBridges`: 3D would
 * tell as well, but costs seconds an isomer, and a force field closes many a ring that nobody can make.
 */
export function listIsomers(identifier: Identifier, smiles: string, most: number): Answer {
  const read = identifyRecord(identifier, { text: smiles, format: "smiles" });
  if (!read.ok) return read;
  const { rdkit } = identifier;
  // From the canonical SMILES, so that another drawing of it gives the same isomers in the same words.
  const choices = withMol(rdkit, read.species.smiles, (mol) => choicesOf(rdkit, mol));
  if (choices === null) throw new Error("RDKit did not read its own SMILES");
  const open = choices.flips.length;
  const not = (isomers: number | null, why: string): NotEnumerated => {
    const message = `${openElements(open)} open in ${quote(smiles)}: ${why}`;
    return { ok: false, code: "undefined_stereo", message, open_centres: open, isomers };
  };
  if (open === 0) return { ok: true, isomers: [read.species], open_centres: 0 };
  if (open > MOST_CHOICES) return not(null, "too many to list their isomers: draw more of them");
  const found = expand(rdkit, choices);
  if (found.size > most)
    return not(found.size, `${found.size} isomers, more than ${most}: draw more of them`);
  if (found.size === 0) return not(0, "none can be made with the bridgeheads that are drawn");
  const isomers = [...found].flatMap(([key, text]) => named(identifier, key, text) ?? []);
  if (isomers.length < found.size)
    return not(found.size, "not all isomers have a SMILES that RDKit can read: draw the one you mean");
  return { ok: true, isomers: isomers.sort(bySmiles), open_centres: open };
}

/** A graph with every open element set one way, what turns them, and the bicycles that they decide. */
type Choices = { graph: Graph; flips: Flip[]; bridges: Bridge[] };

function choicesOf(rdkit: Rdkit, mol: Mol): Choices {
  const drawn = graphFromJson(mol.get_json());
  const atoms = openAtoms(drawn, mol, (edited) => reread(rdkit, edited));
  const graph = copyGraph(drawn);
  const single = setStereo(graph, atoms, openBonds(drawn));
  // The atoms of an & or o group turn together; those of them that are open turn alone anyway.
  const groups = drawn.groups
    .map((group) => group.atoms.filter((atom) => isSet(drawn, atom)))
    .filter((group) => group.length > 0);
  graph.groups = [];
  const turning = new Set([...atoms, ...groups.flat()]);
  const heads = [...graph.atoms.keys()].filter((atom) => isSet(graph, atom));
  return {
    graph,
    flips: [...groups.map(turnTogether), ...single],
    // What is drawn is believed: only what turns here is judged.
    bridges: smallBridges(graph, heads).filter(({ ends }) => ends.some((atom) => turning.has(atom))),
  };
}

function turnTogether(group: number[]): Flip {
  return (graph) => {
    for (const atom of group) turnAtom(graph, atom);
  };
}

/** The species of all choices: a SMILES for each identity key. */
function expand(rdkit: Rdkit, { graph, flips, bridges }: Choices): Map<string, string> {
  const found = new Map<string, string>();
  for (let pattern = 0; pattern < 2 ** flips.length; pattern += 1) {
    const own = copyGraph(graph);
    for (const [place, flip] of flips.entries()) if ((pattern >> place) & 1) flip(own);
    if (isStrained(own, bridges)) continue;
    withMol(rdkit, graphToJson(own), (mol) => {
      const { identity_key, smiles } = describe(rdkit, mol, graphFromJson(mol.get_json()));
      if (!found.has(identity_key)) found.set(identity_key, smiles);
    });
  }
  return found;
}

/** The identity that a SMILES gives when it is read; null when RDKit drops its marks, see `namingSmiles`. */
function named(identifier: Identifier, key: string, text: string): Identity | null {
  const read = identifyRecord(identifier, { text, format: "smiles" });
  if (!read.ok || read.species.identity_key !== key || read.species.undefined_centres > 0) return null;
  return read.species;
}

function bySmiles(a: Identity, b: Identity): number {
  return a.smiles < b.smiles ? -1 : Number(a.smiles > b.smiles);
}
