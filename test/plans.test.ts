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
import { perform } from "../src/perform.ts";
import type { Services } from "../src/services.ts";
import { makeOrg, openTestContext, person } from "./support/context.ts";
import type { PlanNode } from "./support/plan.ts";

// Row security decides which indexes serve: a plan is good only as `member`, with the settings that people have.
// Every operation that reads an organization's database is run on tables large enough for the planner to care, and
// each statement that it really sent is explained with its own parameters.

const context = await openTestContext({ after });
const org = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const colleague = await person(context, org, "scientist");

const ROWS = 12_000;
/** Far fewer than jobs: what hangs on them looks all of them up at once. */
const BATCHES = 3000;
/** Ids that say what they are of: the same number in every table belongs together. */
const uid = (kind: string, n: number) => `0000000${kind}-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
const id = (kind: string, n = "n") =>
  `('0000000${kind}-0000-4000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
const owner = `CASE WHEN n % 3 = 0 THEN '${colleague.user_id}' ELSE '${scientist.user_id}' END::uuid`;
const visibility = "CASE WHEN n % 10 < 3 THEN 'private' ELSE 'organization' END";
const privateTo = `CASE WHEN n % 10 < 3 THEN ${owner} END`;
/** One after the other, as rows come in. */
const at = "timestamptz '2026-01-01' + n * interval '1 second'";
const hash = (n = "n") => `lpad(to_hex(${n}), 64, '0')`;
const series = (rows = ROWS) => `FROM generate_series(1, ${rows}) AS n`;

const FILL = `
  INSERT INTO pipeline_specs (spec_hash, name, version, spec)
    VALUES (${hash("1")}, 'xtb', '1', '{"version": "1", "tasks": {}}');
  INSERT INTO protocols (protocol_id, params_hash, task, program, program_version, params)
    SELECT ${id("1")}, ${hash()}, 't', 'xtb', '6', '{}' ${series(10)};
  INSERT INTO molecules (molecule_id, identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles,
      formula, charge, stereo_status, toolkit_version, heavy_atoms)
    SELECT ${id("2")}, 'KEY-' || n, 'inchi', 1, 'C' || n, 'S' || n, 'C', 'C' || n % 500, 0, 'none', 't', 1 ${series()};
  INSERT INTO registrations (molecule_id, owner_id, visibility, name, external_id, input_text, tags, created_at)
    SELECT ${id("2", `1 + n % ${ROWS}`)}, ${owner}, ${visibility}, 'Name ' || n, 'EXT-' || n, 'C', ARRAY['tag' || n % 400], ${at}
    ${series(3 * ROWS)};
  INSERT INTO structures (structure_id, molecule_id, kind, format, uri, size_bytes, checksum, source, owner_id, visibility, created_at)
    SELECT ${id("3")}, ${id("2")}, CASE WHEN n % 4 = 0 THEN 'receptor' ELSE 'pose' END,
      CASE WHEN n % 4 = 0 THEN 'pdbqt' ELSE 'sdf' END, 'u', 1, 'sha256:' || ${hash()}, 's', ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO binding_sites (site_id, receptor_structure_id, center_x_angstrom, center_y_angstrom, center_z_angstrom,
      size_x_angstrom, size_y_angstrom, size_z_angstrom, name, owner_id, visibility, created_at)
    SELECT ${id("4")}, ${id("3")}, 0, 0, 0, 20, 20, 20, 'site ' || n, ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO jobs (job_id, spec_hash, pipeline_version, status, input_signature, params, owner_id, visibility, created_at)
    SELECT ${id("5")}, ${hash("1")}, '1', CASE WHEN n % 100 = 0 THEN 'running' ELSE 'completed' END, ${hash()},
      jsonb_build_object('seed', n % 500), ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO job_inputs (job_id, key, molecule_id) SELECT ${id("5")}, 'molecule', ${id("2")} ${series()};
  INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum) SELECT ${id("5")}, 'log', 'u', 't', 1, 'sha256:' || repeat('0', 64) ${series()};
  INSERT INTO job_events (job_id, seq_no, event, ts) SELECT ${id("5")}, 1, 'submitted', ${at} ${series()};
  INSERT INTO tasks (job_id, task_name, engine, status) SELECT ${id("5")}, 'run', 'xtb', 'completed' ${series()};
  INSERT INTO task_executions (exec_id, job_id, task_name, attempt, status, fence, ended_at, private_to)
    SELECT ${id("6")}, ${id("5")}, 'run', 1, 'completed', 1, now(), ${privateTo} ${series()};
  INSERT INTO batch_jobs (batch_id, spec_hash, name, status, owner_id, visibility, created_at, total_items)
    SELECT ${id("a")}, ${hash("1")}, 'batch ' || n, CASE WHEN n % 100 = 0 THEN 'paused' ELSE 'pending' END, ${owner}, ${visibility}, ${at}, 3 ${series(BATCHES)};
  INSERT INTO batch_progress (batch_id, slot, pending) SELECT ${id("a")}, 1, 1 ${series(BATCHES)};
  INSERT INTO batch_items (batch_id, item_no, molecule_id, status, error)
    SELECT ${id("a", "1 + n % 50")}, 1 + n / 50, ${id("2")}, CASE WHEN n % 10 = 0 THEN 'skipped' ELSE 'pending' END,
      CASE WHEN n % 10 = 0 THEN '{"code": "too_large"}'::jsonb END ${series()};
  INSERT INTO calculations (calculation_id, molecule_id, job_id, protocol_id, method, charge, multiplicity, unpaired_electrons,
      energy_eh, gap_ev, program, program_version, owner_id, visibility, created_at)
    SELECT ${id("7")}, ${id("2")}, ${id("5")}, ${id("1", "1 + n % 10")}, 'GFN2-xTB', 0, 1, 0, -n::float8 / 100, n::float8 / ${ROWS} * 10,
      'xtb', '6', ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO docking_results (result_id, job_id, task_name, protocol_id, site_id, molecule_id, pose_rank, seed, affinity_kcal_mol,
      affinity_reported_kcal_mol, affinity_source, torsions, heavy_atoms, pose_structure_id, program, program_version, private_to)
    SELECT ${id("8")}, ${id("5")}, 'dock', ${id("1", "1")}, ${id("4", "1 + n % 20")}, ${id("2", "1 + n / 2")}, 1 + n % 2, 1,
      -n::float8 / ${ROWS} * 10, -7, 'terms', 0, 1, ${id("3")}, 'vina', '1', ${privateTo} ${series()};
  INSERT INTO event_logs (event_id, ts, created_at, event_type, entity_type, entity_id, private_to)
    SELECT ${id("a")}, ${at}, ${at}, CASE WHEN n % 50 = 0 THEN 'error' ELSE 'calculation_completed' END, 'job', ${id("5")}::text,
      ${privateTo} ${series()};
  ANALYZE`;

/** What an operation is asked, and what its plans must show. */
type Case = {
  input: Record<string, unknown>;
  /** Indexes that must appear. */
  by: string[];
  /** A page of a long list: nothing sorts more than a page's worth. */
  page?: true;
  /** The files of made-up rows are missing: the operation fails after its statements. */
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
    { input: { status: "running" }, by: [], page: true },
    { input: { status: "completed", cursor: next(MIDDLE, "5") }, by: [], page: true },
    { input: { job_ids: [uid("5", 4), uid("5", 5)] }, by: ["jobs_pkey"] },
    { input: { params: { seed: 7 } }, by: ["jobs_pkey"] },
  ],
  "job.show": [
    {
      input: { job_id: uid("5", 4) },
      by: ["jobs_pkey", "tasks_pkey", "job_inputs_pkey", "job_outputs_pkey"],
    },
  ],
  "calculation.of_jobs": [{ input: { job_ids: [uid("5", 4)] }, by: ["calculations_job"] }],
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
  "batch.show": [{ input: { batch_id: uid("a", 4) }, by: ["batch_jobs_pkey", "batch_progress_pkey"] }],
  "batch.items": [
    { input: { batch_id: uid("a", 4), after: 100 }, by: ["batch_items_pkey"], page: true },
    { input: { batch_id: uid("a", 4), status: "skipped" }, by: ["batch_items_status"], page: true },
  ],
  "failure.list": [
    { input: {}, by: ["idx_jobs_status_created"] },
    { input: { batch_id: uid("a", 4) }, by: ["batch_items_status"] },
  ],
  "docking.export": [{ input: { result_ids: [uid("8", 4)] }, by: ["docking_results_pkey"], fails: true }],
};

