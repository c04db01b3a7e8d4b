import { Type } from "typebox";
import { operation } from "../operation.ts";
import { NAME_PATTERN } from "../orgs/schema.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import type { PreparedRequests } from "../requests/submit.ts";
import { comparePipeline } from "./compare.ts";
import { createPipeline, withVersion } from "./create.ts";
import { SpecChange } from "./diff.ts";
import { Fault } from "./faults.ts";
import { findPipeline, usualVersion, versionNamed } from "./find.ts";
import { PipelineParameter, parametersOf } from "./parameters.ts";
import { publishPipeline } from "./publish.ts";
import { prepareRun, RanPipeline, RunPipeline, runPipeline } from "./run.ts";
import {
  PIPELINE_VISIBILITIES,
  PipelineRow,
  PipelineSpec,
  PipelineText,
  VersionRow,
  VersionText,
} from "./schema.ts";
import { selectDefinitions, selectPipelines, selectSpec } from "./store.ts";
import { validateSpec } from "./validate.ts";

const closed = { additionalProperties: false };
const NewName = Type.String({ minLength: 1, maxLength: 100, pattern: NAME_PATTERN });
/** Any object: what is wrong inside is told by place and rule. */
const AnySpec = Type.Record(Type.String(), Type.Unknown());

export const listPipelines = operation({
  name: "pipeline.list",
  summary: "Pipelines that you may see, newest first: your organization's, the system's, others' public ones",
  permission: "pipelines:read",
  http: { method: "GET", path: "/pipelines" },
  tx: "metadata",
  input: PageInput,
  output: Type.Object({
    items: Type.Array(PipelineRow),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
  }),
  async run({ tx }, input) {
    const wish = pageWish(input);
    return pageOf(wish, await selectPipelines(tx, wish), (row) => ({
      at: row.created_at,
      id: row.pipeline_id,
    }));
  },
});

export const showPipeline = operation({
  name: "pipeline.show",
  summary: "A pipeline with its versions and the graph of one, the latest published unless another is named",
  permission: "pipelines:read",
  http: { method: "GET", path: "/pipelines/{pipeline}" },
  tx: "metadata",
  input: Type.Object({ pipeline: PipelineText, version: Type.Optional(VersionText) }, closed),
  output: Type.Intersect([
    PipelineRow,
    Type.Object({
      versions: Type.Array(VersionRow),
      version: Type.String(),
      published: Type.Boolean(),
      spec: PipelineSpec,
      parameters: Type.Array(PipelineParameter),
    }),
  ]),
  async run({ tx }, input) {
    const { pipeline, versions } = await findPipeline(tx, input.pipeline);
    const one = versionNamed(pipeline.name, versions, input.version ?? usualVersion(pipeline));
    const { pipeline_version_id, version, published } = one;
    const spec = await selectSpec(tx, pipeline_version_id);
    const { pipeline_id, name } = pipeline;
    const graph = { pipeline_id, pipeline_version_id, name, version, spec };
    const parameters = parametersOf(graph, await selectDefinitions(tx));
    return { ...pipeline, versions, version, published, spec, parameters };
  },
});

export const comparePipelineOperation = operation({
  name: "pipeline.compare",
  summary: "What changed between two versions of a pipeline, or from a template to one",
  permission: "pipelines:read",
  http: { method: "GET", path: "/pipelines/{pipeline}/changes" },
  tx: "metadata",
  input: Type.Object(
    {
      pipeline: PipelineText,
      from: Type.Optional(VersionText),
      to: Type.Optional(VersionText),
      template: Type.Optional(PipelineText),
    },
    closed,
  ),
  output: Type.Object({
    pipeline_id: Type.String(),
    name: Type.String(),
    from: Type.String(),
    to: Type.String(),
    changes: Type.Array(SpecChange),
  }),
  run: ({ tx }, input) => comparePipeline(tx, input),
});

export const checkPipeline = operation({
  name: "pipeline.check",
  summary: "All that is wrong with a spec, without keeping it",
  permission: "pipelines:read",
  // It changes nothing.
  http: { method: "GET", path: "/pipeline-check" },
  tx: "metadata",
  input: Type.Object({ spec: AnySpec }, closed),
  output: Type.Object({ ok: Type.Boolean(), items: Type.Array(Fault) }),
  async run({ tx }, { spec }) {
    const version = typeof spec["version"] === "string" ? spec["version"] : "1";
    const items = validateSpec(withVersion(spec, version), await selectDefinitions(tx));
    return { ok: items.every(({ severity }) => severity === "warning"), items };
  },
});

export const createPipelineOperation = operation({
  name: "pipeline.create",
  summary: "A new pipeline with a draft, or another draft of one that is there",
  permission: "pipelines:write",
  http: { method: "POST", path: "/pipelines" },
  tx: "metadata",
  input: Type.Object(
    {
      name: NewName,
      spec: Type.Optional(AnySpec),
      template: Type.Optional(PipelineText),
      description: Type.Optional(Type.String({ maxLength: 2000 })),
      visibility: Type.Optional(Type.Enum(PIPELINE_VISIBILITIES)),
    },
    closed,
  ),
  output: Type.Object({
    pipeline_id: Type.String(),
    name: Type.String(),
    version: Type.String(),
    created: Type.Boolean(),
    warnings: Type.Array(Type.Object({ path: Type.String(), rule: Type.String() })),
  }),
  run: createPipeline,
  told: (_input, { pipeline_id, version, created }) => ({
    entity_type: "pipeline",
    entity_id: pipeline_id,
    pipeline_id,
    metadata: { version, created },
  }),
});

export const publishPipelineOperation = operation({
  name: "pipeline.publish",
  summary: "Publish a draft: jobs get it from now on, and it never changes again",
  permission: "pipelines:write",
  http: { method: "POST", path: "/pipelines/{pipeline}/publish" },
  tx: "metadata",
  input: Type.Object({ pipeline: PipelineText, version: Type.Optional(VersionText) }, closed),
  output: Type.Object({
    pipeline_id: Type.String(),
    name: Type.String(),
    version: Type.String(),
    latest_version: Type.Union([Type.String(), Type.Null()]),
    changed: Type.Boolean(),
  }),
  run: publishPipeline,
  told: (_input, { pipeline_id, version, changed }) => ({
    entity_type: "pipeline",
    entity_id: pipeline_id,
    pipeline_id,
    metadata: { version, changed },
  }),
});

export const runPipelineOperation = operation<typeof RunPipeline, typeof RanPipeline, PreparedRequests>({
  name: "pipeline.run",
  summary: "Run a published pipeline on molecules or structures: one job each",
  permission: "jobs:submit",
  http: { method: "POST", path: "/pipelines/{pipeline}/jobs" },
  tx: "results",
  input: RunPipeline,
  output: RanPipeline,
  prepare: prepareRun,
  run: runPipeline,
  told: (_input, { pipeline_id, pipeline_version, jobs, rejected }) => ({
    entity_type: "pipeline",
    entity_id: pipeline_id,
    pipeline_id,
    metadata: {
      version: pipeline_version,
      jobs: jobs.filter((job) => !job.cached).length,
      reused: jobs.filter((job) => job.cached).length,
      rejected: rejected.length,
    },
  }),
});
