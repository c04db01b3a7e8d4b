import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CompiledQuery,
  type KyselyPlugin,
  PostgresQueryCompiler,
  type QueryId,
  type RootOperationNode,
} from "kysely";
import type { OrgPrincipal } from "../src/access/principal.ts";
import type { ResultsScope } from "../src/db/results.ts";
import { AppError } from "../src/errors.ts";
import { OPERATIONS } from "../src/features.ts";
import type { Operation } from "../src/operation.ts";
import { cursorMark, isPaged } from "../src/paging.ts";
import { perform } from "../src/perform.ts";
import type { Services } from "../src/services.ts";
import { startTasks } from "../src/worker/executions.ts";
import { recordTasks } from "../src/worker/record.ts";
import { makeOrg, openTestContext, person } from "./support/context.ts";
import type { PlanNode } from "./support/plan.ts";
import { BATCHES, fillRows, LARGE_BATCH, ROWS, uid } from "./support/plan-rows.ts";
import { finished } from "./support/worker.ts";

// Row security decides which indexes serve: a plan is good only as `member`, with the settings that people have.
// Every operation that reads an organization's database is run on tables large enough for the planner to care, and
// each statement that it really sent is explained with its own parameters.

const context = await openTestContext({ after }, { madeUpRows: true });
const org = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const colleague = await person(context, org, "scientist");

/** What an operation is asked, and what its plans must show. */
type Case = {
  input: Record<string, unknown>;
  /** Indexes that must appear. */
  by: string[];
  /** A page of a long list: nothing sorts more than a page's worth. */
  page?: true;
  /** It fails after its statements: the files of made-up rows are missing, or there is a choice to make. */
  fails?: true;
};

const next = (seconds: number, kind: string) =>
  Buffer.from(
    JSON.stringify([
      new Date(Date.parse("2026-01-01T00:00:00Z") + seconds * 1000).toISOString(),
      uid(kind, seconds),
    ]),
  ).toString("base64url");
const MIDDLE = ROWS / 2;

