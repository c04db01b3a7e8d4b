import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { PageWish } from "../paging.ts";
import type { Protocol } from "../protocols/schema.ts";
import type { Calculation, QueryCalculations } from "./schema.ts";
import { COLUMNS } from "./store.ts";

export type CalculationFilter = PageWish & Omit<QueryCalculations, "job_ids" | "limit" | "cursor">;

/** Calculations, newest first, by keyset; the job of each is the one that computed it. */
export async function selectCalculations(db: ResultsDb, filter: CalculationFilter): Promise<Calculation[]> {
  const { molecule_id, protocol_id, min_gap_ev, max_gap_ev, min_energy_eh, max_energy_eh, before } = filter;
  let query = db
    .selectFrom("calculations as c")
    .leftJoin("molecules as m", "m.molecule_id", "c.molecule_id")
    .select(COLUMNS)
    .orderBy("c.created_at", "desc")
    .orderBy("c.calculation_id", "desc")
    .limit(filter.limit);
  if (molecule_id !== undefined) query = query.where("c.molecule_id", "=", molecule_id);
  if (protocol_id !== undefined) query = query.where("c.protocol_id", "=", protocol_id);
  if (min_gap_ev !== undefined) query = query.where("c.gap_ev", ">=", min_gap_ev);
  if (max_gap_ev !== undefined) query = query.where("c.gap_ev", "<=", max_gap_ev);
  if (min_energy_eh !== undefined) query = query.where("c.energy_eh", ">=", min_energy_eh);
  if (max_energy_eh !== undefined) query = query.where("c.energy_eh", "<=", max_energy_eh);
  if (filter.changed !== true) query = query.where(sql<boolean>`c.connectivity_preserved IS NOT FALSE`);
  if (before !== undefined)
    query = query.where(
      sql<boolean>`(c.created_at, c.calculation_id) < (${before.at}::timestamptz, ${before.id}::uuid)`,
    );
  const rows = await query.execute();
  return rows.map((row) => ({ ...row, cached_from_job_id: null })) as Calculation[];
}

/** Whether there is a calculation of a protocol that the caller may see: found as those of `selectProtocolsWith`. */
export async function hasCalculations(db: ResultsDb, protocolId: string): Promise<boolean> {
  const row = await db
    .selectFrom("calculations")
    .select("calculation_id")
    .where("protocol_id", "=", protocolId)
    // By an index that begins with the protocol: of one that is frequent the planner would read the table instead.
    .orderBy("gap_ev")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** A protocol as one chooses among several. */
export type ProtocolChoice = Pick<
  Protocol,
  "protocol_id" | "task" | "program" | "program_version" | "params"
>;

/**
 * Protocols of calculations that the caller may see, newest first; at most `most`. Of one molecule its calculations
 * are read; else each protocol is looked up by index until one row of it is the caller's to see. Row security is asked
 * after the index: a protocol of which all is a colleague's alone is read through.
 */
export async function selectProtocolsWith(
  db: ResultsDb,
  { molecule_id, most }: { molecule_id: string | undefined; most: number },
): Promise<ProtocolChoice[]> {
  const rows = await db
    .selectFrom("protocols as p")
    .select(["p.protocol_id", "p.task", "p.program", "p.program_version", "p.params"])
    .where((eb) => {
      const made = eb.selectFrom("calculations as c");
      return molecule_id === undefined
        ? eb.exists(made.select("c.calculation_id").whereRef("c.protocol_id", "=", "p.protocol_id"))
        : eb("p.protocol_id", "in", made.select("c.protocol_id").where("c.molecule_id", "=", molecule_id));
    })
    .orderBy("p.created_at", "desc")
    .limit(most)
    .execute();
  return rows as ProtocolChoice[];
}
