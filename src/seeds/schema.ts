import { type Static, Type } from "typebox";
import { OPERATOR_PERMISSIONS, PERMISSIONS } from "../access/permissions.ts";
import { OrgName } from "../orgs/schema.ts";
import { TaskConfig, type TaskDefinition } from "../pipelines/definition.ts";
import { PipelineSpec } from "../pipelines/schema.ts";

const Name = Type.String({ minLength: 1, maxLength: 100 });
const Version = Type.String({ minLength: 1, maxLength: 50 });
const Json = Type.Record(Type.String(), Type.Unknown());
const closed = { additionalProperties: false };

/** Words for a task's type, as the table's CHECK has them. */
export const TASK_TYPES = [
  "docking",
  "analysis",
  "preprocessing",
  "postprocessing",
  "validation",
  "optimization",
] as const;

/**
 * `formerly` are the hashes of what earlier releases seeded under this name and version: where it still stands so,
 * nobody changed it, and it is brought up to date.
 */
export const TaskDefinitionSeed = Type.Object(
  {
    name: Name,
    version: Version,
    task_type: Type.Enum(TASK_TYPES),
    input_schema: Json,
    output_schema: Json,
    config: TaskConfig,
    formerly: Type.Optional(Type.Array(Type.String({ pattern: "^[0-9a-f]{64}$" }))),
  },
  closed,
);

export const TaskServiceSeed = Type.Object(
  { name: Name, kind: Type.Enum(["engine", "external"] as const) },
  closed,
);

/** A template, and the system's published pipeline of the same name that is made from it. */
export const PipelineTemplateSeed = Type.Object(
  { name: Name, description: Type.String(), version: Version, spec: PipelineSpec },
  closed,
);

/** What a role may hold: an operator's permissions are no organization's to give. */
const GRANTABLE = PERMISSIONS.filter((name) => !OPERATOR_PERMISSIONS.includes(name));
export const RoleSeed = Type.Object(
  { name: Name, permissions: Type.Array(Type.Enum(GRANTABLE), { uniqueItems: true }) },
  closed,
);

export const OrganizationSeed = Type.Object({ name: OrgName, sample_molecules: Type.Boolean() }, closed);

/** `source` says where the structure can be looked up; `inchikey` is what it is there, so that a slip shows. */
export const SampleMoleculeSeed = Type.Object(
  {
    name: Name,
    smiles: Type.String({ minLength: 1, maxLength: 2000 }),
    inchikey: Type.String({ pattern: "^[A-Z]{14}-[A-Z]{10}-[A-Z]$" }),
    source: Type.String({ minLength: 1, maxLength: 200 }),
  },
  closed,
);

/** Files of `seeds/` by name, each a list, and how many entries it must have at least and at most. */
export const SEED_FILES = {
  roles: Type.Array(RoleSeed, { minItems: 1 }),
  task_definitions: Type.Array(TaskDefinitionSeed),
  task_services: Type.Array(TaskServiceSeed),
  pipeline_templates: Type.Array(PipelineTemplateSeed),
  organizations: Type.Array(OrganizationSeed, { minItems: 1, maxItems: 1 }),
  sample_molecules: Type.Array(SampleMoleculeSeed),
};
export type SeedFile = keyof typeof SEED_FILES;
export type Seeds = { [F in SeedFile]: Static<(typeof SEED_FILES)[F]> };

/** The task definitions as validation reads them. */
export function definitionsOf(seeds: Pick<Seeds, "task_definitions">): TaskDefinition[] {
  return seeds.task_definitions.map(({ name, version, input_schema, config }) => ({
    name,
    version,
    input_schema: input_schema as TaskDefinition["input_schema"],
    config,
  }));
}
