import { Type } from "typebox";
import { refuseLigand } from "../docking/refuse.ts";
import { VinaParams, vinaParams } from "../engines/vina/schema.ts";
import { SITE_PARAM } from "../pipelines/schema.ts";
import { asJobParams, checkedParams, engineParams } from "./params.ts";
import type { EngineRequests } from "./rules.ts";

const CHOICES = { ...VinaParams.properties, [SITE_PARAM]: Type.String() };

/** What `dock` asks too. */
export const VINA_REQUESTS: EngineRequests = {
  molecule_key: "ligand",
  choices: VinaParams.properties,
  reading: [],
  expands_stereo: true,
  plan(pipeline, task, asked) {
    const { spec } = pipeline;
    const given = checkedParams(pipeline, CHOICES, asked.params ?? {});
    const chosen = engineParams(spec, task, VinaParams.properties, given);
    // What a graph declares has its own defaults.
    const own = spec.params === undefined ? vinaParams(chosen) : chosen;
    return {
      params: { ...given, ...asJobParams(spec, task, own) },
      options: asked.stereo === undefined ? {} : { stereo: asked.stereo },
    };
  },
  refuse: (found) => refuseLigand({ found, line: 1, record: { text: "", format: "smiles" } }),
  paramsOf: () => ({}),
  structures: null,
};
