import { SubmitCalculations } from "../calculations/schema.ts";
import {
  checkStructure,
  refuseSpecies,
  speciesElectrons,
  structureElectrons,
} from "../calculations/species.ts";
import { AppError } from "../errors.ts";
import { referenceIn } from "../pipelines/resolve.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import { readStructure } from "../structures/read.ts";
import { asJobParams, checkedParams, engineParams, type Params } from "./params.ts";
import type { EngineRequests } from "./rules.ts";

const {
  method,
  solvent,
  optimization_level,
  max_optimization_cycles,
  large,
  charge,
  multiplicity,
  vertical,
  seed,
} = SubmitCalculations.properties;
/** What may be chosen of xtb; charge and spin become each item's own. */
export const XTB_CHOICES = {
  ...{ method, solvent, optimization_level, max_optimization_cycles, large },
  ...{ charge, multiplicity, vertical, seed },
};

/** What `xtb` asks too. */
export const XTB_REQUESTS: EngineRequests = {
  molecule_key: "molecule",
  choices: XTB_CHOICES,
  reading: ["vertical"],
  expands_stereo: false,
  plan(pipeline, task, asked) {
    const { spec } = pipeline;
    const given = checkedParams(pipeline, XTB_CHOICES, asked.params ?? {});
    const { charge, multiplicity, vertical, seed, ...shared } = engineParams(spec, task, XTB_CHOICES, given);
    const fixed = spec.tasks[task]?.params ?? {};
    const kind = fixed["task"] === "single_point" ? "single_point" : "optimize";
    // What a graph declares is looked at task by task (`refuseIdleDeclared`).
    if (spec.params === undefined)
      refuseIdle({ ...fixed, ...shared, task: optimizes(spec) ? "optimize" : kind }, given, "/params");
    const params =
      spec.params === undefined ? commonParams({ task: kind, ...shared }) : withoutOwn(spec, task, given);
    const options = { charge, multiplicity, vertical, seed, large: shared.large };
    return {
      params,
      options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    };
  },
  refuse: (found, options) => refuseSpecies(found, options),
  paramsOf: (species, options, { spec }, task) =>
    asJobParams(spec, task, {
      // What a graph declares has its own default.
      seed: options.seed ?? (spec.params === undefined ? 42 : undefined),
      ...speciesElectrons(species, options),
    }),
  structures: {
    key: "structure",
    async paramsOf({ services, principal }, row, options, { spec }, task) {
      const bytes = await services.objects.get(principal.org_id, row.uri);
      checkStructure(row, readStructure(row.format, bytes, row.record).geometry.elements, options);
      return asJobParams(spec, task, structureElectrons(row, options));
    },
  },
};

/** What is asked for that the task or method has no use for, by what makes it so. */
const IDLE: readonly { when(asked: Params): boolean; keys: string[]; says: string }[] = [
  {
    when: ({ task }) => task === "single_point",
    keys: ["optimization_level", "max_optimization_cycles"],
    says: "a single point optimises nothing",
  },
  {
    when: ({ method }) => method === "gfnff",
    keys: ["multiplicity"],
    says: "GFN-FF is a force field without spin",
  },
];

/**
 * Throws AppError bad_input where something was chosen that changes nothing: the answer would look as if it had.
 * `asked` says what is computed, `given` what somebody chose, and `at` where that stands.
 */
export function refuseIdle(asked: Params, given: Params, at = ""): void {
  for (const key of Object.keys(given)) {
    const says = whyIdle(asked, key);
    if (says !== undefined && given[key] !== undefined) throw idle(key, says, at);
  }
}

/**
 * The same of what a graph declares, under its own names. It is refused only where no task at all has use for it.
 * Throws AppError bad_input.
 */
export function refuseIdleDeclared({ params: declared, tasks }: PipelineSpec, given: Params): void {
  if (declared === undefined) return;
  for (const name of Object.keys(given)) {
    // Null is how a graph's parameter says that nothing was chosen.
    if (given[name] === null) continue;
    const uses = Object.values(tasks).flatMap(({ engine, params }) => {
      const asked = engine === "xtb" ? settled(params, declared, given) : {};
      const keys = Object.keys(params).filter((key) => referenceIn(params[key], "$param") === name);
      return keys.map((key) => whyIdle(asked, key));
    });
    const [says] = uses;
    if (says !== undefined && uses.every((why) => why !== undefined)) throw idle(name, says, "/params");
  }
}

/** What a task computes, as far as the graph and what is given settle it. */
function settled(params: Params, declared: NonNullable<PipelineSpec["params"]>, given: Params): Params {
  return Object.fromEntries(
    Object.entries(params).map(([key, value]) => {
      const name = referenceIn(value, "$param");
      if (name === undefined) return [key, value];
      return [key, Object.hasOwn(given, name) ? given[name] : declared[name]?.default];
    }),
  );
}

function whyIdle(asked: Params, key: string): string | undefined {
  return IDLE.find(({ when, keys }) => keys.includes(key) && when(asked))?.says;
}

function idle(name: string, says: string, at: string): AppError {
  return new AppError("bad_input", `${says}: leave \`${name}\` out`, {
    fields: [{ path: `${at}/${name}`, rule: `${says}: leave it out` }],
  });
}

function optimizes({ tasks }: PipelineSpec): boolean {
  return Object.values(tasks).some(
    ({ engine, params }) => engine === "xtb" && params["task"] !== "single_point",
  );
}

/** What the items say for themselves is not said twice. */
function withoutOwn(
  spec: Parameters<typeof asJobParams>[0],
  task: string,
  given: { [key: string]: unknown },
): { [key: string]: unknown } {
  const own = Object.keys(asJobParams(spec, task, { charge: 0, multiplicity: 1, seed: 42, vertical: true }));
  return Object.fromEntries(Object.entries(given).filter(([key]) => !own.includes(key)));
}

/** Parameters that all jobs of a recipe without declared ones share. Throws AppError bad_input. */
function commonParams(
  input: Pick<
    SubmitCalculations,
    "task" | "method" | "solvent" | "optimization_level" | "max_optimization_cycles" | "large"
  >,
): { [key: string]: unknown } {
  const { task, method, solvent, optimization_level, max_optimization_cycles, large } = input;
  if (method === "gfnff" && task === "single_point" && solvent !== undefined)
    throw new AppError("bad_input", "GFN-FF has no solvent here: leave `solvent` out or use GFN2");
  return {
    task,
    method: method ?? "gfn2",
    solvent: solvent ?? null,
    ...(optimization_level === undefined ? {} : { optimization_level }),
    ...(max_optimization_cycles === undefined ? {} : { max_optimization_cycles }),
    ...(large === true ? { large } : {}),
  };
}
