import type { LogEvent } from "kysely";
import type { Logger } from "../log.ts";

/** Logs statements slower than `slow_ms`: their text with its placeholders, never a value. */
export function slowLog(log: Logger, slow_ms: number): (event: LogEvent) => void {
  return ({ query, queryDurationMillis }) => {
    if (queryDurationMillis < slow_ms) return;
    log.warn(
      { statement: query.sql.slice(0, 500), duration_ms: Math.round(queryDurationMillis) },
      "slow statement",
    );
  };
}