const CASES: Record<string, Case[]> = {
  "event.list": [
    { input: {}, by: ["event_logs_newest"], page: true },
    { input: { type: "error", limit: 5 }, by: ["event_logs_newest"], page: true },
    { input: { entity_type: "job", entity_id: uid("5", 7) }, by: ["event_logs_entity"] },
    {
      input: { since: "2026-01-01T01:00:00Z", cursor: next(MIDDLE, "a") },
      by: ["event_logs_newest"],
      page: true,
    },
  ],
  "job.events": [
    {
      input: { job_ids: [uid("5", 7), uid("5", 9)], after: [0, 1] },
      by: ["jobs_pkey", "job_events_default_job_id_ts_idx"],
    },
  ],
  "job.states": [{ input: { job_ids: [uid("5", 7), uid("5", 9)] }, by: ["jobs_pkey"] }],
  "molecule.list": [
    { input: {}, by: ["registrations_created", "registrations_molecule", "molecules_pkey"], page: true },
    { input: { cursor: next(MIDDLE, "9") }, by: ["registrations_created"], page: true },
    { input: { name: "name 777", limit: 10 }, by: ["registrations_pkey"] },
    { input: { tag: "tag7" }, by: ["registrations_pkey"] },
    { input: { formula: "C7" }, by: ["registrations_pkey"] },
  ],
  "molecule.show": [
    { input: { molecule_id: uid("2", 4) }, by: ["molecules_pkey", "registrations_molecule"] },
  ],
  "structure.list": [
    { input: {}, by: ["structures_created"], page: true },
    { input: { kind: "pose", cursor: next(MIDDLE, "3") }, by: ["structures_created"], page: true },
  ],
  "structure.show": [{ input: { structure_id: uid("3", 5) }, by: ["structures_pkey"], fails: true }],
  "receptor.list": [{ input: {}, by: ["structures_created"], page: true }],
  "receptor.show": [{ input: { structure_id: uid("3", 4) }, by: ["structures_pkey"], fails: true }],
  "site.list": [
    { input: {}, by: ["binding_sites_created"], page: true },
    { input: { cursor: next(MIDDLE, "4") }, by: ["binding_sites_created"], page: true },
  ],
  "site.show": [
    { input: { site: uid("4", 4) }, by: ["binding_sites_pkey"] },
    { input: { site: "site 4" }, by: [] },
  ],
  "job.list": [
    { input: {}, by: ["jobs_created"], page: true },
    { input: { status: "running" }, by: ["idx_jobs_status_created"], page: true },
    { input: { status: "completed", cursor: next(MIDDLE, "5") }, by: ["jobs_created"], page: true },
    { input: { batch_id: uid("a", LARGE_BATCH.number) }, by: ["jobs_created"], page: true },
    { input: { job_ids: [uid("5", 4), uid("5", 5)] }, by: ["jobs_pkey"] },
    { input: { params: { seed: 7 } }, by: ["jobs_pkey"] },
  ],
  "job.show": [
    {
      input: { job_id: uid("5", 4) },
      by: ["jobs_pkey", "tasks_pkey", "job_inputs_pkey", "job_outputs_pkey", "task_results_exec_id_key"],
    },
  ],
  "job.outputs": [{ input: { job_id: uid("5", 4) }, by: ["job_outputs_pkey"] }],
  "job.output": [{ input: { job_id: uid("5", 4), key: "none" }, by: ["job_outputs_pkey"], fails: true }],
  "structure.content": [{ input: { structure_id: uid("3", 5) }, by: ["structures_pkey"], fails: true }],
  "job.logs": [{ input: { job_id: uid("5", 4) }, by: ["jobs_pkey"], fails: true }],
  "calculation.of_jobs": [
    { input: { job_ids: [uid("5", 4)] }, by: ["calculations_job"] },
    // Answered by that of another job.
    { input: { job_ids: [uid("5", 5)] }, by: ["calculations_job", "task_results_exec_id_key"] },
  ],
  "calculation.query": [
    { input: {}, by: ["calculations_created"], page: true },
    { input: { cursor: next(MIDDLE, "7") }, by: ["calculations_created"], page: true },
    { input: { molecule_id: uid("2", 7) }, by: ["calculations_molecule"] },
    { input: { job_ids: [uid("5", 4)] }, by: ["jobs_pkey", "calculations_job"] },
    { input: { protocol_id: uid("1", 4), max_gap_ev: 0.05 }, by: ["calculations_gap"] },
    // Of ten protocols one is to be chosen: each has three indexes that serve.
    { input: { max_gap_ev: 0.05 }, by: [], fails: true },
    { input: { molecule_id: uid("2", 7), max_energy_eh: 0 }, by: ["calculations_molecule"], page: true },
    {
      input: { molecule_id: uid("2", 7), protocol_id: uid("1", 8), min_energy_eh: -1, max_energy_eh: 0 },
      by: ["calculations_molecule"],
      page: true,
    },
  ],
  "docking.query": [
    { input: { site: uid("4", 4), per: "pose" }, by: ["docking_results_best"], page: true },
    { input: { site: uid("4", 4), per: "molecule" }, by: ["docking_results_first"] },
    { input: { site: uid("4", 4), per: "compound" }, by: ["docking_results_first"] },
    { input: { job_ids: [uid("5", 4)] }, by: ["idx_docking_results_job_score"] },
  ],
  "cache.stats": [{ input: {}, by: [] }],
  "cache.explain": [{ input: { job_id: uid("5", 4) }, by: ["jobs_pkey", "tasks_pkey"] }],
  "protocol.list": [{ input: {}, by: [] }],
  "protocol.show": [{ input: { protocol: uid("1", 4) }, by: [] }],
  "batch.list": [
    { input: {}, by: ["batch_jobs_created", "batch_progress_pkey"], page: true },
    { input: { status: "paused", cursor: next(BATCHES / 2, "a") }, by: ["batch_jobs_status"], page: true },
  ],
  "batch.show": [
    {
      input: { batch_id: uid("a", 4) },
      by: ["batch_jobs_pkey", "batch_progress_pkey", "idx_jobs_status_created"],
    },
    {
      input: { batch_id: uid("a", LARGE_BATCH.number) },
      by: ["batch_jobs_pkey", "batch_progress_pkey", "idx_jobs_status_created"],
    },
  ],
  "batch.items": [
    { input: { batch_id: uid("a", 4), cursor: "100" }, by: ["batch_items_pkey"], page: true },
    { input: { batch_id: uid("a", 4), status: "skipped" }, by: ["batch_items_status"], page: true },
    ...["queued", "processing"].map((status) => ({
      input: { batch_id: uid("a", LARGE_BATCH.number), status, cursor: "100" },
      by: ["batch_items_status", "jobs_pkey", "molecules_pkey"],
      page: true as const,
    })),
  ],
  "failure.list": [
    { input: {}, by: ["idx_jobs_status_created"] },
    { input: { batch_id: uid("a", 4) }, by: ["batch_items_status"] },
  ],
  "docking.export": [{ input: { result_ids: [uid("8", 4)] }, by: ["docking_results_pkey"], fails: true }],
};

