import { Type } from "typebox";
import type { OrgPrincipal } from "../../../src/access/principal.ts";
import { newId } from "../../../src/ids.ts";
import { cancelJob } from "../../../src/jobs/change.ts";
import { Uuid } from "../../../src/jobs/schema.ts";
import { registerMolecules } from "../../../src/molecules/store.ts";
import { operation } from "../../../src/operation.ts";
import { perform } from "../../../src/perform.ts";
import type { TaskSpec } from "../../../src/pipelines/schema.ts";
import type { TestContext } from "../../support/context.ts";
import { FAKE, madeUpSpecies } from "../../support/engine.ts";
import { submitRequested } from "../../support/submit-jobs.ts";

const Asked = Type.Object({
  /** Tells one job's molecule from another's; the same one twice is one molecule. */
  name: Type.String(),
  script: Type.String(),
  graph: Type.Record(Type.String(), Type.Array(Type.String())),
  max_attempts: Type.Integer(),
  /** Whether an identical one may answer it. */
  reuse: Type.Boolean(),
});

const submitOperation = operation({
  name: "jobs.submit",
  summary: "Submits a job of shell scripts through the door that people use.",
  permission: "jobs:submit",
  http: { method: "POST", path: "/test" },
  tx: "results",
  input: Asked,
  output: Type.Object({ job_id: Uuid }),
  told: (_input, { job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
  run: async ({ scope, principal }, asked) => {
    const { user_id: owner_id } = principal;
    const species = madeUpSpecies(asked.name);
    const registration = {
      owner_id,
      visibility: "organization" as const,
      name: null,
      input_text: asked.name,
      source_file: null,
      source_row: null,
      properties: {},
    };
    const [molecule] = await registerMolecules(scope.tx, [{ species, registration }]);
    const molecule_id = molecule?.molecule_id ?? "";
    const jobs = await submitRequested(
      scope,
      { pipeline: pipelineOf(asked), owner_id, visibility: "organization", priority: 5, reuse: asked.reuse },
      [
        {
          inputs: [{ key: "molecule", molecule_id, structure_id: null, identity: species.identity_key }],
          params: { script: asked.script },
        },
      ],
    );
    return { job_id: jobs[0]?.job_id ?? "" };
  },
});

function pipelineOf({ graph, max_attempts }: { graph: Record<string, string[]>; max_attempts: number }) {
  const tasks = Object.entries(graph).map(([name, after]): [string, TaskSpec] => [
    name,
    { task: "fake", task_version: "1", engine: FAKE, after, max_attempts, params: {} },
  ]);
  return {
    pipeline_id: newId(),
    pipeline_version_id: newId(),
    name: "fake",
    version: "1",
    spec: { version: "1", tasks: Object.fromEntries(tasks) },
  };
}

const cancelOperation = operation({
  name: "jobs.cancel",
  summary: "Cancels a job.",
  permission: "jobs:submit",
  http: { method: "POST", path: "/test/cancel" },
  tx: "results",
  input: Type.Object({ job_id: Uuid }),
  output: Type.Object({ job_id: Uuid, status: Type.String() }),
  told: ({ job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
  run: ({ scope }, { job_id }) => cancelJob(scope, job_id),
});

export type Wish = Partial<{
  script: string;
  graph: Record<string, string[]>;
  max_attempts: number;
  reuse: boolean;
}>;

let serial = 0;

/** One request for a job, with validation, idempotency key and audit. The same key again is the same job. */
export async function submit(
  context: TestContext,
  principal: OrgPrincipal,
  wish: Wish = {},
  key: string = newId(),
): Promise<string> {
  const { script = "echo -1.5", graph = { run: [] }, max_attempts = 3, reuse = false } = wish;
  const name = reuse ? "the same" : `C${++serial} ${key}`;
  const asked = { name, script, graph, max_attempts, reuse };
  const answer = await perform(context, submitOperation, principal, asked, { idempotencyKey: key });
  return answer.job_id;
}

/** Asks to cancel a job; throws AppError conflict where it has ended. */
export async function cancel(context: TestContext, principal: OrgPrincipal, job_id: string): Promise<void> {
  await perform(context, cancelOperation, principal, { job_id });
}
