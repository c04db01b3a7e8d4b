import { type Static, Type } from "typebox";
import { document, id } from "../fields.ts";
import type { StructureRow } from "../structures/store.ts";
import { ReceptorReport } from "./report.ts";

/** How a receptor was made: what was asked, what was decided, and the file it was made from. */
export const ReceptorPreparation = Type.Object(
  {
    source_structure_id: id("The file that it was made of, kept as a structure."),
    options: document("What was asked for, as it was said; empty where nothing was."),
    report: ReceptorReport,
  },
  { description: "How it was made: what was asked, what was decided, and the file that it was made of." },
);
export type ReceptorPreparation = Static<typeof ReceptorPreparation>;

/** A structure that we prepared: its PDBQT, with its report. */
export type Receptor = StructureRow & { preparation: ReceptorPreparation };

/** Whether a structure is a prepared receptor, and not the file it was made from. */
export function isReceptor(row: StructureRow): row is Receptor {
  return row.kind === "receptor" && row.format === "pdbqt" && "report" in row.preparation;
}
