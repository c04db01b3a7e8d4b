import type { EngineAdapter } from "../adapter.ts";
import { leftByXtb } from "./left.ts";
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
  left: leftByXtb,
  log: (result) => result.files.log,
  record: recordXtb,
};
