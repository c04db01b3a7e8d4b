import { type Static, Type } from "typebox";
import { CREATED_AT, document, id, nullable, SHA256_PATTERN, text } from "../fields.ts";

/** Everything that makes two numbers comparable, found by its content. */
export const Protocol = Type.Object({
  protocol_id: id("The protocol."),
  params_hash: Type.String({
    pattern: SHA256_PATTERN,
    description: "SHA-256 of task, program, version and parameters: the same anywhere.",
  }),
  name: nullable(text(), "What people call it; null where that is nothing."),
  task: text("Kind of task, such as `xtb.optimize`."),
  program: text("Program that computes it."),
  program_version: text("Its version, as it states it."),
  params: document("All that decides a number, by name."),
  created_at: CREATED_AT,
});
export type Protocol = Static<typeof Protocol>;
