import { inOrganization } from "../access/policy.ts";
import { viewerOf } from "../access/principal.ts";
import { operation } from "../operation.ts";
import type { PreparedRequests } from "../requests/submit.ts";
import { toldJobs } from "../requests/told-jobs.ts";
import { exportPoses } from "./export.ts";
import { queryDocking } from "./query.ts";
import {
  DockingPage,
  ExportedPoses,
  ExportPoses,
  QueryDocking,
  SubmitDocking,
  SubmittedDocking,
} from "./schema.ts";
import { prepareDocking, submitDocking } from "./submit.ts";

export const submitDockingOperation = operation<
  typeof SubmitDocking,
  typeof SubmittedDocking,
  PreparedRequests,
  "docking.submit"
>({
  name: "docking.submit",
  summary: "Dock molecules at a binding site with Vina: one job each",
  permission: "jobs:submit",
  http: { method: "POST", path: "/dockings" },
  tx: "results",
  input: SubmitDocking,
  output: SubmittedDocking,
  prepare: prepareDocking,
  run: submitDocking,
  auditFollows: true,
  told(_input, { site_id, jobs, rejected }) {
    const { job, metadata } = toldJobs(jobs);
    return {
      entity_type: "job",
      ...(job.job_id === undefined ? {} : { entity_id: job.job_id }),
      ...job,
      metadata: { site_id, ...metadata, rejected: rejected.length },
    };
  },
});

export const queryDockingOperation = operation({
  name: "docking.query",
  summary: "Best poses at a site, or the poses of jobs",
  permission: "docking:read",
  http: { method: "GET", path: "/dockings" },
  tx: "results",
  input: QueryDocking,
  output: DockingPage,
  run: ({ scope }, input) => queryDocking(scope.tx, input),
});

export const exportPosesOperation = operation({
  name: "docking.export",
  summary: "Poses as an SD file, with all hydrogens and their scores",
  permission: "docking:read",
  // A question that is recorded: who took results out of the house is told to the audit log, before they leave.
  http: { method: "POST", path: "/dockings/poses" },
  tx: "own",
  // An export is asked for anew: what it was is not kept.
  repeats: false,
  input: ExportPoses,
  output: ExportedPoses,
  told: true,
  async run({ services, principal, tools }, { result_ids }) {
    const person = inOrganization(principal);
    const made = await exportPoses({ services, principal: person }, result_ids);
    await services.metadata.member(viewerOf(person), (tx) =>
      tools.audit(tx, { entity_type: "docking", metadata: { records: made.records } }),
    );
    return made;
  },
});
