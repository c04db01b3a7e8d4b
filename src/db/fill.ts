import type pg from "pg";
import { candidates } from "./fill-candidates.ts";
import { type FillColumn, type FillTable, readFillTables } from "./fill-catalog.ts";
import { ident, literal } from "./roles.ts";

/** How many rows a table gets each time: two full ones and one as empty as may be. */
const ROWS = 3;
/** How often a table is tried that waits for rows in others. */
const MOST_TURNS = 9;
/** Combinations of candidates that are looked through for columns that depend on each other. */
const MOST_COMBINATIONS = 200_000;

/** How often another value is tried where one is taken. */
const SHIFTS = 4;
const UNIQUE_VIOLATION = "23505";

/** A table that could not be filled, and what stood in the way. */
export type Unfilled = { table: string; reason: string };

/**
 * Puts rows into every table whose shape was not yet met, so that migrations are tried with rows in the way.
 * Rows are derived from the catalog alone: types, defaults, CHECKs (solved by PostgreSQL itself) and foreign
 * keys; some full, one as empty as NULLs allow. A table is done with when its shape is the same as before.
 */
export class Filler {
  readonly #client: pg.ClientBase;
  readonly #shapes = new Map<string, string>();

  /** The client has taken the owner's role. */
  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  /** Tables that are empty afterwards; none is what one hopes for. */
  async fill(): Promise<Unfilled[]> {
    const tables = await readFillTables(this.#client);
    const empty = await this.#empty(tables);
    const shape = new Map(tables.map((table) => [table.name, JSON.stringify(table)]));
    const due = tables.filter(({ name }) => empty.has(name) || this.#shapes.get(name) !== shape.get(name));
    const reasons = new Map<string, string>();
    // A row may need one in another table, or two: again, until there is nothing left or nothing new.
    let waiting = due.filter(({ name }) => empty.has(name)).length;
    for (let turn = 0, news = true; turn < ROWS || (waiting > 0 && news && turn < MOST_TURNS); turn++) {
      news = false;
      for (const table of due) {
        const reason = await this.#insert(table, turn);
        news ||= reason === undefined;
        if (reason !== undefined) reasons.set(table.name, reason);
        else if (empty.delete(table.name)) waiting--;
      }
    }
    for (const { name } of due) this.#shapes.set(name, shape.get(name) ?? "");
    return [...(await this.#empty(due))].map((table) => ({
      table,
      reason: reasons.get(table) ?? "no row was tried",
    }));
  }

  /** Rows of all tables together. */
  async count(): Promise<{ tables: number; rows: number }> {
    const tables = await readFillTables(this.#client);
    let rows = 0;
    for (const { name } of tables) {
      const found = await this.#client.query(`SELECT count(*)::integer AS n FROM ${ident(name)}`);
      rows += Number(found.rows[0]?.n ?? 0);
    }
    return { tables: tables.length, rows };
  }

  async #empty(tables: FillTable[]): Promise<Set<string>> {
    if (tables.length === 0) return new Set();
    const each = tables.map(
      ({ name }) => `SELECT ${literal(name)} AS name WHERE NOT EXISTS (SELECT 1 FROM ${ident(name)})`,
    );
    const found = await this.#client.query<{ name: string }>(each.join(" UNION ALL "));
    return new Set(found.rows.map((row) => row.name));
  }

  /** One more row. Returns why there is none. Values that are taken already give way to the next ones. */
  async #insert(table: FillTable, turn: number): Promise<string | undefined> {
    let reason: string | undefined;
    for (let shift = 0; shift < SHIFTS; shift++) {
      try {
        const values = await this.#solve(table, turn, shift);
        if (typeof values === "string") return values;
        await this.#try(insertInto(table.name, [...values.keys()]), [...values.values()], table.name);
        return undefined;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        if ((error as { code?: string }).code !== UNIQUE_VIOLATION) return reason;
      }
    }
    return reason;
  }

  /** A trigger that stands in the way is put aside: a row may have come before it was there. */
  async #try(statement: string, values: (string | null)[], table: string): Promise<void> {
    try {
      await this.#client.query(statement, values);
    } catch (error) {
      // Raised by a function, so not by a constraint: a row that came otherwise would be there all the same.
      const { code = "", constraint } = error as { code?: string; constraint?: string };
      const byConstraint =
        code.startsWith("23") && constraint !== undefined && !(await this.#isTriggers(constraint));
      if (byConstraint || code.startsWith("22")) throw error;
      await this.#client.query("BEGIN");
      try {
        await this.#client.query(`ALTER TABLE ${ident(table)} DISABLE TRIGGER USER`);
        await this.#client.query(statement, values);
        await this.#client.query(`ALTER TABLE ${ident(table)} ENABLE TRIGGER USER`);
        await this.#client.query("COMMIT");
      } catch (again) {
        await this.#client.query("ROLLBACK");
        throw again;
      }
    }
  }

