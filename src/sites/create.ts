import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { type IdentifiedRecord, identifyRecords, turnOf } from "../molecules/identify.ts";
import { registerRecords } from "../molecules/register.ts";
import { isReceptor, type Receptor } from "../receptors/receptor.ts";
import type { Services } from "../services.ts";
import { type Box, boxAround, checkBox, isInside, PADDING_ANGSTROM } from "../structures/box.ts";
import { geometryHash } from "../structures/geometry.ts";
import { isHeavyType, pdbqtAtoms } from "../structures/pdbqt.ts";
import {
  insertStructure,
  type NewStructure,
  selectOptionalStructure,
  selectStructures,
  servesInstead,
} from "../structures/store.ts";
import { incompleteNotes } from "./incomplete.ts";
import { checkReferenceIs, type ReferenceLigand, readReference, wishedResidue } from "./reference.ts";
import type { CreateSite, ReferenceWish, Site, SiteReport } from "./schema.ts";
import { insertSite, type NewSite, selectOptionalSameSite, waitForReceptor } from "./store.ts";

type Call = { services: Services; principal: OrgPrincipal; signal?: AbortSignal | undefined };

/** A reference read and stored, and what it was found to be. */
type PreparedReference = {
  ligand: ReferenceLigand;
  row: Omit<NewStructure, "molecule_id" | "owner_id" | "visibility">;
  molecule: IdentifiedRecord | null;
};

/** What was read and checked before the transaction. */
export type PreparedSite = {
  receptor: Receptor;
  box: Box;
  reference: PreparedReference | null;
  report: SiteReport;
};

/**
 * Reads the receptor and the reference, makes or checks the box. Throws AppError not_found, bad_input (a box
 * that can't be, a reference of another chemistry, a box with many residues cut short), engine_refused with
 * code box_misses_receptor.
 */
export async function prepareSite(call: Call, input: CreateSite): Promise<PreparedSite> {
  const { receptor, files } = await receptorOf(call, input.receptor_structure_id);
  const { objects } = call.services;
  const pdbqt = Buffer.from(await objects.get(call.principal.org_id, receptor.uri)).toString("latin1");
  const reference = input.reference === undefined ? null : await referenceOf(call, input.reference, files);
  const box = boxOfWish(input, reference);
  checkBox(box, { large: input.large_box === true });
  const inside = pdbqtAtoms(pdbqt).filter(
    ({ type, position_angstrom }) => isHeavyType(type) && isInside(box, position_angstrom),
  ).length;
  if (inside === 0) {
    const rule = `no atom of the receptor lies in the box around (${box.center_angstrom.join(", ")}): move it, or give a \`reference\` to put it around`;
    throw new AppError("engine_refused", rule, {
      code: "box_misses_receptor",
      fields: [{ path: "/center_angstrom", rule }],
    });
  }
  const notes = incompleteNotes(receptor.preparation.report.missing_atoms, pdbqt, box);
  return { receptor, box, reference, report: reportOf({ input, receptor, box, reference, inside, notes }) };
}

async function receptorOf(
  { services, principal }: Call,
  structureId: string,
): Promise<{ receptor: Receptor; files: { uri: string } }> {
  return services.results.read(principal, async ({ tx }) => {
    const receptor = await selectOptionalStructure(tx, structureId);
    if (receptor === undefined || !isReceptor(receptor)) throw new AppError("not_found", "no such receptor");
    const source = await selectOptionalStructure(tx, receptor.preparation.source_structure_id);
    if (source === undefined) throw new AppError("not_found", "the file of this receptor is gone");
    return { receptor, files: { uri: source.uri } };
  });
}

async function referenceOf(
  call: Call,
  wish: ReferenceWish,
  receptorFile: { uri: string },
): Promise<PreparedReference> {
  const { services, principal } = call;
  const residue = wishedResidue(wish);
  const bytes =
    residue === null
      ? Buffer.from(wish.content_base64 ?? "", "base64")
      : await services.objects.get(principal.org_id, receptorFile.uri);
  const format = residue === null ? "sdf" : "pdb";
  const ligand = readReference(format, bytes, residue);
  const molecule = wish.smiles === undefined ? null : await moleculeOf(call, wish.smiles, ligand);
  const stored = await services.objects.put(principal.org_id, bytes);
  const name = residue === null ? (wish.file_name ?? "reference") : ligand.label;
  return {
    ligand: { ...ligand, label: name },
    molecule,
    row: {
      ...stored,
      kind: "reference_ligand",
      name,
      format,
      charge: null,
      multiplicity: null,
      geometry_hash: geometryHash(ligand.geometry),
      preparation: residue === null ? {} : { residue: ligand.label },
      source: residue === null ? `upload:${name}` : "the receptor's file",
    },
  };
}

/** The molecule that the reference is said to be, after checking that it is. */
async function moleculeOf(call: Call, smiles: string, ligand: ReferenceLigand): Promise<IdentifiedRecord> {
  const { toolkit } = call.services;
  const turn = turnOf(call);
  const { accepted, rejected } = await identifyRecords(toolkit, [{ text: smiles, format: "smiles" }], turn);
  const [record] = accepted;
  if (record === undefined)
    throw new AppError("bad_input", rejected[0]?.message ?? "the reference's SMILES can't be read");
  const drawn = await toolkit.embed(record.found.species.smiles, { seed: 42, ...turn });
  checkReferenceIs(ligand, drawn, smiles);
  return record;
}