const LARGE = new Set<string>();

before(async () => {
  await context.superuser(
    `SET session_replication_role = replica; ${fillRows({ scientist: scientist.user_id, colleague: colleague.user_id })}`,
    [],
    org.database_name,
  );
  const rows = await context.superuser<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND reltuples > 5000",
    [],
    org.database_name,
  );
  for (const { name } of rows) LARGE.add(name);
  assert.ok(LARGE.size >= 12, [...LARGE].join(" "));
});

type Planned = { text: string; nodes: PlanNode[] };

/** Does work in a transaction and asks there for the plan of every statement that it sent, with its role and settings. */
async function watched<T>(
  scope: ResultsScope,
  plans: Planned[],
  inside: (scope: ResultsScope) => Promise<T>,
): Promise<T> {
  const compiler = new PostgresQueryCompiler();
  const sent: [RootOperationNode, QueryId][] = [];
  const watch: KyselyPlugin = {
    transformQuery: ({ node, queryId }) => {
      sent.push([node, queryId]);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  try {
    return await inside({ ...scope, tx: scope.tx.withPlugin(watch) });
  } finally {
    // Also of a question that is refused with what the statements found.
    for (const [node, queryId] of sent) {
      const { sql, parameters } = compiler.compileQuery(node, queryId);
      const explained = await scope.tx.executeQuery<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
        CompiledQuery.raw(`EXPLAIN (FORMAT JSON) ${sql}`, [...parameters]),
      );
      plans.push({ text: sql, nodes: explained.rows.flatMap((row) => flat(row["QUERY PLAN"][0].Plan)) });
    }
  }
}

/** The plans of what an operation reads. */
async function plansOf(work: (services: Services) => Promise<unknown>): Promise<Planned[]> {
  const plans: Planned[] = [];
  const read = <T>(principal: OrgPrincipal, inside: (scope: ResultsScope) => Promise<T>) =>
    context.results.read(principal, (scope) => watched(scope, plans, inside));
  const results = Object.create(context.results, { read: { value: read } });
  await work({ ...context, results });
  return plans;
}

const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];

