import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobDetail } from "../jobs/schema.ts";
import { describeJob } from "./job-show.ts";

const [JOB, OWNER, PROTOCOL, MOLECULE] = ["job-1", "owner-1", "protocol-1", "molecule-1"];
const at = (second: number) => `2026-11-21T23:38:0${second}.123456Z`;
const attempt = (n: number, status: string) => ({
  task_name: "optimize",
  attempt: n,
  status,
  started_at: at(n),
  wall_seconds: n === 3 ? 0.0412 : null,
  cached_from_job_id: null,
  cached_from: null,
  error: null,
});
const event = (seq_no: number, name: string, n?: number) => ({
  seq_no,
  ts: at(seq_no),
  event: name,
  detail: null,
  metadata: n === undefined ? {} : { task: "optimize", attempt: n },
});

const DETAIL: JobDetail = {
  job_id: JOB,
  pipeline: "xtb-optimize",
  pipeline_version: "1",
  molecule_id: MOLECULE,
  smiles: "CCO",
  name: "ethanol",
  status: "completed",
  params: { task: "optimize", method: "gfn2", solvent: null, seed: 42 },
  timings: { submitted_at: at(0), started_at: at(1), ended_at: at(5) },
  metrics: {},
  error: null,
  priority: 5,
  batch_id: null,
  owner: "ann",
  owner_id: OWNER,
  visibility: "private",
  created_at: at(0),
  updated_at: at(5),
  tasks: [],
  inputs: [],
  outputs: [],
  events: [event(1, "given_back", 1), event(2, "waits", 2), event(3, "completed")] as JobDetail["events"],
  executions: [
    attempt(1, "cancelled"),
    attempt(2, "cancelled"),
    attempt(3, "completed"),
  ] as JobDetail["executions"],
  protocols: [
    {
      task_name: "optimize",
      protocol_id: PROTOCOL,
      task: "xtb.optimize",
      program: "xtb",
      program_version: "6.5.1",
    },
  ],
};

test("a job is shown with what it is of, with what, whose and when, all times alike", () => {
  const text = describeJob(DETAIL, undefined);
  for (const line of [
    "  molecule   ethanol  CCO  molecule-1",
    "  with       method gfn2, seed 42",
    "  protocol   protocol-1 (optimize: xtb 6.5.1)",
    "  owner      ann, private",
    "  when       submitted 2026-11-21 23:38:00Z, started 2026-11-21 23:38:01Z, ended 2026-11-21 23:38:05Z",
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\nis not in\n${text}`);
  assert.doesNotMatch(text, /\dT\d/, "a time of another form");
  const bare = describeJob(
    {
      ...DETAIL,
      molecule_id: null,
      smiles: null,
      name: null,
      owner: null,
      protocols: [],
      timings: {},
      params: {},
    },
    undefined,
  );
  assert.doesNotMatch(bare, /molecule|protocol |with |null|undefined/);
  assert.match(bare, /owner {6}owner-1, private\n {2}when {7}submitted 2026-11-21 23:38:00Z\n/);
});

test("times of before are not told of a job that was retried and waits or runs", () => {
  const whenOf = (status: JobDetail["status"]) =>
    /^ {2}when +(.+)$/m
      .exec(describeJob({ ...DETAIL, status }, undefined))?.[1]
      ?.replaceAll(/ 2026-11-21 23:38:0\dZ/g, "");
  for (const status of ["pending", "queued"] as const) assert.equal(whenOf(status), "submitted");
  assert.equal(whenOf("running"), "submitted, started");
  for (const status of ["completed", "failed", "cancelled"] as const)
    assert.equal(whenOf(status), "submitted, started, ended");
});

test("events are told to the millisecond, and a time that is none as it is", () => {
  const never = { ...event(4, "queued"), ts: "infinity" };
  const events = [event(3, "completed"), never] as JobDetail["events"];
  const text = describeJob({ ...DETAIL, events }, undefined);
  assert.match(text, /3 +2026-11-21 23:38:03\.123Z +completed/);
  assert.match(text, /4 +infinity +queued/);
});

test("an attempt that was given back or put off is none that was cancelled", () => {
  const text = describeJob(DETAIL, undefined);
  assert.match(text, /optimize +1 +given back +2026/);
  assert.match(text, /optimize +2 +put off +2026/);
  assert.match(text, /optimize +3 +completed +2026-11-21 23:38:03Z +0\.04/);
  assert.match(describeJob({ ...DETAIL, events: [] }, undefined), /optimize +1 +cancelled +2026/);
});
