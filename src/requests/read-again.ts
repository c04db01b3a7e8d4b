import { type IdentifiedRecord, identifyRecords, turnOf } from "../molecules/identify.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import { isDecided, type KnownSpecies, speciesOf } from "./known.ts";
import type { Call } from "./rules.ts";

/**
 * Known molecules as the toolkit would say them: it is asked only about drawings that do not say all of themselves
 * (stereo, parts, radicals). What it says decides whether and how they are computed, and not what they are.
 */
export async function readAgain(call: Call, known: KnownSpecies[]) {
  const records = new Map(
    known.map((species, index): [MoleculeRecord, KnownSpecies] => [
      { text: species.smiles ?? "", format: "smiles", line: index + 1 },
      species,
    ]),
  );
  const open = [...records].flatMap(([record, species]) => (isDecided(species) ? [] : [record]));
  const { accepted, rejected } = await identifyRecords(call.services.toolkit, open, turnOf(call));
  const again = new Map(accepted.map((item) => [item.record, item]));
  const found = [...records].flatMap(([record, species]): IdentifiedRecord[] => {
    const item = again.get(record);
    if (isDecided(species)) return [{ record, line: record.line ?? 1, found: speciesOf(species) }];
    return item === undefined ? [] : [item];
  });
  return {
    found,
    rejected,
    speciesOf: ({ record }: IdentifiedRecord) => records.get(record) as KnownSpecies,
  };
}
