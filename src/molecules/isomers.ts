import type { ResultsScope } from "../db/results.ts";
import { openElements } from "../toolkit/text.ts";
import type { Identity, Toolkit } from "../toolkit/toolkit.ts";
import type { Turn } from "../toolkit/turns.ts";
import { type IdentifiedRecord, rejectedRecord } from "./identify.ts";
import { type Registered, type Registrar, registerRecords } from "./register.ts";
import type { RejectedRecord } from "./schema.ts";
import { relateMolecules } from "./store.ts";

/** Drawings that leave more isomers open than this are rejected: somebody has to say which is meant. */
export const MOST_ISOMERS = 8;

/** Drawings that are asked of the toolkit at one time. */
const AT_ONCE = 64;

/** One species to compute: a record as it was drawn, or one isomer of what it left open. */
export type IsomerRecord = {
  drawn: IdentifiedRecord;
  /** The molecule that was drawn, where it came by its id: it is there, and is not registered again. */
  molecule_id?: string;
  /** What is computed; the drawn record itself where its stereo is defined. */
  chosen: IdentifiedRecord;
  /** Its number and of how many; null where the drawing left nothing open. */
  isomer: { number: number; of: number } | null;
};

/**
 * Records with every stereocentre decided: those that leave some open become one record an isomer
 * (`enumerate`, up to 8), the first isomer alone (`arbitrary`), or are rejected (`refuse`, and above 8).
 */
export async function expandStereo(
  toolkit: Pick<Toolkit, "isomers">,
  records: IdentifiedRecord[],
  mode: "enumerate" | "arbitrary" | "refuse",
  turn: Turn,
): Promise<{ items: IsomerRecord[]; rejected: RejectedRecord[] }> {
  const answers: (IsomerRecord[] | RejectedRecord)[] = [];
  // Asked side by side, as the toolkit's threads queue what they can't do at once, but not all of a large file:
  // the clock of an answer starts when a thread takes it, so waiting costs it nothing.
  for (let start = 0; start < records.length; start += AT_ONCE)
    answers.push(
      ...(await Promise.all(
        records.slice(start, start + AT_ONCE).map((each) => expandOne(toolkit, each, mode, turn)),
      )),
    );
  return {
    items: answers.flatMap((each) => (Array.isArray(each) ? each : [])),
    rejected: answers.flatMap((each) => (Array.isArray(each) ? [] : [each])),
  };
}

async function expandOne(
  toolkit: Pick<Toolkit, "isomers">,
  drawn: IdentifiedRecord,
  mode: "enumerate" | "arbitrary" | "refuse",
  turn: Turn,
): Promise<IsomerRecord[] | RejectedRecord> {
  const { species } = drawn.found;
  if (species.undefined_centres === 0 && !species.smiles.includes("|"))
    return [{ drawn, chosen: drawn, isomer: null }];
  if (mode === "refuse")
    return rejectedRecord(drawn.record, drawn.line, "undefined_stereo", openStereo(species));
  const answer = await toolkit.isomers(species.smiles, { most: MOST_ISOMERS, ...turn });
  if (!answer.ok) return rejectedRecord(drawn.record, drawn.line, answer.code, answer.message);
  const isomers = mode === "arbitrary" ? answer.isomers.slice(0, 1) : answer.isomers;
  return isomers.map((isomer, index) => ({
    drawn,
    chosen: { ...drawn, found: { ok: true, species: isomer, parent: null, compound_parent: null } },
    isomer: { number: index + 1, of: answer.isomers.length },
  }));
}

function openStereo(species: Identity): string {
  const text = `"${species.smiles.slice(0, 60)}"`;
  return `${openElements(species.undefined_centres)} open in ${text}: draw each one (@, @@, /, \\)`;
}

/**
 * Registers the drawn species and, as relatives of it, the isomers that are computed. Answers one a given
 * item, in order: the species that is computed. A molecule that came by its id stays as it is registered.
 */
export async function registerIsomers(
  scope: ResultsScope,
  registrar: Registrar,
  items: IsomerRecord[],
): Promise<Registered[]> {
  const drawn = [
    ...new Set(items.filter((item) => item.molecule_id === undefined).map((item) => item.drawn)),
  ];
  const isomers = items.filter((item) => item.isomer !== null);
  const records = [...drawn, ...isomers.map(nameIsomer)];
  const registered = await registerRecords(scope, registrar, records);
  const idOf = new Map(records.map((record, index) => [record, registered[index]] as const));
  const ofDrawn = (item: IsomerRecord): Registered | undefined => {
    const { molecule_id, drawn: given } = item;
    if (molecule_id === undefined) return idOf.get(given);
    return { molecule_id, created: false, species: given.found.species, line: given.line };
  };
  const ofIsomer = new Map(isomers.map((item, index) => [item, registered[drawn.length + index]] as const));
  const relations = isomers.flatMap((item) => {
    const [parent, child] = [ofDrawn(item), ofIsomer.get(item)];
    if (parent === undefined || child === undefined || parent.molecule_id === child.molecule_id) return [];
    const tool_version = child.species.toolkit_version;
    const rule = `isomer ${item.isomer?.number} of ${item.isomer?.of}`;
    return [
      { parent: parent.molecule_id, child: child.molecule_id, kind: "stereoisomer", rule, tool_version },
    ];
  });
  await relateMolecules(scope.tx, relations);
  return items.flatMap((item) => (item.isomer === null ? ofDrawn(item) : ofIsomer.get(item)) ?? []);
}

/** An isomer as a record of its own: its SMILES, the drawn name with its number, and what it was drawn as. */
function nameIsomer({ drawn, chosen, isomer }: IsomerRecord): IdentifiedRecord {
  const { record, line } = drawn;
  const name = record.name === undefined ? {} : { name: `${record.name} isomer ${isomer?.number}` };
  const properties = { drawn_as: drawn.found.species.smiles };
  const text = chosen.found.species.smiles;
  return { record: { text, format: "smiles", ...name, properties }, line, found: chosen.found };
}
