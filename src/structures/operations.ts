import type { Static } from "typebox";
import { checkElectrons } from "../engines/xtb/check.ts";
import { AppError } from "../errors.ts";
import { pageOfItems } from "../fields.ts";
import type { StoredObject } from "../objects/store.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { checkGeometry } from "./bonds.ts";
import { type Geometry, geometryHash } from "./geometry.ts";
import { isOneOfMany, oneRecord, readStructure } from "./read.ts";
import { checkScale } from "./scale.ts";
import { AddStructure, ListStructures, ShownStructure, ShowStructure, Structure } from "./schema.ts";
import { insertStructure, selectOptionalStructure, selectStructures } from "./store.ts";

type Read = { stored: StoredObject; geometry: Geometry; charge: number | null };

export const addStructure = operation<typeof AddStructure, typeof Structure, Read, "structure.add">({
  name: "structure.add",
  summary: "Keep coordinates from a file",
  permission: "structures:write",
  http: { method: "POST", path: "/structures" },
  tx: "results",
  input: AddStructure,
  output: Structure,
  async prepare({ services, principal }, input) {
    const bytes = Buffer.from(input.content_base64, "base64");
    const { geometry, charge } = readStructure(input.format, bytes);
    checkGeometry(geometry);
    checkScale(geometry);
    const net = input.charge ?? charge;
    if (input.multiplicity !== undefined) checkElectrons(geometry.elements, net ?? 0, input.multiplicity);
    return { stored: await services.objects.put(principal.org_id, bytes), geometry, charge: net };
  },
  async run({ scope, principal, prepared }, input) {
    return insertStructure(scope.tx, {
      ...prepared.stored,
      molecule_id: null,
      kind: "conformer",
      name: input.file_name,
      format: input.format,
      charge: prepared.charge,
      multiplicity: input.multiplicity ?? null,
      geometry_hash: geometryHash(prepared.geometry),
      preparation: {},
      source: `upload:${input.file_name}`,
      owner_id: principal.user_id,
      visibility: input.visibility ?? "organization",
    });
  },
  told: (_input, row) => ({ entity_type: "structure", entity_id: row.structure_id }),
});

export const listStructures = operation({
  name: "structure.list",
  summary: "Structures that you may see, newest first",
  permission: "structures:read",
  http: { method: "GET", path: "/structures" },
  tx: "results",
  input: ListStructures,
  output: pageOfItems(Structure, "Structures, newest first."),
  async run({ scope }, { kind, ...input }) {
    const wish = pageWish(input);
    const rows = await selectStructures(scope.tx, { ...wish, ...(kind === undefined ? {} : { kind }) });
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.structure_id }));
  },
});

export const showStructure = operation<
  typeof ShowStructure,
  typeof ShownStructure,
  Static<typeof ShownStructure>,
  "structure.show"
>({
  name: "structure.show",
  summary: "One structure with its bytes",
  permission: "structures:read",
  http: { method: "GET", path: "/structures/{structure_id}" },
  tx: "results",
  input: ShowStructure,
  output: ShownStructure,
  // The bytes are fetched with no transaction open: the object store may be slow, or far away.
  async prepare({ services, principal }, { structure_id }) {
    const row = await services.results.read(principal, ({ tx }) => selectOptionalStructure(tx, structure_id));
    if (row === undefined) throw new AppError("not_found", "no such structure");
    const bytes = await services.objects.get(principal.org_id, row.uri);
    const content = isOneOfMany(row) ? oneRecord(bytes, row.record) : Buffer.from(bytes).toString("utf8");
    return { ...row, content };
  },
  run: async ({ prepared }) => prepared,
});
