import { AppError } from "../errors.ts";
import { type JobInput, structureInput } from "../jobs/submit.ts";
import { inOrder } from "../pipelines/graph.ts";
import { SITE_PARAM } from "../pipelines/schema.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import { findSite } from "../sites/find.ts";
import type { Site } from "../sites/schema.ts";
import { type StructureRow, selectStructuresByIds } from "../structures/store.ts";
import { inputName, type Params, paramName } from "./params.ts";
import type { AskedOfPipeline, Call } from "./rules.ts";

export type Places = {
  /** Ids of the sites, by the pipeline's names. */
  params: Params;
  inputs: JobInput[];
  /** One of them is private. */
  is_private: boolean;
};

/**
 * The binding sites of all tasks that dock, each as an input of the job: an engine computes at no site that is not
 * among them. Throws AppError bad_input (none was said, or nothing docks), not_found (one that is not the asker's to
 * see).
 */
export async function placesOf(
  call: Call,
  pipeline: PublishedPipeline,
  asked: AskedOfPipeline,
): Promise<Places> {
  const { spec, name } = pipeline;
  const docks = inOrder(spec).filter((task) => spec.tasks[task]?.engine === "vina");
  if (docks.length === 0 && asked.site !== undefined)
    throw new AppError("bad_input", `pipeline ${name} docks nowhere: leave the site out`);
  const places: Places = { params: {}, inputs: [], is_private: false };
  for (const task of docks) {
    const param = paramName(spec, task, SITE_PARAM);
    if (param === undefined)
      throw new AppError("bad_input", `pipeline ${name} docks at a site of its own: make it a parameter`);
    const text = asked.params?.[param] ?? asked.site;
    if (typeof text !== "string")
      throw new AppError("bad_input", `pipeline ${name} docks: say where with \`site\``);
    const { site, receptor, reference } = await siteOf(call, text);
    places.params[param] = site.site_id;
    places.is_private ||= site.visibility === "private";
    const { inputs } = places;
    if (inputs.some(({ site_id }) => site_id === site.site_id)) continue;
    // By the graph's own name where it declares one: those published before a docking took its site alone may.
    const keyOf = (key: string) => freeKey(inputs, inputName(pipeline, task, key), task);
    inputs.push({ ...structureInput(keyOf("receptor"), receptor), site_id: site.site_id });
    if (reference !== null) inputs.push(structureInput(keyOf("reference"), reference));
  }
  return places;
}

/** Two sites have two receptors: the later one is called by its task too. */
function freeKey(inputs: JobInput[], key: string, task: string): string {
  return inputs.some((input) => input.key === key) ? `${task}.${key}` : key;
}

type Place = { site: Site; receptor: StructureRow; reference: StructureRow | null };

/** The site of a text with its receptor and reference ligand. Throws AppError not_found. */
async function siteOf({ services, principal }: Call, text: string): Promise<Place> {
  return services.results.read(principal, async ({ tx }) => {
    const site = await findSite(tx, text);
    if (site === undefined)
      throw new AppError("not_found", `no binding site "${text.slice(0, 60)}": \`site.list\` shows them`);
    const ids = [site.receptor_structure_id, site.reference_structure_id].filter((id) => id !== null);
    const rows = new Map((await selectStructuresByIds(tx, ids)).map((row) => [row.structure_id, row]));
    const receptor = rows.get(site.receptor_structure_id);
    if (receptor === undefined)
      throw new AppError("not_found", "the receptor of this site is not yours to see");
    return { site, receptor, reference: rows.get(site.reference_structure_id ?? "") ?? null };
  });
}
