import { Type } from "typebox";
import { inOrganization } from "../access/policy.ts";
import { closed, flag, id, integer, text } from "../fields.ts";
import { operation } from "../operation.ts";
import { LOG_MIB, showLog } from "./logs.ts";
import { JobId } from "./parts-schema.ts";

const Attempt = { minimum: 1, maximum: 1_000_000 };

export const jobLogs = operation({
  name: "job.logs",
  summary: "What the program of a job printed in its last attempt, or in the one that is asked for",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs/{job_id}/logs" },
  // Its bytes are an object, read when the transaction is over.
  tx: "own",
  input: closed({
    job_id: JobId,
    task: Type.Optional(text("Only of this task of the graph.", { minLength: 1, maxLength: 200 })),
    attempt: Type.Optional(integer("1", "Only of this attempt, from 1.", Attempt)),
  }),
  output: Type.Object({
    job_id: JobId,
    task_name: text("Name of the task in its pipeline's graph."),
    exec_id: id("The attempt."),
    attempt: integer("1", "Its number, from 1.", { minimum: 1 }),
    log: text(`What the program printed, as far as ${LOG_MIB} MiB.`),
    cut: flag("True: it printed more than that."),
  }),
  run: ({ services, principal }, { job_id, ...wish }) =>
    showLog(services, inOrganization(principal), job_id, wish),
});
