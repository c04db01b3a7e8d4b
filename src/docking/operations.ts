import { Type } from "typebox";
import { Uuid } from "../jobs/schema.ts";
import { operation } from "../operation.ts";
import type { PreparedRequests } from "../requests/submit.ts";
import { type ExportedPoses, exportPoses } from "./export.ts";
import { queryDocking } from "./query.ts";
import { DockingResult, QueryDocking, SubmitDocking, SubmittedDocking } from "./schema.ts";
import { prepareDocking, submitDocking } from "./submit.ts";

export const submitDockingOperation = operation<
  typeof SubmitDocking,
  typeof SubmittedDocking,
  PreparedRequests
>({
  name: "docking.submit",
  summary: "Dock molecules at a binding site with Vina: one job each",
  permission: "jobs:submit",
  http: { method: "POST", path: "/docking" },
  tx: "results",
  input: SubmitDocking,
  output: SubmittedDocking,
  prepare: prepareDocking,
  run: submitDocking,
  auditFollows: true,
  told: (_input, answer) => ({
    entity_type: "job",
    metadata: {
      site_id: answer.site_id,
      jobs: answer.jobs.filter((job) => !job.cached).length,
      reused: answer.jobs.filter((job) => job.cached).length,
      rejected: answer.rejected.length,
    },
  }),
});

const optionalId = Type.Union([Uuid, Type.Null()]);

export const queryDockingOperation = operation({
  name: "docking.query",
  summary: "Best poses at a site, or the poses of jobs",
  permission: "docking:read",
  http: { method: "GET", path: "/docking" },
  tx: "results",
  input: QueryDocking,
  output: Type.Object({
    items: Type.Array(DockingResult),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    site_id: optionalId,
    protocol_id: optionalId,
  }),
  run: ({ scope }, input) => queryDocking(scope.tx, input),
});

const ExportPoses = Type.Object(
  { result_ids: Type.Array(Uuid, { minItems: 1, maxItems: 1000 }) },
  { additionalProperties: false },
);
const Exported = Type.Object({ records: Type.Integer(), content: Type.String() });

export const exportPosesOperation = operation<typeof ExportPoses, typeof Exported, ExportedPoses>({
  name: "docking.export",
  summary: "Poses as an SD file, with all hydrogens and their scores",
  permission: "docking:read",
  http: { method: "GET", path: "/docking/poses.sdf" },
  tx: "results",
  input: ExportPoses,
  output: Exported,
  prepare: (call, { result_ids }) => exportPoses(call, result_ids),
  run: async ({ prepared }) => prepared,
});
