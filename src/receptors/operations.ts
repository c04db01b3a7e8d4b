import type { Static } from "typebox";
import { AppError } from "../errors.ts";
import { pageOfItems } from "../fields.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { selectOptionalStructure, selectStructures } from "../structures/store.ts";
import { keepReceptor, type MadeReceptor, makeReceptor } from "./keep.ts";
import { isReceptor, type Receptor } from "./receptor.ts";
import {
  PreparedReceptorAnswer,
  PrepareReceptor,
  ReceptorRow,
  ShownReceptor,
  ShowReceptor,
} from "./schema.ts";

export const prepareReceptorOperation = operation<
  typeof PrepareReceptor,
  typeof PreparedReceptorAnswer,
  MadeReceptor,
  "receptor.prepare"
>({
  name: "receptor.prepare",
  summary: "Prepare a receptor from a PDB file, with a report of every choice",
  permission: "structures:write",
  http: { method: "POST", path: "/receptors" },
  tx: "results",
  input: PrepareReceptor,
  output: PreparedReceptorAnswer,
  prepare: makeReceptor,
  run: keepReceptor,
  told: (_input, row) => ({ entity_type: "structure", entity_id: row.structure_id }),
});

export const listReceptors = operation({
  name: "receptor.list",
  summary: "Prepared receptors that you may see, newest first",
  permission: "structures:read",
  http: { method: "GET", path: "/receptors" },
  tx: "results",
  input: PageInput,
  output: pageOfItems(ReceptorRow, "Prepared receptors, newest first."),
  async run({ scope }, input) {
    const wish = pageWish(input);
    const rows = await selectStructures(scope.tx, { ...wish, kind: "receptor", format: "pdbqt" });
    return pageOf(wish, rows as Receptor[], (row) => ({
      at: row.created_at,
      id: row.structure_id,
    }));
  },
});

export const showReceptor = operation<
  typeof ShowReceptor,
  typeof ShownReceptor,
  Static<typeof ShownReceptor>,
  "receptor.show"
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