/** None reads a large table through; those of a page sort no more than a page's worth. */
function checkPlans(plans: Planned[], page = false): void {
  for (const { text, nodes } of plans) {
    const told = `${text}\n${JSON.stringify(
      nodes.map(({ Plans, ...node }) => node),
      null,
      1,
    )}`;
    const scanned = nodes.filter(
      (node) => node["Node Type"].includes("Seq Scan") && LARGE.has(node["Relation Name"] ?? ""),
    );
    assert.deepEqual(
      scanned.map((node) => node["Relation Name"]),
      [],
      told,
    );
    if (page)
      for (const node of nodes.filter((step) => /Sort/.test(step["Node Type"])))
        assert.ok(node["Plan Rows"] <= 1000, `it sorts ${node["Plan Rows"]} rows: ${told}`);
  }
}

const READS = (OPERATIONS as unknown as Operation[]).filter(
  ({ tx, http, name }) =>
    (tx === "results" && (http.method === "GET" || http.reads === true)) || (tx === "own" && name in CASES),
);

test("every operation that reads an organization's database has a plan here", () => {
  assert.deepEqual(Object.keys(CASES).sort(), READS.map(({ name }) => name).sort());
});

/** The place of a cursor as a page of that list would have given it. */
function marked(operation: Operation, input: { cursor?: string }): object {
  const { cursor } = input;
  if (cursor === undefined || !isPaged(operation)) return input;
  return { ...input, cursor: `${cursorMark(operation.name, input)}.${cursor}` };
}

for (const operation of READS)
  for (const { input, by, page, fails } of CASES[operation.name] ?? [])
    test(`${operation.name} ${JSON.stringify(input)} reads by ${by.join(", ") || "an index"}`, async () => {
      const plans = await plansOf(async (services) => {
        const asked = perform(services, operation, scientist, marked(operation, input));
        if (fails === true) await assert.rejects(asked, (error: unknown) => error instanceof AppError);
        else await asked;
      });
      assert.ok(plans.length > 0, "it asked nothing");
      checkPlans(plans, page === true);
      const used = new Set(plans.flatMap(({ nodes }) => nodes.map((node) => node["Index Name"])));
      for (const index of by) assert.ok(used.has(index), `${index} is not among ${[...used].join(" ")}`);
    });

test("a worker starts and records a group by index: neither tasks nor jobs nor attempts are read through", async () => {
  // Ready tasks among thousands, as a claim hands them over.
  const ready = Array.from({ length: 20 }, (_, n) => uid("5", 100 * (n + 1)));
  await context.superuser(
    `SET session_replication_role = replica;
     DELETE FROM task_executions WHERE job_id IN ('${ready.join("','")}');
     UPDATE tasks SET status = 'ready' WHERE job_id IN ('${ready.join("','")}');
     UPDATE jobs SET status = 'queued' WHERE job_id IN ('${ready.join("','")}')`,
    [],
    org.database_name,
  );
  const worker_id = uid("f", 1);
  const claims = ready.map((job_id) => ({
    ...{ org_id: org.org_id, generation: 1, job_id, task_name: "run", engine: "xtb", fence: 7, worker_id },
  }));
  const lease = { org_id: org.org_id, generation: 1, worker_id };
  const plans: Planned[] = [];
  const started = await context.results.forLease(lease, (scope) =>
    watched(scope, plans, (inside) => startTasks(inside, claims, worker_id)),
  );
  const runs = started.map((one, index) => {
    assert.ok(one.kind === "started");
    return finished({ claim: claims[index] as (typeof claims)[number], started: one });
  });
  const ends = await context.results.forLease(lease, (scope) =>
    watched(scope, plans, (inside) => recordTasks(inside, runs, { policy: { ttl_days: null } })),
  );
  assert.deepEqual(new Set(ends), new Set(["recorded"]));
  checkPlans(plans);
  const writes = (table: string) => plans.filter(({ text }) => text.includes(`UPDATE ${table}`));
  for (const table of ["jobs", "tasks", "task_executions"]) {
    const by = writes(table).map(({ nodes }) => nodes.some((node) => node["Index Name"]?.startsWith(table)));
    assert.ok(by.length > 0 && by.every(Boolean), `${table} is written, and not by an index of its own`);
  }
});
