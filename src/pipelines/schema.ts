import { type Static, Type } from "typebox";

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
  { $input: Type.String({ description: "name of an input that the pipeline declares" }) },
  closed,
);
export const ParamRef = Type.Object(
  { $param: Type.String({ description: "name of a parameter that the pipeline declares" }) },
  closed,
);
export const TaskRef = Type.Object(
  {
    $task: Type.String({ description: "a task that this one comes after" }),
    output: Type.String({ description: "what that task hands on, by name" }),
  },
  closed,
);
export type InputRef = Static<typeof InputRef>;
export type ParamRef = Static<typeof ParamRef>;
export type TaskRef = Static<typeof TaskRef>;

export const DeclaredInput = Type.Object(
  {
    kind: Type.Enum(INPUT_KINDS),
    optional: Type.Optional(Type.Boolean({ description: "a job may come without it" })),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
  },
  closed,
);

export const DeclaredParam = Type.Object(
  {
    default: Type.Optional(
      Type.Unknown({ description: "what a job gets that names none; without one it must" }),
    ),
    description: Type.Optional(Type.String({ maxLength: 1000 })),
  },
  closed,
);

/** A node of the graph: which kind of task, on which engine, after which others, with which parameters. */
export const TaskSpec = Type.Object(
  {
    task: Type.String({ minLength: 1, maxLength: 100, description: "name of a task definition" }),
    task_version: Type.String({ minLength: 1, maxLength: 50, description: "its version" }),
    engine: Type.String({ minLength: 1, maxLength: 100, description: "the engine that computes it" }),
    after: Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: MOST_NAMES,
      description: "tasks that must be completed before it",
    }),
    max_attempts: Type.Integer({ minimum: 1, maximum: 10, description: "how often a crash is tried again" }),
    params: Type.Record(Type.String(), Type.Unknown(), {
      description: "parameters by the engine's names: a value, {$param} or {$task, output}",
    }),
    inputs: Type.Optional(
      Type.Record(Type.String(), Type.Union([InputRef, TaskRef]), {
        description: "what the engine gets under its own names; absent: all inputs of the job",
      }),
    ),
    time_limit_seconds: Type.Optional(
      Type.Integer({ unit: "s", minimum: 1, maximum: 604_800, description: "longest run of one attempt" }),
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
    version: Type.String({ minLength: 1, maxLength: 50, description: "as the pipeline's version" }),
    inputs: Type.Optional(
      Type.Record(Type.String(), DeclaredInput, { description: "what a job is given, by name" }),
    ),
    params: Type.Optional(
      Type.Record(Type.String(), DeclaredParam, { description: "what may be chosen of a job, by name" }),
    ),
    tasks: Type.Record(Type.String(), TaskSpec, {
      minProperties: 1,
      maxProperties: MOST_NAMES,
      description: "the graph",
    }),
  },
  closed,
);
export type PipelineSpec = Static<typeof PipelineSpec>;

/** What a finished task hands on to later ones, by name: a structure, or a value. */
export type TaskOutputs = {
  [name: string]: { structure_id: string; molecule_id: string | null } | { value: unknown };
};

export const PIPELINE_VISIBILITIES = ["private", "organization", "public"] as const;
export type PipelineVisibility = (typeof PIPELINE_VISIBILITIES)[number];

const optionalText = Type.Union([Type.String(), Type.Null()]);

/** A row of `pipelines`, and whose it is: the system's, one's organization's, or another's that is public. */
export const PipelineRow = Type.Object({
  pipeline_id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  whose: Type.Enum(["organization", "system", "other"] as const),
  visibility: Type.Enum(PIPELINE_VISIBILITIES),
  latest_version: optionalText,
  /** Null: there is none, or it is not yours to see. */
  draft_version: optionalText,
  created_by: optionalText,
  created_at: Type.String(),
  updated_at: Type.String(),
});
export type PipelineRow = Static<typeof PipelineRow>;

export const VersionRow = Type.Object({
  pipeline_version_id: Type.String(),
  version: Type.String(),
  published: Type.Boolean(),
  created_by: optionalText,
  created_at: Type.String(),
});
export type VersionRow = Static<typeof VersionRow>;

/** A name or an id, and a version, as people say them. */
export const PipelineText = Type.String({ minLength: 1, maxLength: 100 });
export const VersionText = Type.String({ minLength: 1, maxLength: 50 });
