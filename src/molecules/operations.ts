import { type Static, Type } from "typebox";
import { AppError } from "../errors.ts";
import { logEvents } from "../events/log.ts";
import { closed, count } from "../fields.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { allRefused, type IdentifiedRecords, identifyRecords, turnOf } from "./identify.ts";
import { registerRecords } from "./register.ts";
import {
  AddedMolecules,
  AddMolecules,
  ListedMolecules,
  ListMolecules,
  MoleculeId,
  ShownMolecule,
} from "./schema.ts";
import {
  deleteRegistrations,
  selectMoleculeParts,
  selectMolecules,
  selectOptionalMolecule,
} from "./store.ts";

export const addMolecules = operation<
  typeof AddMolecules,
  typeof AddedMolecules,
  IdentifiedRecords,
  "molecule.add"
>({
  name: "molecule.add",
  summary: "Register molecules; one bad record never stops the rest, and all bad are refused",
  permission: "molecules:write",
  http: { method: "POST", path: "/molecules" },
  tx: "results",
  input: AddMolecules,
  output: AddedMolecules,
  async prepare(call, { records }) {
    const read = await identifyRecords(call.services.toolkit, records, turnOf(call));
    const { accepted, rejected } = read;
    if (accepted.length === 0 && rejected.length > 0)
      throw allRefused(rejected, rejected.length, ({ line }) => `/records/${line - 1}/text`);
    return read;
  },
  async run({ scope, principal, prepared }, input) {
    const registered = await registerRecords(
      scope,
      {
        owner_id: principal.user_id,
        visibility: input.visibility ?? "organization",
        source_file: input.source_file ?? null,
      },
      prepared.accepted,
    );
    const items = registered.map(({ molecule_id, created, species }) => {
      const { identity_key, inchikey, smiles, formula, charge, stereo_status } = species;
      return { molecule_id, identity_key, inchikey, smiles, formula, charge, stereo_status, created };
    });
    return { items, rejected: prepared.rejected };
  },
  told: (_input, answer) => ({
    entity_type: "molecule",
    metadata: { registered: answer.items.length, rejected: answer.rejected.length },
  }),
});

export const listMolecules = operation({
  name: "molecule.list",
  summary: "Molecules that you may see, newest first; all, or by name, tag and formula",
  permission: "molecules:read",
  http: { method: "GET", path: "/molecules" },
  tx: "results",
  input: ListMolecules,
  output: ListedMolecules,
  async run({ scope }, { name, tag, formula, ...page }) {
    const wish = pageWish(page);
    const search = {
      ...(name === undefined ? {} : { name }),
      ...(tag === undefined ? {} : { tag }),
      ...(formula === undefined ? {} : { formula }),
    };
    const rows = await selectMolecules(scope.tx, wish, search);
    return pageOf(wish, rows, (row) => ({ at: row.registered_at, id: row.registration_id }));
  },
});

export const showMolecule = operation({
  name: "molecule.show",
  summary: "One molecule with its registrations and relations",
  permission: "molecules:read",
  http: { method: "GET", path: "/molecules/{molecule_id}" },
  tx: "results",
  input: closed({ molecule_id: MoleculeId }),
  output: ShownMolecule,
  async run({ scope }, { molecule_id }) {
    const molecule = await selectOptionalMolecule(scope.tx, molecule_id);
    if (molecule === undefined) throw new AppError("not_found", "no such molecule");
    const parts = await selectMoleculeParts(scope.tx, molecule_id);
    return { ...molecule, ...parts } as Static<typeof ShownMolecule>;
  },
});

export const deleteMolecule = operation({
  name: "molecule.delete",
  summary: "Take back your registrations of a molecule; what was computed of it stays",
  permission: "molecules:write",
  http: { method: "DELETE", path: "/molecules/{molecule_id}" },
  tx: "results",
  input: closed({ molecule_id: MoleculeId }),
  output: Type.Object({
    molecule_id: MoleculeId,
    registrations: count("Registrations of yours that were taken back."),
  }),
  async run({ scope, principal }, { molecule_id }) {
    const molecule = await selectOptionalMolecule(scope.tx, molecule_id);
    if (molecule === undefined) throw new AppError("not_found", "no such molecule");
    const gone = await deleteRegistrations(scope.tx, molecule_id, principal.user_id);
    if (gone.length === 0)
      throw new AppError("forbidden", "you have no registration of this molecule: it is a colleague's");
    const isPrivate = gone.every((visibility) => visibility === "private");
    await logEvents(scope.tx, [
      {
        event_type: "molecule_deleted",
        entity_type: "molecule",
        entity_id: molecule_id.toLowerCase(),
        user_id: principal.user_id,
        context: { registrations: gone.length },
        private_to: isPrivate ? principal.user_id : null,
      },
    ]);
    return { molecule_id, registrations: gone.length };
  },
  told: ({ molecule_id }, { registrations }) => ({
    entity_type: "molecule",
    entity_id: molecule_id,
    metadata: { registrations },
  }),
});
