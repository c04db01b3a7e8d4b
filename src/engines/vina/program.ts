import type { EngineProgram } from "../engine.ts";
import { checkVinaInput } from "./check.ts";
import { parseVina } from "./parse.ts";
import { planVina } from "./plan.ts";
import { probeVina } from "./probe.ts";
import type { VinaInput, VinaParams, VinaResult } from "./schema.ts";
import { vinaSignature } from "./signature.ts";

/** Docking with the Vina score by AutoDock Vina 1.2: all stages that need no database. */
export const vinaProgram: EngineProgram<VinaParams, VinaInput, VinaResult> = {
  name: "vina",
  probe: probeVina,
  check: checkVinaInput,
  signature: vinaSignature,
  plan: planVina,
  parse: parseVina,
};
