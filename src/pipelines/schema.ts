import { type Static, Type } from "typebox";

/** A node of the graph: which kind of task, on which engine, after which others, with which parameters. */
export const TaskSpec = Type.Object({
  task: Type.String({ minLength: 1 }),
  task_version: Type.String({ minLength: 1 }),
  engine: Type.String({ minLength: 1 }),
  after: Type.Array(Type.String()),
  max_attempts: Type.Integer({ minimum: 1, maximum: 10 }),
  params: Type.Record(Type.String(), Type.Unknown()),
});
export type TaskSpec = Static<typeof TaskSpec>;

/** A pipeline version's graph of tasks by name. */
export const PipelineSpec = Type.Object({
  version: Type.String({ minLength: 1 }),
  tasks: Type.Record(Type.String(), TaskSpec),
});
export type PipelineSpec = Static<typeof PipelineSpec>;
