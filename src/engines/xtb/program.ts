import type { EngineProgram } from "../engine.ts";
import { checkXtbInput } from "./check.ts";
import { parseXtb } from "./parse.ts";
import { planXtb } from "./plan.ts";
import { probeXtb } from "./probe.ts";
import type { XtbInput, XtbParams, XtbResult } from "./schema.ts";
import { xtbSignature } from "./signature.ts";

/** GFN1, GFN2 and GFN-FF by xtb: all stages that need no database. */
export const xtbProgram: EngineProgram<XtbParams, XtbInput, XtbResult> = {
  name: "xtb",
  probe: probeXtb,
  check: checkXtbInput,
  signature: xtbSignature,
  plan: planXtb,
  parse: parseXtb,
};