function boxOfWish(input: CreateSite, reference: PreparedReference | null): Box {
  const { center_angstrom, size_angstrom, padding_angstrom } = input;
  if (center_angstrom !== undefined && size_angstrom !== undefined) {
    if (padding_angstrom !== undefined)
      throw new AppError(
        "bad_input",
        "padding is the room around a ligand: a box that is given has its own size",
      );
    return { center_angstrom, size_angstrom };
  }
  if (center_angstrom !== undefined || size_angstrom !== undefined)
    throw new AppError("bad_input", "a box needs both its center and its size");
  if (reference === null)
    throw new AppError(
      "bad_input",
      "say where to dock: a box (center and size), or a ligand to put it around",
    );
  return boxAround(reference.ligand.geometry.positions_angstrom, padding_angstrom);
}

type Reported = Omit<PreparedSite, "report"> & {
  input: CreateSite;
  /** Heavy atoms of the receptor in the box. */
  inside: number;
  /** Of residues that are cut short. */
  notes: string[];
};

function reportOf({ input, receptor, box, reference, inside, notes: incomplete }: Reported): SiteReport {
  const given = input.center_angstrom !== undefined;
  const { symmetry } = receptor.preparation.report;
  const positions = reference?.ligand.geometry.positions_angstrom ?? [];
  const within = positions.filter((position) => isInside(box, position)).length;
  if (reference !== null && within === 0)
    throw new AppError(
      "bad_input",
      `the reference ligand ${reference.ligand.label} lies outside the box: move one of them`,
    );
  const notes: string[] = [];
  if (within < positions.length)
    notes.push(
      `${positions.length - within} of ${positions.length} heavy atoms of the reference lie outside the box`,
    );
  notes.push(...incomplete);
  return {
    box: given ? "given" : "around the reference",
    padding_angstrom: given ? null : (input.padding_angstrom ?? PADDING_ANGSTROM),
    receptor_waters_kept: receptor.preparation.report.waters_kept,
    receptor_heavy_atoms_in_box: inside,
    reference: reference?.ligand.label ?? null,
    reference_heavy_atoms: reference === null ? null : positions.length,
    symmetry_mate:
      symmetry === null || reference === null
        ? null
        : `chains ${symmetry.chains.join(" and ")} swap, fit ${symmetry.rmsd_angstrom.toFixed(3)} Å over CA`,
    notes,
  };
}

/** Writes the site, or finds the one that is the same. */
export async function createSite(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedSite },
  input: CreateSite,
): Promise<Site & { created: boolean }> {
  const { scope, principal, prepared } = call;
  const { receptor, reference } = prepared;
  await waitForReceptor(scope.tx, receptor.structure_id);
  const private_ = input.visibility === "private" || receptor.visibility === "private";
  const owned = { owner_id: principal.user_id, visibility: private_ ? "private" : "organization" } as const;
  const reference_structure_id = await referenceRow(scope, prepared, owned);
  const [center, size] = [prepared.box.center_angstrom, prepared.box.size_angstrom];
  const site: NewSite = {
    ...owned,
    receptor_structure_id: receptor.structure_id,
    reference_structure_id,
    center_x_angstrom: center[0],
    center_y_angstrom: center[1],
    center_z_angstrom: center[2],
    size_x_angstrom: size[0],
    size_y_angstrom: size[1],
    size_z_angstrom: size[2],
    name: input.name?.trim() ?? defaultName(receptor, reference),
    report: prepared.report,
  };
  const same = await selectOptionalSameSite(scope.tx, site);
  if (same !== undefined) return { ...same, created: false };
  return { ...(await insertSite(scope.tx, site)), created: true };
}

/** `1hpv`, or `1hpv 478` where a ligand says which site of it is meant. */
function defaultName(receptor: Receptor, reference: PreparedReference | null): string {
  const stem = (receptor.name ?? "site").replace(/\.(pdb|ent)(\.gz)?$/i, "");
  return `${stem}${reference === null ? "" : ` ${reference.ligand.label}`}`.slice(0, 200);
}

/** The reference's row: one that stands there for the same ligand of the same file, or a new one. */
async function referenceRow(
  scope: ResultsScope,
  { reference }: PreparedSite,
  owned: Pick<NewStructure, "owner_id" | "visibility">,
): Promise<string | null> {
  if (reference === null) return null;
  const { row, molecule } = reference;
  const registered =
    molecule === null ? [] : await registerRecords(scope, { ...owned, source_file: null }, [molecule]);
  const molecule_id = registered[0]?.molecule_id ?? null;
  const known = await selectStructures(scope.tx, {
    limit: 100,
    kind: "reference_ligand",
    checksum: row.checksum,
  });
  const same = known.find(
    (other) =>
      other.geometry_hash === row.geometry_hash &&
      other.molecule_id === molecule_id &&
      servesInstead(other, owned),
  );
  if (same !== undefined) return same.structure_id;
  return (await insertStructure(scope.tx, { ...row, ...owned, molecule_id })).structure_id;
}
