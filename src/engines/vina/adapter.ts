import type { EngineAdapter } from "../adapter.ts";
import { loadVina, prepareVina, type VinaLoaded } from "./prepare.ts";
import { vinaProgram } from "./program.ts";
import { recordVina, vinaOutputs } from "./record.ts";
import type { VinaInput, VinaParams, VinaResult } from "./schema.ts";

/** Vina whole. */
export const vinaEngine: EngineAdapter<VinaParams, VinaInput, VinaResult, VinaLoaded> = {
  ...vinaProgram,
  load: loadVina,
  prepare: prepareVina,
  outputs: vinaOutputs,
  log: (result) => result.files.log,
  record: recordVina,
};
