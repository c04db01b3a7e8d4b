import type { LogEvent } from "kysely";
import type { Logger } from "../log.ts";

/**
 * Logs statements slower than `slow_ms`, and with `echo` every one: their text with its placeholders, never
 * a value. Literals go too: the statement that takes a role has who acts in its text.
 */
export function slowLog(log: Logger, slow_ms: number, echo = false): (event: LogEvent) => void {
  return ({ query, queryDurationMillis }) => {
    const slow = queryDurationMillis >= slow_ms;
    if (!slow && !echo) return;
    const fields = {
      statement: withoutLiterals(query.sql).slice(0, 500),
      duration_ms: Math.round(queryDurationMillis * 10) / 10,
    };
    if (slow) log.warn(fields, "slow statement");
    else log.info(fields, "statement");
  };
}

function withoutLiterals(text: string): string {
  return text.replace(/'(?:[^']|'')*'/g, "'…'");
}
