import assert from "node:assert/strict";
import { test } from "node:test";
import { migratedSchemas } from "../support/schemas.ts";

/** Columns of the results branch that name a person: people are in the metadata database (ADR 0028). */
const PEOPLE = new Set(["owner_id", "user_id", "created_by", "added_by", "private_to", "principal_id"]);

/** Other ids without a foreign key, and why. */
const PLAIN: Record<string, string> = {
  "metadata.audit_logs.chain_id": "the organization or the system's chain; stays when they are gone",
  "metadata.audit_logs.job_id": "in another database, and the log outlives it",
  "metadata.audit_logs.org_id": "the log outlives the organization",
  "metadata.audit_logs.pipeline_id": "the log outlives the pipeline",
  "metadata.audit_logs.source_id": "names a fact of another database",
  "metadata.audit_logs.user_id": "the log outlives the person",
  "metadata.idempotency_keys.principal_id": "a person or a key",
  "metadata.jobs_meta.job_id": "the job, in another database",
  "metadata.jobs_meta.pipeline_id": "a fact is taken as it comes",
  "metadata.jobs_meta.pipeline_version_id": "a fact is taken as it comes",
  "metadata.jobs_meta.private_to": "a fact is taken as it comes",
  "metadata.jobs_meta.submitted_by": "a fact is taken as it comes",
  "metadata.task_queue.job_id": "in another database",
  "metadata.task_queue.lease_owner": "a worker that vanished may still hold it",
  "metadata.tokens.family_id": "names no row",
  "results.database_identity.org_id": "in the metadata database",
  "results.jobs.pipeline_id": "in the metadata database",
  "results.jobs.pipeline_version_id": "in the metadata database",
  "results.outbox.source_id": "names the row itself",
  "results.pipeline_specs.pipeline_id": "in the metadata database",
  "results.pipeline_specs.pipeline_version_id": "in the metadata database",
  "results.task_executions.worker_id": "in the metadata database",
  "results.tasks.current_exec_id": "would be a circle: the execution refers to its task",
};

const schemas = await migratedSchemas();

test("an id is a row's own, part of a foreign key, or plain for a stated reason", () => {
  const plain = schemas.flatMap(({ branch, tables }) =>
    tables.flatMap((table) => {
      const tied = new Set(
        table.constraints
          .filter(({ kind, columns }) => kind === "f" || (kind === "p" && columns.length === 1))
          .flatMap(({ columns }) => columns),
      );
      return table.columns
        .filter(({ name, type }) => type === "uuid" && !tied.has(name))
        .filter(({ name }) => !(branch === "results" && PEOPLE.has(name)))
        .map(({ name }) => `${branch}.${table.name}.${name}`);
    }),
  );
  assert.deepEqual(plain.toSorted(), Object.keys(PLAIN).toSorted());
});
