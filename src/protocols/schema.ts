import { type Static, Type } from "typebox";
import { Uuid } from "../jobs/schema.ts";

/** Everything that makes two numbers comparable, found by its content. */
export const Protocol = Type.Object({
  protocol_id: Uuid,
  /** SHA-256 of task, program, its version and the parameters. */
  params_hash: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  name: Type.Union([Type.String(), Type.Null()]),
  task: Type.String(),
  program: Type.String(),
  program_version: Type.String(),
  params: Type.Unknown(),
  created_at: Type.String(),
});
export type Protocol = Static<typeof Protocol>;
