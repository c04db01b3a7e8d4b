import { type Static, Type } from "typebox";
import { CREATED_AT, flag, id, integer, list, nullable, text, UPDATED_AT, word } from "../fields.ts";

const closed = { additionalProperties: false };

/** Names of tasks, inputs and parameters: what may stand in a path, a file name and a table's cell. */
export const NAME = "^[A-Za-z][A-Za-z0-9_-]{0,63}$";
/** Most tasks of a graph, and most inputs and parameters that it declares. */
export const MOST_NAMES = 100;
/** A graph is written by hand: what is longer as JSON is none. */
export const MOST_SPEC_BYTES = 262_144;

/** The engine's parameter that says where it docks. */
export const SITE_PARAM = "site_id";

/** What a job is given under a name, or what a finished task hands on. */
export const INPUT_KINDS = ["molecule", "structure"] as const;

export const InputRef = Type.Object(
  { $input: Type.String({ description: "Name of an input that the pipeline declares." }) },
  closed,
);
export const ParamRef = Type.Object(
  { $param: Type.String({ description: "Name of a parameter that the pipeline declares." }) },
  closed,
);
export const TaskRef = Type.Object(
  {
    $task: Type.String({ description: "A task that this one comes after." }),
    output: Type.String({ description: "What that task hands on, by name." }),
  },
  closed,
);
export type InputRef = Static<typeof InputRef>;
export type ParamRef = Static<typeof ParamRef>;
export type TaskRef = Static<typeof TaskRef>;

export const DeclaredInput = Type.Object(
  {
    kind: word(INPUT_KINDS, "What it is."),
    optional: Type.Optional(flag("True: a job may come without it.")),
    description: Type.Optional(text("What it is for.", { maxLength: 1000 })),
  },
  closed,
);

export const DeclaredParam = Type.Object(
  {
    default: Type.Optional(
      Type.Unknown({ description: "What a job gets that names none; without one it must name it." }),
    ),
    description: Type.Optional(text("What it is for.", { maxLength: 1000 })),
  },
  closed,
);

/** A node of the graph: which kind of task, on which engine, after which others, with which parameters. */
export const TaskSpec = Type.Object(
  {
    task: text("Name of a task definition.", { minLength: 1, maxLength: 100 }),
    task_version: text("Its version.", { minLength: 1, maxLength: 50 }),
    engine: text("The engine that computes it.", { minLength: 1, maxLength: 100 }),
    after: list(Type.String({ maxLength: 64 }), "Tasks that must be completed before it.", {
      maxItems: MOST_NAMES,
    }),
    max_attempts: integer("1", "Attempts at most, where one crashes.", { minimum: 1, maximum: 10 }),
    params: Type.Record(Type.String(), Type.Unknown(), {
      description: "Parameters by the engine's names: a value, {$param} or {$task, output}.",
    }),
    inputs: Type.Optional(
      Type.Record(Type.String(), Type.Union([InputRef, TaskRef]), {
        description: "What the engine gets under its own names; all inputs of the job where left out.",
      }),
    ),
    time_limit_seconds: Type.Optional(
      integer("s", "Longest run of one attempt; the engine's own limit where left out.", {
        minimum: 1,
        maximum: 604_800,
      }),
    ),
  },
  closed,
);
export type TaskSpec = Static<typeof TaskSpec>;

/**
 * A pipeline version's graph of tasks by name. Where it declares no `params`, those of a job stand flat over each
 * task's own.
 */
export const PipelineSpec = Type.Object(
  {
    version: text("As the pipeline's version.", { minLength: 1, maxLength: 50 }),
    inputs: Type.Optional(
      Type.Record(Type.String(), DeclaredInput, {
        description: "What a job is given, by name; left out, each engine's own inputs.",
      }),
    ),
    params: Type.Optional(
      Type.Record(Type.String(), DeclaredParam, {
        description: "What may be chosen of a job, by name; left out, what the first engine lets choose.",
      }),
    ),
    tasks: Type.Record(Type.String(), TaskSpec, {
      minProperties: 1,
      maxProperties: MOST_NAMES,
      description: "The graph: its tasks by name.",
    }),
  },
  { ...closed, description: "The graph of this version." },
);
export type PipelineSpec = Static<typeof PipelineSpec>;

/** What a finished task hands on to later ones, by name: a structure, or a value. */
export type TaskOutputs = {
  [name: string]: { structure_id: string; molecule_id: string | null } | { value: unknown };
};

export const PIPELINE_VISIBILITIES = ["private", "organization", "public"] as const;
export type PipelineVisibility = (typeof PIPELINE_VISIBILITIES)[number];

export const PipelineId = id("The pipeline.");
const PipelineName = text("Its name, unique within its organization.");
export const PipelineVisible = word(
  PIPELINE_VISIBILITIES,
  "Who sees it: `private` its maker and the organization's admins, `organization`, or `public`: everybody, once it is published.",
);
const MadeBy = nullable(id(), "Who made it; null: the system.");

/** A row of `pipelines`, and whose it is: the system's, one's organization's, or another's that is public. */
export const PipelineRow = Type.Object({
  pipeline_id: PipelineId,
  name: PipelineName,
  description: text("What it is for; empty where nobody said."),
  whose: word(
    ["organization", "system", "other"],
    "Whose it is: your organization's, the system's, or another organization's that is public.",
  ),
  visibility: PipelineVisible,
  latest_version: nullable(
    text(),
    "Published version that a job gets when it names none; null where none is published.",
  ),
  draft_version: nullable(
    text(),
    "Version that is a draft still; null where there is none, or it is not yours to see.",
  ),
  created_by: MadeBy,
  created_at: CREATED_AT,
  updated_at: UPDATED_AT,
});
export type PipelineRow = Static<typeof PipelineRow>;

export const VersionRow = Type.Object({
  pipeline_version_id: id("The version."),
  version: text("What it is called, unique within the pipeline."),
  published: flag("True: jobs may run it, and it never changes again. False: a draft."),
  created_by: MadeBy,
  created_at: CREATED_AT,
});
export type VersionRow = Static<typeof VersionRow>;

/** A name or an id, and a version, as people say them. */
export const PipelineText = Type.String({
  minLength: 1,
  maxLength: 100,
  description: "The pipeline: its name, your organization's own before the system's, or its id.",
  examples: ["dock"],
});
export const VersionText = Type.String({
  minLength: 1,
  maxLength: 50,
  description: "Its version; the latest published one where left out.",
  examples: ["2"],
});
