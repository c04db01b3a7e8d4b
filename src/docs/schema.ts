import type { Branch } from "../db/migrations.ts";

/** The roles of every installation, without its prefix. */
export type RoleName = "owner" | "system" | "member" | "public";

export type Column = {
  name: string;
  type: string;
  nullable: boolean;
  /** Expression of the default, of a generated column, or null. */
  value: string | null;
  filled: "default" | "generated" | "identity" | null;
  about: string | null;
};

export type Constraint = {
  name: string;
  /** Primary key, unique, check, foreign key, exclusion. */
  kind: "p" | "u" | "c" | "f" | "x";
  columns: string[];
  definition: string;
  /** Of a foreign key: whom it refers to, and what a deletion there does. */
  target: string | null;
  on_delete: string | null;
};

export type Index = { name: string; unique: boolean; of_constraint: boolean; definition: string };

export type Policy = {
  name: string;
  command: "select" | "insert" | "update" | "delete" | "all";
  roles: RoleName[];
  permissive: boolean;
  using: string | null;
  check: string | null;
};

export type Trigger = { name: string; when: string; routine: string };

/** A privilege on the whole table (no columns) or on some columns. */
export type Grant = { role: RoleName; privilege: string; columns: string[] };

export type Partition = { name: string; bound: string };

export type Table = {
  name: string;
  about: string | null;
  row_security: "forced" | "enabled" | "none";
  partition_key: string | null;
  partitions: Partition[];
  columns: Column[];
  constraints: Constraint[];
  indexes: Index[];
  policies: Policy[];
  triggers: Trigger[];
  grants: Grant[];
};

export type View = {
  name: string;
  about: string | null;
  options: string[];
  definition: string;
  columns: Column[];
  grants: Grant[];
};

export type Routine = {
  name: string;
  arguments: string;
  kind: "function" | "procedure" | "trigger";
  returns: string | null;
  volatility: "immutable" | "stable" | "volatile";
  definer: boolean;
  /** What it sets while it runs, such as its search_path. */
  settings: string[];
  callers: RoleName[];
  body: string;
  about: string | null;
};

/** What a database is made of. */
export type Things = { tables: Table[]; views: View[]; routines: Routine[] };

/** What a branch's migrations make. */
export type Schema = Things & { branch: Branch };
