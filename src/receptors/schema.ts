import { type Static, Type } from "typebox";
import { closed, flag, text, word } from "../fields.ts";
import { VISIBILITIES } from "../jobs/schema.ts";
import { FileName, STRUCTURE_COLUMNS, StructureId } from "../structures/schema.ts";
import { ReceptorPreparation } from "./receptor.ts";
import { HISTIDINE_STATES } from "./report.ts";

const MOST_LABELS = 1000;
const Label = Type.String({ minLength: 1, maxLength: 40 });
const labels = (description: string, examples: string[][]) =>
  Type.Optional(Type.Array(Label, { maxItems: MOST_LABELS, description, examples }));
const PROTONS = "`HID` on ND1, `HIE` on NE2, `HIP` on both";

/** The smallest file that is one, for an example. */
const GLYCINE =
  "QVRPTSAgICAgIDEgIE4gICBHTFkgQSAgIDEgICAgICAtMS4xOTUgICAwLjIwMSAgLTAuMjA2ICAxLjAwICAwLjAwICAgICAgICAgICBOICAKQVRPTSAgICAgIDIgIENBICBHTFkgQSAgIDEgICAgICAgMC4yMzAgICAwLjMxOCAgLTAuNTAyICAxLjAwICAwLjAwICAgICAgICAgICBDICAKQVRPTSAgICAgIDMgIEMgICBHTFkgQSAgIDEgICAgICAgMS4wNTkgIC0wLjM5MCAgIDAuNTQyICAxLjAwICAwLjAwICAgICAgICAgICBDICAKQVRPTSAgICAgIDQgIE8gICBHTFkgQSAgIDEgICAgICAgMC41NDUgIC0wLjk3NSAgIDEuNDk5ICAxLjAwICAwLjAwICAgICAgICAgICBPICAKQVRPTSAgICAgIDUgIE9YVCBHTFkgQSAgIDEgICAgICAgMi4yODEgIC0wLjM1MiAgIDAuMzkwICAxLjAwICAwLjAwICAgICAgICAgICBPICAKRU5ECg==";

/** What a person may choose of a receptor; what is left out is decided and listed in the report. */
export const PrepareReceptor = closed(
  {
    file_name: FileName,
    content_base64: Type.String({
      maxLength: 30_000_000,
      description: "The PDB file's bytes, in base64.",
    }),
    chains: labels("Protein chains to keep; all where left out.", [["A"], ["A", "B"]]),
    keep_waters: labels(
      "Waters to keep, by number, or chain and number where two have that; none where left out.",
      [["201", "A:305"]],
    ),
    drop_hets: labels(
      "Names of residues to leave out although the receptor would be refused with them: metals, ions. None where left out.",
      [["ZN"]],
    ),
    histidines: Type.Optional(
      Type.Record(Type.String(), word(HISTIDINE_STATES, `Where its protons are: ${PROTONS}.`), {
        maxProperties: MOST_LABELS,
        propertyNames: { minLength: 1, maxLength: 40 },
        description: `States of single histidines by chain and number: ${PROTONS}. The others are as \`default_histidine\` says.`,
        examples: [{ "A:69": "HID" }],
      }),
    ),
    default_histidine: Type.Optional(
      word(
        HISTIDINE_STATES,
        `State of histidines that neither the file nor you decide: ${PROTONS}; HIE where left out.`,
      ),
    ),
    visibility: Type.Optional(
      word(VISIBILITIES, "Who sees it: `organization` (where left out), or `private`, you and its admins."),
    ),
  },
  { examples: [{ file_name: "glycine.pdb", content_base64: GLYCINE }] },
);
export type PrepareReceptor = Static<typeof PrepareReceptor>;

export const ReceptorRow = Type.Object({ ...STRUCTURE_COLUMNS, preparation: ReceptorPreparation });

export const PreparedReceptorAnswer = Type.Object({
  ...ReceptorRow.properties,
  created: flag("False: the same file had been prepared in the same way, and this is that receptor."),
});

export const ShowReceptor = closed({ structure_id: StructureId });
export const ShownReceptor = Type.Object({
  ...ReceptorRow.properties,
  content: text("The receptor as PDBQT."),
});
