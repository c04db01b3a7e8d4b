import { sql } from "kysely";
import type { ResultsDb, Writing } from "../db/results.ts";
import type { PageWish } from "../paging.ts";
import type { EventFilter, EventRow, EventType } from "./schema.ts";

/** One entry of `event_logs`; docs/events.md says what each type carries. */
export type NewEvent = {
  event_type: EventType;
  entity_type: string;
  entity_id?: string | null;
  status?: string;
  message?: string;
  error_code?: string;
  context?: object;
  /** Program or part that says so. */
  service?: string;
  /** Who did it; a person may write only of oneself. Left out: the system. */
  user_id?: string | null;
  duration_ms?: number;
  /** Owner of the private thing it tells of; left out where the organization may see it. */
  private_to?: string | null;
};

/** Many rows in one statement. */
export function eventLogsInsert(events: NewEvent[]): Writing {
  if (events.length === 0) return undefined;
  return sql`INSERT INTO event_logs (event_type, entity_type, entity_id, status, message, error_code, context, service,
      user_id, duration_ms, private_to)
    SELECT event_type, entity_type, entity_id, status, message, error_code, coalesce(context, '{}'), service,
      user_id, duration_ms, private_to
    FROM jsonb_to_recordset(${JSON.stringify(events)}::jsonb) AS e(event_type text, entity_type text, entity_id text,
      status text, message text, error_code text, context jsonb, service text, user_id uuid, duration_ms float8,
      private_to uuid)`;
}

/** A page of what the asker may see, newest first, by keyset. */
export async function selectEvents(db: ResultsDb, filter: EventFilter, page: PageWish): Promise<EventRow[]> {
  let query = db
    .selectFrom("event_logs")
    .select(["event_id", "ts", "event_type", "entity_type", "entity_id", "status", "message", "error_code"])
    .select(["context", "service", "user_id", "duration_ms", "created_at"])
    .orderBy("created_at", "desc")
    .orderBy("event_id", "desc")
    .limit(page.limit);
  if (filter.type !== undefined) query = query.where("event_type", "=", filter.type);
  if (filter.entity_type !== undefined) query = query.where("entity_type", "=", filter.entity_type);
  if (filter.entity_id !== undefined) query = query.where("entity_id", "=", filter.entity_id);
  if (filter.since !== undefined) query = query.where("created_at", ">=", filter.since);
  if (page.before !== undefined) {
    const { at, id } = page.before;
    query = query.where(sql<boolean>`(created_at, event_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  return (await query.execute()) as EventRow[];
}
