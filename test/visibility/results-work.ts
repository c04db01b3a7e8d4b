import { BOB, freshId, hash, uid } from "./people.ts";
import type { Kit } from "./results-kit.ts";
import type { Expected } from "./table.ts";

/** Recipes, jobs and batches, and what hangs on them. */
export function workTables({ id, people, part, inProject, projects, refers }: Kit): Record<string, Expected> {
  return {
    pipeline_specs: part(
      "spec_hash",
      ({ at }) => ({ spec_hash: hash(at), name: "p", version: "1", spec: { version: "1", tasks: {} } }),
      {
        see: "org",
        insert: "org",
        grants: "insert select",
        touch: ["name", "'touched'"],
        fresh: (at) => ({ spec_hash: hash(`1${at}`) }),
      },
    ),
    batch_jobs: people(
      "batch_id",
      ({ at }) => ({
        batch_id: uid("batch", at),
        spec_hash: hash(at),
        name: `batch ${at}`,
        ...inProject(at),
      }),
      {
        grants: "insert select update(ended_at,error,name,next_item,sealed_at,started_at,status,total_items)",
        touch: ["name", "'touched'"],
        fresh: id("batch"),
        also: [
          ...projects,
          // What all its jobs are given is hers to see too.
          ...(["molecule", "structure", "site"] as const).flatMap((kind) =>
            refers("inputs", kind).map((attempt) => ({
              ...attempt,
              with: { inputs: [{ key: "k", [`${kind}_id`]: attempt.with["inputs"] }] },
            })),
          ),
        ],
      },
    ),
    batch_progress: part("batch_id", ({ at }) => ({ batch_id: uid("batch", at), slot: 0 }), {
      insert: "own",
      update: "own",
      grants: "insert select update(completed,failed,pending,processing,skipped)",
      touch: ["pending", "77"],
      fresh: () => ({ slot: 15 }),
      move: [`batch_id = '${uid("batch", "b2")}', slot = 9`],
    }),
    jobs: people(
      "job_id",
      ({ at }) => ({
        job_id: uid("job", at),
        spec_hash: hash(at),
        pipeline_version: "1",
        status: "completed",
        input_signature: hash(at),
        params: { seed: 7, at },
        batch_id: at === "a1" ? uid("batch", at) : null,
        ...inProject(at),
      }),
      {
        grants: "insert select update(error,metrics,rank,seq,status,timings)",
        touch: ["seq", "77"],
        fresh: id("job"),
        also: [
          ...projects,
          { as: "bob, her colleague", row: "b2", with: { batch_id: uid("batch", "a1") }, ends: "refused" },
          { as: "bob, her colleague", row: "b2", with: { batch_id: uid("batch", "b2") }, ends: "ok" },
          { as: "an admin", row: "a1", with: { batch_id: uid("batch", "b2") }, ends: "ok" },
          { as: "ann", row: "a1", with: { status: "running" }, ends: "refused" },
          { as: "the machinery", row: "a1", with: { status: "running" }, ends: "ok" },
        ],
      },
    ),
    job_inputs: part(
      "job_id",
      ({ at }) => ({ job_id: uid("job", at), key: "molecule", molecule_id: uid("molecule", at) }),
      {
        insert: "own",
        grants: "insert select",
        touch: ["content_type", "'touched'"],
        fresh: () => ({ key: "other" }),
        also: [
          ...refers("molecule_id", "molecule"),
          ...refers("structure_id", "structure", { molecule_id: null }),
          ...refers("site_id", "site", { molecule_id: null }),
        ],
      },
    ),
    job_outputs: part(
      "job_id",
      ({ at }) => ({
        job_id: uid("job", at),
        key: "log",
        uri: "u",
        content_type: "c",
        size_bytes: 1,
        checksum: `sha256:${hash(at)}`,
      }),
      { grants: "select", touch: ["content_type", "'touched'"], fresh: () => ({ key: "other" }) },
    ),
    tasks: part(
      "job_id",
      ({ at }) => ({ job_id: uid("job", at), task_name: "run", engine: "xtb", status: "completed" }),
      {
        insert: "own",
        update: "own",
        grants:
          "insert(depends_left,engine,job_id,max_attempts,status,task_name) select update(available_at,max_attempts,status)",
        touch: ["max_attempts", "77"],
        fresh: () => ({ task_name: "other", status: "waiting" }),
        move: [`job_id = '${uid("job", "b2")}'`],
        also: [
          { as: "ann", row: "a1", with: { status: "running" }, ends: "refused" },
          { as: "the machinery", row: "a1", with: { status: "running" }, ends: "ok" },
        ],
      },
    ),
    task_executions: part(
      "job_id",
      ({ at, private_to }) => ({
        exec_id: uid("exec", at),
        job_id: uid("job", at),
        task_name: "run",
        attempt: 1,
        status: "running",
        fence: 1,
        signature: hash(at),
        private_to,
      }),
      {
        update: "own",
        grants: "select update(ended_at,status)",
        touch: ["(status, ended_at)", "ROW('cancelled', now())"],
        fresh: (at) => ({
          ...id("exec")(at),
          attempt: 2,
          status: "completed",
          ended_at: "2026-01-01T00:00:00Z",
        }),
        move: [
          `job_id = '${uid("job", "b2")}', status = 'cancelled', ended_at = now()`,
          "status = 'lost', ended_at = now()",
        ],
      },
    ),
    task_results: part(
      "job_id",
      ({ at }) => ({
        result_id: uid("task_result", at),
        exec_id: uid("exec", at),
        job_id: uid("job", at),
        task_name: "run",
        service_name: "xtb",
        schema_version: "1",
        confidence_score: 1,
        checks: [],
        result_data: {},
      }),
      {
        grants: "select",
        touch: ["service_name", "'touched'"],
        fresh: (at) => ({ result_id: freshId("task_result", at), exec_id: freshId("exec", at) }),
      },
    ),
    job_events: part("job_id", ({ at }) => ({ job_id: uid("job", at), seq_no: 1, event: "submitted" }), {
      insert: "own",
      grants: "insert select",
      touch: ["detail", "'touched'"],
      fresh: () => ({ seq_no: 99 }),
    }),
    batch_items: part(
      "batch_id",
      ({ at }) => ({ batch_id: uid("batch", at), item_no: 1, molecule_id: uid("molecule", at) }),
      {
        insert: "own",
        update: "own",
        grants: "insert select update(error,retry_count,status)",
        touch: ["retry_count", "77"],
        fresh: () => ({ item_no: 99, molecule_id: null }),
        also: [
          ...refers("molecule_id", "molecule", { structure_id: uid("structure", "a1") }),
          ...refers("structure_id", "structure"),
          ...refers("job_id", "job"),
          // Her own, and of no batch.
          { as: "ann", row: "a1", with: { job_id: uid("job", "a2") }, ends: "refused" },
        ],
        move: [`batch_id = '${uid("batch", "b2")}', item_no = 9`],
      },
    ),
    result_cache: part(
      "signature",
      ({ at, private_to }) => ({
        cache_key: `${hash(at)}${private_to === null ? "" : `:${private_to}`}`,
        signature: hash(at),
        pipeline_version: "1",
        task_name: "run",
        canonical_job_id: uid("job", at),
        canonical_exec_id: uid("exec", at),
        confidence_score: 1,
        private_to,
      }),
      {
        see: "unlessPrivate",
        update: "unlessPrivate",
        delete: "ownOrAdmins",
        grants: "delete select update(hit_count,last_used_at)",
        touch: ["hit_count", "77"],
        fresh: (at) => ({ cache_key: hash(`1${at}`), signature: hash(`1${at}`), private_to: null }),
        // Constants: a column that is read would ask the rule for reading too.
        move: [`private_to = '${BOB}', signature = '${hash("ff")}', cache_key = '${hash("ff")}:${BOB}'`],
      },
    ),
  };
}
