import { sql } from "kysely";
import { type Static, Type } from "typebox";
import { canonical, signatureOf } from "../canonical.ts";
import type { ResultsTx } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { Uuid, VISIBILITIES } from "../jobs/schema.ts";
import type { StoredObject } from "../objects/store.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { Structure } from "../structures/operations.ts";
import {
  insertStructure,
  type NewStructure,
  type StructureRow,
  selectOptionalStructure,
  selectStructures,
} from "../structures/store.ts";
import { type PreparedReceptor, prepareReceptor } from "./prepare.ts";
import { isReceptor, type Receptor, ReceptorPreparation } from "./receptor.ts";
import { HISTIDINE_STATES } from "./report.ts";

const Label = Type.String({ minLength: 1, maxLength: 40 });
const Labels = Type.Array(Label, { maxItems: 1000 });

/** What a person may choose of a receptor; what is left out is decided and listed in the report. */
export const PrepareReceptor = Type.Object(
  {
    file_name: Type.String({ minLength: 1, maxLength: 200 }),
    /** The PDB file's bytes, base64. */
    content_base64: Type.String({ maxLength: 30_000_000 }),
    chains: Type.Optional(Labels),
    keep_waters: Type.Optional(Labels),
    drop_hets: Type.Optional(Labels),
    histidines: Type.Optional(Type.Record(Label, Type.Enum(HISTIDINE_STATES))),
    default_histidine: Type.Optional(Type.Enum(HISTIDINE_STATES)),
    visibility: Type.Optional(Type.Enum(VISIBILITIES)),
  },
  { additionalProperties: false },
);
export type PrepareReceptor = Static<typeof PrepareReceptor>;

const { preparation: _any, ...columns } = Structure.properties;
const ReceptorRow = Type.Object({ ...columns, preparation: ReceptorPreparation });
const PreparedReceptorAnswer = Type.Intersect([ReceptorRow, Type.Object({ created: Type.Boolean() })]);

type Made = {
  prepared: PreparedReceptor;
  options: object;
  source: StoredObject;
  pdbqt: StoredObject;
};

export const prepareReceptorOperation = operation<
  typeof PrepareReceptor,
  typeof PreparedReceptorAnswer,
  Made
>({
  name: "receptor.prepare",
  summary: "Prepare a receptor from a PDB file, with a report of every choice",
  permission: "structures:write",
  http: { method: "POST", path: "/receptors" },
  tx: "results",
  input: PrepareReceptor,
  output: PreparedReceptorAnswer,
  async prepare({ services, principal }, input) {
    const { file_name: _name, content_base64, visibility: _seen, ...options } = input;
    const bytes = Buffer.from(content_base64, "base64");
    const prepared = prepareReceptor(bytes, options);
    const source = await services.objects.put(principal.org_id, bytes);
    const pdbqt = await services.objects.put(principal.org_id, Buffer.from(prepared.pdbqt));
    return { prepared, options, source, pdbqt };
  },
  async run({ scope, principal, prepared: made }, input) {
    const visibility = input.visibility ?? "organization";
    const owned = { owner_id: principal.user_id, visibility };
    await waitForTurn(scope.tx, made.pdbqt.checksum);
    const same = await selectStructures(scope.tx, {
      limit: 20,
      kind: "receptor",
      checksum: made.pdbqt.checksum,
    });
    const known = same.find((row) => isSame(row, made, owned));
    if (known !== undefined) return { ...(known as Receptor), created: false };
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
    return { ...(row as Receptor), created: true };
  },
  told: (_input, row) => ({ entity_type: "structure", entity_id: row.structure_id }),
});

/** One at a time for the same bytes: of two that prepare them at once, the second finds what the first made. */
async function waitForTurn(tx: ResultsTx, checksum: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('aliquot.receptor'), hashtext(${checksum}))`.execute(tx);
}

const NOTHING = { molecule_id: null, charge: null, multiplicity: null, geometry_hash: null };

/** The same file prepared in the same way, which everybody who may see the new one may see too. */
function isSame(
  row: StructureRow,
  made: Made,
  owned: Pick<NewStructure, "owner_id" | "visibility">,
): boolean {
  const { report } = row.preparation as Partial<ReceptorPreparation>;
  const seen =
    owned.visibility === "private"
      ? row.visibility === "private" && row.owner_id === owned.owner_id
      : row.visibility === "organization";
  // The report tells of every choice, and of the file by its hash.
  return seen && hashOf(report) === hashOf(made.prepared.report);
}

function hashOf(report: unknown): string {
  return signatureOf(canonical(report ?? null));
}

export const listReceptors = operation({
  name: "receptor.list",
  summary: "Prepared receptors that you may see, newest first",
  permission: "structures:read",
  http: { method: "GET", path: "/receptors" },
  tx: "results",
  input: PageInput,
  output: Type.Object({
    items: Type.Array(ReceptorRow),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
  }),
  async run({ scope }, input) {
    const wish = pageWish(input);
    const rows = await selectStructures(scope.tx, { ...wish, kind: "receptor", format: "pdbqt" });
    return pageOf(wish, rows as Receptor[], (row) => ({
      at: row.created_at,
      id: row.structure_id,
    }));
  },
});

const ShowReceptor = Type.Object({ structure_id: Uuid }, { additionalProperties: false });
const ShownReceptor = Type.Intersect([ReceptorRow, Type.Object({ content: Type.String() })]);

export const showReceptor = operation<
  typeof ShowReceptor,
  typeof ShownReceptor,
  Static<typeof ShownReceptor>
>({
  name: "receptor.show",
  summary: "One prepared receptor with its report and PDBQT",
  permission: "structures:read",
  http: { method: "GET", path: "/receptors/{structure_id}" },
  tx: "results",
  input: ShowReceptor,
  output: ShownReceptor,
  async prepare({ services, principal }, { structure_id }) {
    const row = await services.results.read(principal, ({ tx }) => selectOptionalStructure(tx, structure_id));
    if (row === undefined || !isReceptor(row)) throw new AppError("not_found", "no such receptor");
    const bytes = await services.objects.get(principal.org_id, row.uri);
    return { ...row, content: Buffer.from(bytes).toString("utf8") };
  },
  run: async ({ prepared }) => prepared,
});