const LARGE = new Set<string>();

before(async () => {
  await context.superuser(`SET session_replication_role = replica; ${FILL}`, [], org.database_name);
  const rows = await context.superuser<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND reltuples > 5000",
    [],
    org.database_name,
  );
  for (const { name } of rows) LARGE.add(name);
  assert.ok(LARGE.size >= 12, [...LARGE].join(" "));
});

/** The plan of every statement that work sent, taken in its own transaction, with its role and settings. */
async function plansOf(
  work: (services: Services) => Promise<unknown>,
): Promise<{ text: string; nodes: PlanNode[] }[]> {
  const plans: { text: string; nodes: PlanNode[] }[] = [];
  const compiler = new PostgresQueryCompiler();
  const read = <T>(principal: OrgPrincipal, inside: (scope: ResultsScope) => Promise<T>) =>
    context.results.read(principal, async (scope) => {
      const sent: [RootOperationNode, QueryId][] = [];
      const watch: KyselyPlugin = {
        transformQuery: ({ node, queryId }) => {
          sent.push([node, queryId]);
          return node;
        },
        transformResult: async ({ result }) => result,
      };
      const tell = async () => {
        for (const [node, queryId] of sent) {
          const { sql, parameters } = compiler.compileQuery(node, queryId);
          const explained = await scope.tx.executeQuery<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
            CompiledQuery.raw(`EXPLAIN (FORMAT JSON) ${sql}`, [...parameters]),
          );
          plans.push({
            text: sql,
            nodes: explained.rows.flatMap((row) => flat(row["QUERY PLAN"][0].Plan)),
          });
        }
      };
      const answer = await inside({ ...scope, tx: scope.tx.withPlugin(watch) });
      await tell();
      return answer;
    });
  const results = Object.create(context.results, { read: { value: read } });
  await work({ ...context, results });
  return plans;
}

const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];

const READS = (OPERATIONS as unknown as Operation[]).filter(
  (operation) => operation.tx === "results" && operation.http.method === "GET",
);

test("every operation that reads an organization's database has a plan here", () => {
  assert.deepEqual(Object.keys(CASES).sort(), READS.map(({ name }) => name).sort());
});

for (const operation of READS)
  for (const { input, by, page, fails } of CASES[operation.name] ?? [])
    test(`${operation.name} ${JSON.stringify(input)} reads by ${by.join(", ") || "an index"}`, async () => {
      const plans = await plansOf(async (services) => {
        const asked = perform(services, operation, scientist, input);
        if (fails === true) await assert.rejects(asked, (error: unknown) => error instanceof AppError);
        else await asked;
      });
      assert.ok(plans.length > 0, "it asked nothing");
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
        if (page === true)
          for (const node of nodes.filter((step) => /Sort/.test(step["Node Type"])))
            assert.ok(node["Plan Rows"] <= 1000, `it sorts ${node["Plan Rows"]} rows: ${told}`);
      }
      const used = new Set(plans.flatMap(({ nodes }) => nodes.map((node) => node["Index Name"])));
      for (const index of by) assert.ok(used.has(index), `${index} is not among ${[...used].join(" ")}`);
    });
