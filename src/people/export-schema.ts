import { type Static, Type } from "typebox";
import { count, document, flag, id, list, nullable, text, time } from "../fields.ts";

/** Most rows of one table in an export; how many more there are is told. */
export const MOST_ROWS = 10_000;
/** And of all tables together: an export is one answer, which a process holds whole. */
export const MOST_ROWS_TOGETHER = 50_000;

const HeldRows = Type.Object({
  table: text("A table."),
  named_by: list(text("A column."), "Columns in which it names them."),
  count: count("Rows that name them."),
  left_out: count(
    `Rows beyond the newest ${MOST_ROWS} of a table, or ${MOST_ROWS_TOGETHER} of all, which are counted and not listed.`,
  ),
  rows: list(document("One row; secrets are left out."), "The rows, newest first."),
});
export type HeldRows = Static<typeof HeldRows>;

export const UserExport = Type.Object({
  user_id: id("The person."),
  exported_at: time("When this was read."),
  account: list(HeldRows, "What the shared database holds: the account, and every row that names them."),
  organizations: list(
    Type.Object({
      org_id: id("The organization."),
      slug: text("Its slug."),
      name: text("Its name."),
      member: flag("False where they were one, or acted there, and are none any more."),
      roles: list(text("A role's name."), "Their roles there."),
      tables: list(
        HeldRows,
        "Rows of its own database that name them: keys, times, and the columns that do. The rest is the organization's.",
      ),
      problem: nullable(
        text("A reason."),
        "Why its database could not be read now; null: it was read whole.",
      ),
    }),
    "Organizations that they belong to, belonged to, or acted in.",
  ),
});
export type UserExport = Static<typeof UserExport>;
