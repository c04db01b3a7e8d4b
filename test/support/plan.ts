import assert from "node:assert/strict";
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from "kysely";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import type { ResultsDb } from "../../src/db/results.ts";
import type { DB } from "../../src/db/tables/results.ts";
import type { TestContext } from "./context.ts";

type Statement = { text: string; values: readonly unknown[] };

/** The one statement that a store function would ask, without asking it. */
export async function asked(work: (db: ResultsDb) => Promise<unknown>): Promise<Statement> {
  const statements: Statement[] = [];
  const db = new Kysely<DB>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (inner) => new PostgresIntrospector(inner),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: ({ query }) => {
      statements.push({ text: query.sql, values: query.parameters });
    },
  });
  await work(db);
  const [only, ...more] = statements;
  assert.ok(only !== undefined && more.length === 0, `${statements.length} statements`);
  return only;
}

/** A step of a plan; rows are those that were really read, each time it ran. */
export type PlanNode = {
  "Node Type": string;
  "Index Name"?: string;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Plan Rows": number;
  Plans?: PlanNode[];
};

/** All steps of a statement's plan with a person's eyes: row security decides which indexes serve. */
export async function planAs(
  context: TestContext,
  who: OrgPrincipal,
  { text, values }: Statement,
): Promise<PlanNode[]> {
  const parts = text.split(/\$\d+/);
  const order = [...text.matchAll(/\$(\d+)/g)].map(([, n]) => values[Number(n) - 1]);
  const whole = sql.join(
    parts.flatMap((part, index) => [sql.raw(part), ...(index < order.length ? [sql`${order[index]}`] : [])]),
    sql``,
  );
  const { rows } = await context.results.read(who, ({ tx }) =>
    sql<{ "QUERY PLAN": [{ Plan: PlanNode }] }>`EXPLAIN (ANALYZE, FORMAT JSON) ${whole}`.execute(tx),
  );
  const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];
  return rows.flatMap((row) => row["QUERY PLAN"].flatMap(({ Plan }) => flat(Plan)));
}
