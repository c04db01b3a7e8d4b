import type { Static, TSchema } from "typebox";
import { closestName } from "../edit-distance.ts";
import { AppError } from "../errors.ts";
import { schemaFaults } from "../pipelines/faults.ts";
import { referenceIn } from "../pipelines/resolve.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";

export type Params = { [key: string]: unknown };

/** What may be chosen of an engine, by its names. */
export type Choices = { [name: string]: TSchema };

/** Of what was asked, what is chosen of an engine. */
export function chosenAmong(choices: object, asked: object): Params {
  return Object.fromEntries(
    Object.entries(asked).filter(([key, value]) => Object.hasOwn(choices, key) && value !== undefined),
  );
}

/** The name under which a job says a parameter of a task; undefined where the graph leaves no choice. */
export function paramName(spec: PipelineSpec, task: string, key: string): string | undefined {
  if (spec.params === undefined) return key;
  return referenceIn(spec.tasks[task]?.params[key], "$param");
}

/**
 * Parameters as they were asked. A pipeline that declares none takes of its first engine what may be chosen, which
 * is less than its tasks take: what these settle among themselves is nobody's choice. Throws AppError bad_input.
 */
export function checkedParams({ name, spec }: PublishedPipeline, choices: Choices, given: Params): Params {
  if (spec.params !== undefined) return given;
  for (const [key, value] of Object.entries(given)) {
    const schema = choices[key];
    if (schema === undefined) throw unknownParam(name, key, Object.keys(choices));
    const [found] = schemaFaults(schema, value, ["params", key]);
    if (found !== undefined)
      throw new AppError("bad_input", `parameter ${key} of pipeline ${name} ${found.rule}`, {
        fields: [{ path: found.path, rule: found.rule }],
      });
  }
  return given;
}

/** Throws AppError bad_input where a declared parameter has neither a value nor a default. */
export function checkComplete({ name, spec }: PublishedPipeline, params: Params): void {
  for (const [key, declared] of Object.entries(spec.params ?? {}))
    if (!Object.hasOwn(params, key) && !Object.hasOwn(declared, "default"))
      throw new AppError(
        "bad_input",
        `pipeline ${name} needs parameter ${key}: say \`params\` ${key}=VALUE`,
        {
          fields: [{ path: `/params/${key}`, rule: "is missing" }],
        },
      );
}

function unknownParam(pipeline: string, key: string, known: string[]): AppError {
  const near = closestName(key, known, 2);
  const hint = near === undefined ? `it has ${known.join(", ") || "none"}` : `did you mean ${near}?`;
  return new AppError("bad_input", `pipeline ${pipeline} has no parameter ${key}: ${hint}`, {
    fields: [{ path: `/params/${key}`, rule: "is not known here" }],
  });
}

/** The engine's own parameters among what was asked, by the engine's names, each of the type its schema says. */
export function engineParams<S extends { [key: string]: TSchema }>(
  spec: PipelineSpec,
  task: string,
  choices: S,
  params: Params,
): { [K in keyof S]?: Static<S[K]> } {
  return Object.fromEntries(
    Object.keys(choices).flatMap((key) => {
      const name = paramName(spec, task, key);
      return name !== undefined && params[name] !== undefined ? [[key, params[name]]] : [];
    }),
  ) as { [K in keyof S]?: Static<S[K]> };
}

/** Values by the engine's names as a job says them; what the graph leaves no choice of is left out. */
export function asJobParams(spec: PipelineSpec, task: string, values: Params): Params {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      const name = paramName(spec, task, key);
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The name that a job's input has where a graph declares its own: the one that the task's input refers to. */
export function inputName({ spec }: PublishedPipeline, task: string, key: string): string {
  const value = spec.tasks[task]?.inputs?.[key];
  return value !== undefined && "$input" in value ? value.$input : key;
}