  /** True where no constraint or index has that name: a trigger's function said it. */
  async #isTriggers(constraint: string): Promise<boolean> {
    const found = await this.#client.query(
      "SELECT 1 FROM pg_constraint WHERE conname = $1 UNION ALL SELECT 1 FROM pg_class WHERE relname = $1",
      [constraint],
    );
    return found.rowCount === 0;
  }

  /** A value for each column such that CHECKs and keys hold; or what can't be had. */
  async #solve(table: FillTable, turn: number, shift: number): Promise<Map<string, string | null> | string> {
    const sparse = turn % ROWS === ROWS - 1;
    const values = new Map<string, string | null>();
    for (const group of groupsOf(table)) {
      const found = await this.#solveGroup(table, group, { turn, shift, sparse });
      if (found === undefined) {
        const names = group.map((column) => column.name).join(", ");
        const rules = table.checks.filter((check) =>
          check.columns.some((name) => group.some((c) => c.name === name)),
        );
        return `no values were found for ${names}${rules.length === 0 ? "" : ` with CHECK ${rules.map((check) => check.text).join(" AND ")}`}`;
      }
      for (const [name, value] of Object.entries(found)) values.set(name, value);
    }
    return values;
  }

  async #solveGroup(
    table: FillTable,
    group: FillColumn[],
    { turn, shift, sparse }: { turn: number; shift: number; sparse: boolean },
  ): Promise<Record<string, string | null> | undefined> {
    const names = new Set(group.map((column) => column.name));
    const keys = table.keys.filter((key) => key.columns.every((name) => names.has(name)));
    const checks = table.checks.filter(
      (check) => check.columns.length > 0 && check.columns.every((name) => names.has(name)),
    );
    const lists: (string | null)[][] = [];
    for (const column of group) {
      const key = keys.find(({ columns }) => columns.includes(column.name));
      const some =
        key === undefined
          ? await candidates(
              this.#client,
              column,
              checks.filter((check) => check.columns.includes(column.name)),
              turn,
            )
          : await this.#referenced(
              key.table,
              key.target_columns[key.columns.indexOf(column.name)] ?? "",
              turn,
            );
      const nothing = column.not_null ? [] : [null];
      const turned = [...some.slice(shift), ...some.slice(0, shift)];
      lists.push(sparse ? [...nothing, ...turned] : [...turned, ...nothing]);
    }
    if (checks.length + keys.length === 0) return pickFirst(group, lists);
    trim(lists);
    const from = group.map(
      ({ name, type }, n) =>
        `(SELECT v::${type} AS ${ident(name)}, o AS "o${n}" FROM unnest($${n + 1}::text[]) WITH ORDINALITY u (v, o)) "s${n}"`,
    );
    const rules = [
      ...checks.map((check) => `(${check.text}) IS NOT FALSE`),
      ...keys.map((key) => {
        const unset = key.columns.map((name) => `${ident(name)} IS NULL`).join(" OR ");
        const same = key.columns
          .map((name, n) => `r.${ident(key.target_columns[n] ?? "")} = ${ident(name)}`)
          .join(" AND ");
        return `(${unset} OR EXISTS (SELECT 1 FROM ${ident(key.table)} r WHERE ${same}))`;
      }),
    ];
    const found = await this.#client.query<Record<string, string | null>>(
      `SELECT ${group.map(({ name }) => `${ident(name)}::text`).join(", ")} FROM ${from.join(" CROSS JOIN ")}
       ${rules.length === 0 ? "" : `WHERE ${rules.join(" AND ")}`}
       ORDER BY ${group.map((_, n) => `"o${n}"`).join(" + ")} LIMIT 1`,
      lists,
    );
    return found.rows[0];
  }

  async #referenced(table: string, column: string, turn: number): Promise<string[]> {
    const found = await this.#client.query<{ v: string }>(
      `SELECT DISTINCT ${ident(column)}::text AS v FROM ${ident(table)} WHERE ${ident(column)} IS NOT NULL ORDER BY 1 LIMIT 6`,
    );
    const all = found.rows.map((row) => row.v);
    // Two turns with the same one: what binds two rows of one parent to each other needs such rows.
    const at = all.length === 0 ? 0 : Math.floor(turn / 2) % all.length;
    return [...all.slice(at), ...all.slice(0, at)];
  }
}

/** Of columns without rules the first value will do. */
function pickFirst(
  group: FillColumn[],
  lists: (string | null)[][],
): Record<string, string | null> | undefined {
  if (lists.some((list) => list.length === 0)) return undefined;
  return Object.fromEntries(group.map(({ name }, n) => [name, lists[n]?.[0] ?? null]));
}

function insertInto(table: string, names: string[]): string {
  if (names.length === 0) return `INSERT INTO ${ident(table)} DEFAULT VALUES`;
  const values = names.map((_, n) => `$${n + 1}`).join(", ");
  return `INSERT INTO ${ident(table)} (${names.map(ident).join(", ")}) VALUES (${values})`;
}

/** Columns that a CHECK or a key binds together; a column that is free stands alone. */
function groupsOf({ columns, checks, keys }: FillTable): FillColumn[][] {
  const groups = columns.map((column) => new Set([column.name]));
  for (const bound of [...checks, ...keys].map((rule) => rule.columns)) {
    const [first, ...others] = groups.filter((group) => bound.some((name) => group.has(name)));
    if (first === undefined) continue;
    for (const other of others) {
      for (const name of other) first.add(name);
      groups.splice(groups.indexOf(other), 1);
    }
  }
  return groups.map((group) => columns.filter((column) => group.has(column.name)));
}

/** Shortens the longest lists until there are not too many combinations; NULL stays in. */
function trim(lists: (string | null)[][]): void {
  const size = () => lists.reduce((product, list) => product * Math.max(1, list.length), 1);
  while (size() > MOST_COMBINATIONS) {
    const longest = lists.reduce((a, b) => (b.length > a.length ? b : a));
    if (longest.length <= 2) return;
    longest.splice(longest.at(-1) === null ? -2 : -1, 1);
  }
}
