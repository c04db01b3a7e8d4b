import type { EngineAdapter } from "../adapter.ts";
import { loadXtb, prepareXtb, type XtbLoaded } from "./prepare.ts";
import { xtbProgram } from "./program.ts";
import { recordXtb, xtbOutputs } from "./record.ts";
import type { XtbInput, XtbParams, XtbResult } from "./schema.ts";

/** xtb whole. */
export const xtbEngine: EngineAdapter<XtbParams, XtbInput, XtbResult, XtbLoaded> = {
  ...xtbProgram,
  load: loadXtb,
  prepare: prepareXtb,
  outputs: xtbOutputs,
  log: (result) => result.files.log,
  record: recordXtb,
};
