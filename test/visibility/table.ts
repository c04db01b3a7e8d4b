import type { RuleName, Whose } from "./people.ts";

export type Values = Record<string, unknown>;

/** One made-up row: what it is called in lists, whose it is, and its columns. */
export type Entry = { label: string; whose: Whose; values: Values };

/** An insert beside those of every table's own rows: by whom, of which row, with what else in it. */
export type Attempt = { as: string; row: string; with: Values; ends: "ok" | "refused" };

/** What is expected of one table. Writes are tried as if every privilege were granted: `grants` is held apart. */
export type Expected = {
  rows: Entry[];
  /** SQL that gives a row's label, or null where it is none of ours. */
  label: string;
  see: RuleName;
  insert: RuleName;
  update: RuleName;
  delete: RuleName;
  /** Privileges of `member`, and of `system` where they are not all four. */
  grants: string;
  system?: string;
  /** A column that an update sets, and to what (SQL). */
  touch: [column: string, value: string];
  /** Columns that make a copy of a row another row. */
  fresh: (label: string) => Values;
  /** SET clauses that would give ann's rows to bob; refused. */
  move?: string[];
  also?: Attempt[];
};

/** A view: who sees what, nothing else. */
export type ExpectedView = Pick<Expected, "label" | "see" | "grants" | "system"> & { of: string };

/** A call of a function, or a trick, with its answer as text; `refused` where a privilege or policy stops it. */
export type Deed = {
  about: string;
  as: string;
  /** Statements; the last one's only value is the answer. */
  text: string;
  /** Asked by the superuser after it; then this is the answer. */
  after?: string;
  gives: string | null;
};

export type Matrix = {
  tables: Record<string, Expected>;
  views: Record<string, ExpectedView>;
  deeds: Deed[];
  /** Functions that run as the owner: who may call them. */
  definers: Record<string, string>;
};

/** Label of a row by one of its columns: the last two characters of one of our ids. */
export const tail = (column: string): string =>
  `CASE WHEN ${column}::text ~ '^0{8}(-0{4}-4000|0{8})' THEN right(${column}::text, 2) END`;

/** The ledger of migrations, which both branches have: nothing for people, to be read by the machinery. */
export const LEDGER: Expected = {
  rows: [
    {
      label: "77",
      whose: { org: null },
      values: { version: 7777, name: "made_up", checksum: "0".repeat(64), duration_ms: 1 },
    },
  ],
  label: "CASE WHEN version = 7777 THEN '77' END",
  see: "no",
  insert: "no",
  update: "no",
  delete: "no",
  grants: "",
  system: "select",
  touch: ["name", "'touched'"],
  fresh: () => ({ version: 7778 }),
};
