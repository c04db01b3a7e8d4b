import assert from "node:assert/strict";
import { test } from "node:test";
import { type ResultLink, underAskingJobs } from "./links-store.ts";

const at = (second: number) => `2026-01-01T00:00:0${second}.5Z`;
const row = (job_id: string, task_name: string, second: number, id: string) => ({
  job_id,
  task_name,
  created_at: at(second),
  id,
});
const link = (task_name: string, second: number): ResultLink => ({
  job_id: "asker",
  task_name,
  from_job_id: "before",
  from_task_name: `${task_name} there`,
  from_exec_id: "x",
  ended_at: at(second),
});

test("of a graph that the cache answered in part, rows come as the tasks ended", () => {
  const rows = [
    row("asker", "second", 5, "own 1"),
    row("asker", "second", 5, "own 2"),
    row("asker", "last", 9, "own 3"),
    row("before", "first there", 1, "old 1"),
    row("before", "third there", 0, "old 2"),
    row("before", "third there", 0, "old 3"),
    row("before", "else", 1, "not asked"),
  ];
  const links = [link("third", 7), link("first", 3)];
  const shown = underAskingJobs(
    ["asker"],
    rows,
    links,
    (one, { from_task_name }) => one.task_name === from_task_name,
  );
  assert.deepEqual(
    shown.map(({ id, job_id, task_name, cached_from_job_id }) => [id, job_id, task_name, cached_from_job_id]),
    [
      ["old 1", "asker", "first", "before"],
      ["own 1", "asker", "second", null],
      ["own 2", "asker", "second", null],
      ["old 2", "asker", "third", "before"],
      ["old 3", "asker", "third", "before"],
      ["own 3", "asker", "last", null],
    ],
  );
});

test("tasks that were recorded together come one after the other, by name", () => {
  const rows = [
    row("asker", "b", 5, "b 1"),
    row("asker", "a", 5, "a 1"),
    row("before", "c there", 1, "c 1"),
    row("asker", "b", 5, "b 2"),
    row("before", "c there", 1, "c 2"),
    row("asker", "d", 5, "d 1"),
    row("asker", "a", 5, "a 2"),
  ];
  const shown = underAskingJobs(
    ["asker"],
    rows,
    [link("c", 5)],
    (one, { from_task_name }) => one.task_name === from_task_name,
  );
  assert.deepEqual(
    shown.map(({ id }) => id),
    ["a 1", "a 2", "b 1", "b 2", "c 1", "c 2", "d 1"],
  );
});

test("rows that name no task keep their order where they were recorded together", () => {
  const rows = ["x", "y", "z"].map((id) => ({ job_id: "asker", created_at: at(5), id }));
  const shown = underAskingJobs(["asker"], rows, [], () => false);
  assert.deepEqual(
    shown.map(({ id }) => id),
    ["x", "y", "z"],
  );
});
