import type { OrgPrincipal } from "../access/principal.ts";
import { canonical, signatureOf } from "../canonical.ts";
import type { ResultsScope } from "../db/results.ts";
import type { StoredObject } from "../objects/store.ts";
import type { Services } from "../services.ts";
import { insertStructure, selectStructures, servesInstead } from "../structures/store.ts";
import { type PreparedReceptor, prepareReceptor } from "./prepare.ts";
import { isReceptor, type Receptor, type ReceptorPreparation } from "./receptor.ts";
import type { PrepareReceptor } from "./schema.ts";
import { waitForSameReceptor } from "./store.ts";

/** A receptor that was prepared and whose bytes are stored, with those of its file. */
export type MadeReceptor = {
  prepared: PreparedReceptor;
  options: Record<string, unknown>;
  source: StoredObject;
  pdbqt: StoredObject;
};

/** Prepares and stores the bytes, with no transaction open. Throws AppError as `prepareReceptor` does. */
export async function makeReceptor(
  { services, principal }: { services: Services; principal: OrgPrincipal },
  input: PrepareReceptor,
): Promise<MadeReceptor> {
  const { file_name: _name, content_base64, visibility: _seen, ...options } = input;
  const bytes = Buffer.from(content_base64, "base64");
  const prepared = prepareReceptor(bytes, options);
  const source = await services.objects.put(principal.org_id, bytes);
  const pdbqt = await services.objects.put(principal.org_id, Buffer.from(prepared.pdbqt));
  return { prepared, options, source, pdbqt };
}

const NOTHING = { molecule_id: null, charge: null, multiplicity: null, geometry_hash: null };

/** Writes the file and the receptor made of it, or finds the same file prepared in the same way. */
export async function keepReceptor(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: MadeReceptor },
  input: PrepareReceptor,
): Promise<Receptor & { created: boolean }> {
  const { scope, principal, prepared: made } = call;
  const owned = { owner_id: principal.user_id, visibility: input.visibility ?? "organization" };
  const { checksum } = made.pdbqt;
  await waitForSameReceptor(scope.tx, checksum);
  const same = await selectStructures(scope.tx, { limit: 20, kind: "receptor", checksum });
  const wanted = hashOf(made.prepared.report);
  // The report tells of every choice, and of the file by its hash.
  const known = same
    .filter(isReceptor)
    .find((row) => servesInstead(row, owned) && hashOf(row.preparation.report) === wanted);
  if (known !== undefined) return { ...known, created: false };
  const base = { name: input.file_name, kind: "receptor", ...owned, ...NOTHING } as const;
  const file = await insertStructure(scope.tx, {
    ...base,
    ...made.source,
    format: "pdb",
    preparation: {},
    source: `upload:${input.file_name}`,
  });
  const preparation: ReceptorPreparation = {
    source_structure_id: file.structure_id,
    options: made.options,
    report: made.prepared.report,
  };
  const row = await insertStructure(scope.tx, {
    ...base,
    ...made.pdbqt,
    format: "pdbqt",
    preparation,
    source: `prepared:${file.structure_id}`,
  });
  return { ...row, preparation, created: true };
}

function hashOf(report: object): string {
  return signatureOf(canonical(report));
}
