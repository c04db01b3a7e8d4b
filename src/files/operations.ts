import { Type } from "typebox";
import { inOrganization } from "../access/policy.ts";
import { closed, wholeList } from "../fields.ts";
import { JobId, JobOutput } from "../jobs/parts-schema.ts";
import { operation } from "../operation.ts";
import { StructureId } from "../structures/schema.ts";
import { listOutputs, openOutput, openStructure } from "./open.ts";
import { FileAnswer } from "./schema.ts";

export const jobOutputs = operation({
  name: "job.outputs",
  summary: "Files that a job left, by name",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs/{job_id}/outputs" },
  tx: "results",
  input: closed({ job_id: JobId }),
  output: wholeList(JobOutput, "Its files, by name."),
  run: async ({ scope }, { job_id }) => ({ items: await listOutputs(scope.tx, job_id), next_cursor: null }),
});

export const jobOutput = operation({
  name: "job.output",
  summary: "The bytes of one file that a job left",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs/{job_id}/outputs/{key}" },
  file: true,
  // Its bytes are an object, read when the transaction is over.
  tx: "own",
  input: closed({
    job_id: JobId,
    key: Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Name of the file, as `job.outputs` lists it; the slash in it may stay as it is.",
      examples: ["optimize/xtbopt.xyz"],
    }),
  }),
  output: FileAnswer,
  run: ({ services, principal }, { job_id, key }) =>
    openOutput(services, inOrganization(principal), job_id, key),
});

export const structureContent = operation({
  name: "structure.content",
  summary: "The bytes of one structure, as a file",
  permission: "structures:read",
  http: { method: "GET", path: "/structures/{structure_id}/content" },
  file: true,
  tx: "own",
  input: closed({ structure_id: StructureId }),
  output: FileAnswer,
  run: ({ services, principal }, { structure_id }) =>
    openStructure(services, inOrganization(principal), structure_id),
});
