import type { ResultsScope } from "../db/results.ts";
import { eventLogsInsert } from "../events/log.ts";
import { privateTo } from "../jobs/schema.ts";
import type { Identity } from "../toolkit/toolkit.ts";
import type { IdentifiedRecord } from "./identify.ts";
import { type NewRegistration, type Relation, registerMolecules, relateMolecules } from "./store.ts";

export type Registrar = { owner_id: string; visibility: string; source_file: string | null };

export type Registered = { molecule_id: string; created: boolean; species: Identity; line: number };

/**
 * Registers every record's species, its parent and its neutral compound, and how they belong together:
 * salt → parent (`salt_parent`), charged or zwitterionic → neutral (`protomer`). Answers in order.
 */
export async function registerRecords(
  scope: ResultsScope,
  registrar: Registrar,
  records: IdentifiedRecord[],
): Promise<Registered[]> {
  const rows = records.map(({ record, line, found }) => ({
    species: found.species,
    registration: {
      ...registration(registrar, record.text, record.name ?? null, line, record.properties ?? {}),
      tags: record.tags ?? [],
    },
  }));
  const relatives = records.flatMap((item) => relativesOf(item).map((species) => ({ species, item })));
  const kin = relatives.map(({ species, item }) => ({
    species,
    registration: registration(registrar, species.smiles, null, item.line, {
      derived_from: item.found.species.smiles,
    }),
  }));
  const ids = await registerMolecules(scope.tx, [...rows, ...kin]);
  logCreated(scope, registrar, ids);
  const idOf = new Map<string, string>();
  for (const [index, { species }] of [...rows, ...kin].entries())
    idOf.set(species.identity_key, ids[index]?.molecule_id ?? "");
  await relateMolecules(
    scope.tx,
    records.flatMap((item) => relationsOf(item, idOf)),
  );
  return rows.map(({ species }, index) => ({
    molecule_id: ids[index]?.molecule_id ?? "",
    created: ids[index]?.created ?? false,
    species,
    line: records[index]?.line ?? index + 1,
  }));
}

/** Only of what is new to the registrar: a colleague's private molecule is not revealed. */
function logCreated(
  { atEnd }: ResultsScope,
  { owner_id, visibility }: Registrar,
  ids: { molecule_id: string; created: boolean }[],
): void {
  const events = ids
    .filter(({ created }) => created)
    .map(({ molecule_id }) => ({
      event_type: "molecule_created" as const,
      entity_type: "molecule",
      entity_id: molecule_id,
      user_id: owner_id,
      private_to: privateTo({ visibility, owner_id }),
    }));
  atEnd.push(eventLogsInsert(events));
}

function registration(
  registrar: Registrar,
  text: string,
  name: string | null,
  line: number,
  properties: object,
): NewRegistration {
  return {
    owner_id: registrar.owner_id,
    visibility: registrar.visibility,
    name,
    input_text: text,
    source_file: registrar.source_file,
    source_row: registrar.source_file === null ? null : line,
    properties,
  };
}

function relativesOf({ found }: IdentifiedRecord): Identity[] {
  return [found.parent?.identity, found.compound_parent].filter((species) => species != null);
}

function relationsOf({ found }: IdentifiedRecord, idOf: Map<string, string>): Relation[] {
  const { species, parent, compound_parent } = found;
  const relations: Relation[] = [];
  const add = (of: Identity, child: Identity, kind: string, rule: string) => {
    const [parentId, childId] = [idOf.get(of.identity_key), idOf.get(child.identity_key)];
    if (parentId === undefined || childId === undefined || parentId === childId) return;
    relations.push({ parent: parentId, child: childId, kind, rule, tool_version: child.toolkit_version });
  };
  if (parent !== null) add(parent.identity, species, "salt_parent", parent.rule);
  const charged = parent?.identity ?? species;
  if (compound_parent !== null)
    add(compound_parent, charged, "protomer", `neutralised, rules ${species.identity_version}`);
  return relations;
}
