import { Type } from "typebox";
import { refuseLigand } from "../docking/refuse.ts";
import { VinaParams, vinaParams } from "../engines/vina/schema.ts";
import { AppError } from "../errors.ts";
import { SITE_PARAM } from "../pipelines/schema.ts";
import { asJobParams, checkedParams, engineParams } from "./params.ts";

import type { EngineRequests } from "./request-rules.ts";

const CHOICES = { ...VinaParams.properties, [SITE_PARAM]: Type.String() };

/** As `docking.submit` makes them, so that both ask the same questions. */
export const VINA_REQUESTS: EngineRequests = {
  molecule_key: "ligand",
  structure_key: null,
  reading: [],
  expands_stereo: true,
  plan(pipeline, task, asked) {
    const { spec } = pipeline;
    const given = checkedParams(pipeline, CHOICES, asked.params ?? {});
    const chosen = engineParams(spec, task, VinaParams.properties, given);
    // What a graph declares has its own defaults.
    const own = spec.params === undefined ? vinaParams(chosen) : chosen;
    return {
      pipeline,
      params: { ...given, ...asJobParams(spec, task, own) },
      inputs: [],
      visibility: asked.visibility ?? "organization",
      options: asked.stereo === undefined ? {} : { stereo: asked.stereo },
    };
  },
  refuse: (found) => refuseLigand({ found, line: 1, record: { text: "", format: "smiles" } }),
  paramsOf: () => ({}),
  structureParamsOf: async (_call, _row, _options, pipeline) => {
    throw new AppError("bad_input", `pipeline ${pipeline.name} takes molecules: give no structures`);
  },
};
