import { Type } from "typebox";
import { about, closed, flag, list, pageOfItems, text } from "../fields.ts";
import { operation } from "../operation.ts";
import { NAME_PATTERN } from "../orgs/schema.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import type { PreparedRequests } from "../requests/submit.ts";
import { toldJobs } from "../requests/told-jobs.ts";
import { comparePipeline } from "./compare.ts";
import { createPipeline, withVersion } from "./create.ts";
import { SpecChange } from "./diff.ts";
import { Fault } from "./faults.ts";
import { findPipeline, usualVersion, versionNamed } from "./find.ts";
import { PipelineParameter, parametersOf } from "./parameters.ts";
import { publishPipeline } from "./publish.ts";
import { prepareRun, RanPipeline, RunPipeline, runPipeline } from "./run.ts";
import {
  PipelineId,
  PipelineRow,
  PipelineSpec,
  PipelineText,
  PipelineVisible,
  VersionRow,
  VersionText,
} from "./schema.ts";
import { selectDefinitions, selectPipelines, selectSpec } from "./store.ts";
import { validateSpec } from "./validate.ts";

const NewName = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: NAME_PATTERN,
  description: "What it is called: a new name, or that of a pipeline of yours for another draft of it.",
  examples: ["dock-and-refine"],
});
/** Any object: what is wrong inside is told by place and rule. */
const AnySpec = Type.Record(Type.String(), Type.Unknown(), {
  maxProperties: 1000,
  propertyNames: { maxLength: 1000 },
  description:
    "The graph of tasks, as `pipeline.show` describes it; 262,144 bytes at most. What is wrong in it is told by place and rule.",
  examples: [
    {
      version: "1",
      tasks: {
        run: {
          task: "xtb",
          task_version: "1",
          engine: "xtb",
          after: [],
          max_attempts: 3,
          params: { task: "optimize" },
        },
      },
    },
  ],
});
const VersionName = text("Its version.");

export const listPipelines = operation({
  name: "pipeline.list",
  summary: "Pipelines that you may see, newest first: your organization's, the system's, others' public ones",
  permission: "pipelines:read",
  http: { method: "GET", path: "/pipelines" },
  tx: "metadata",
  input: PageInput,
  output: pageOfItems(PipelineRow, "Pipelines, newest first."),
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
  input: closed({
    pipeline: PipelineText,
    version: Type.Optional(
      about(
        VersionText,
        "Version whose graph is shown; the latest published one where left out, else its draft.",
      ),
    ),
  }),
  output: Type.Object({
    ...PipelineRow.properties,
    versions: list(VersionRow, "Versions that you may see, oldest first."),
    version: text("The version that is shown."),
    published: flag("Whether that is published; false: a draft."),
    spec: PipelineSpec,
    parameters: list(PipelineParameter, "What a job may choose, and among what."),
  }),
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
  input: closed({
    pipeline: PipelineText,
    from: Type.Optional(
      about(VersionText, "Version to begin with; the last one published before `to` where left out."),
    ),
    to: Type.Optional(
      about(VersionText, "Version to end with; the draft where left out, else the latest published one."),
    ),
    template: Type.Optional(about(PipelineText, "Name of a template to begin with, instead of a version.")),
  }),
  output: Type.Object({
    pipeline_id: PipelineId,
    name: text("Name of the pipeline."),
    from: text("Version, or template, that was begun with."),
    to: text("Version that was ended with."),
    changes: list(SpecChange, "What leads from the one to the other, at the smallest places that differ."),
  }),
  run: ({ tx }, input) => comparePipeline(tx, input),
});

export const checkPipeline = operation({
  name: "pipeline.check",
  summary: "Check a spec: all that is wrong with it, without keeping it",
  permission: "pipelines:read",
  http: { method: "POST", path: "/pipelines/faults", reads: true },
  tx: "metadata",
  input: closed({ spec: AnySpec }),
  output: Type.Object({
    ok: flag("True: it may be a pipeline's; nothing is wrong, but for warnings."),
    items: list(Fault, "What is wrong, place by place; the first 100 of it."),
  }),
  async run({ tx }, { spec }) {
    const version = typeof spec["version"] === "string" ? spec["version"] : "1";
    const items = validateSpec(withVersion(spec, version), await selectDefinitions(tx));
    return { ok: items.every(({ severity }) => severity === "warning"), items };
  },
});

export const createPipelineOperation = operation({
  name: "pipeline.create",
  summary: "Make a pipeline with a draft, or another draft of one that is there",
  permission: "pipelines:write",
  http: { method: "POST", path: "/pipelines" },
  tx: "metadata",
  input: closed(
    {
      name: NewName,
      spec: Type.Optional(AnySpec),
      template: Type.Optional(
        about(PipelineText, "Name of a template whose graph is taken, instead of `spec`."),
      ),
      description: Type.Optional(
        text("What it is for; as it was, or as the template says, where left out.", { maxLength: 2000 }),
      ),
      visibility: Type.Optional(
        about(
          PipelineVisible,
          "Who sees it: `private` its maker and admins, `organization`, or `public` everybody once it is published. As it was where left out, and `organization` for a new one.",
        ),
      ),
    },
    { examples: [{ name: "dock-and-refine", template: "dock" }] },
  ),
  output: Type.Object({
    pipeline_id: PipelineId,
    name: text("Name of the pipeline."),
    version: VersionName,
    created: flag("False: a draft that was there has another graph now."),
    warnings: list(
      Type.Object({ path: Fault.properties.path, rule: Fault.properties.rule }),
      "What is declared and never used, and the like; it refuses nothing.",
    ),
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
  input: closed(
    {
      pipeline: PipelineText,
      version: Type.Optional(about(VersionText, "The draft; where left out, the one that there is.")),
    },
    { examples: [{ pipeline: "dock-and-refine", version: "1" }] },
  ),
  output: Type.Object({
    pipeline_id: PipelineId,
    name: text("Name of the pipeline."),
    version: VersionName,
    latest_version: PipelineRow.properties.latest_version,
    changed: flag("False: it was published before."),
  }),
  run: publishPipeline,
  told: (_input, { pipeline_id, version, changed }) => ({
    entity_type: "pipeline",
    entity_id: pipeline_id,
    pipeline_id,
    metadata: { version, changed },
  }),
});

export const runPipelineOperation = operation<
  typeof RunPipeline,
  typeof RanPipeline,
  PreparedRequests,
  "pipeline.run"
>({
  name: "pipeline.run",
  summary: "Run a published pipeline on molecules or structures: one job each",
  permission: "jobs:submit",
  http: { method: "POST", path: "/pipelines/{pipeline}/jobs" },
  tx: "results",
  input: RunPipeline,
  output: RanPipeline,
  prepare: prepareRun,
  run: runPipeline,
  told(_input, { pipeline_id, pipeline_version, jobs, rejected }) {
    const { job, metadata } = toldJobs(jobs);
    return {
      entity_type: "pipeline",
      entity_id: pipeline_id,
      pipeline_id,
      ...job,
      metadata: { version: pipeline_version, ...metadata, rejected: rejected.length },
    };
  },
});
