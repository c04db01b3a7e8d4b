import { refuseLigand } from "../docking/refuse.ts";
import { siteOf } from "../docking/submit.ts";
import { VinaParams, vinaParams } from "../engines/vina/schema.ts";
import { AppError } from "../errors.ts";
import { type JobInput, structureInput } from "../jobs/submit.ts";
import { asJobParams, checkComplete, checkedParams, engineParams, inputName } from "./params.ts";
import type { EngineRequests } from "./request-rules.ts";

const CHOICES = VinaParams.properties;

/** As `docking.submit` makes them, so that both ask the same questions. */
export const VINA_REQUESTS: EngineRequests = {
  molecule_key: "ligand",
  structure_key: null,
  expands_stereo: true,
  async plan(call, pipeline, task, asked) {
    const { spec } = pipeline;
    if (asked.site === undefined)
      throw new AppError("bad_input", `pipeline ${pipeline.name} docks: say where with --site`);
    const given = checkedParams(pipeline, task, CHOICES, asked.params ?? {});
    const { site, receptor, reference } = await siteOf(call, asked.site);
    const name = (key: string) => inputName(pipeline, task, key);
    const inputs: JobInput[] = [{ ...structureInput(name("receptor"), receptor), site_id: site.site_id }];
    if (reference !== null) inputs.push(structureInput(name("reference"), reference));
    const chosen = engineParams(spec, task, CHOICES, given);
    // What a graph declares has its own defaults.
    const own = spec.params === undefined ? vinaParams(chosen) : chosen;
    const params = { ...given, ...asJobParams(spec, task, { ...own, site_id: site.site_id }) };
    checkComplete(pipeline, params);
    return {
      pipeline,
      params,
      inputs,
      // A private site's poses would show it.
      visibility: site.visibility === "private" ? "private" : (asked.visibility ?? "organization"),
      options: asked.stereo === undefined ? {} : { stereo: asked.stereo },
    };
  },
  refuse: (found) => refuseLigand({ found, line: 1, record: { text: "", format: "smiles" } }),
  paramsOf: () => ({}),
  structureParamsOf: async (_call, _row, _options, pipeline) => {
    throw new AppError("bad_input", `pipeline ${pipeline.name} takes molecules: give no structures`);
  },
};
