import { queryText } from "./input.ts";

/** Link to the page after this one (RFC 8288), beside where this one was asked for; undefined on the last one. */
export function nextLink(request: { url: string }, answer: unknown): string | undefined {
  const next = (answer as { next_cursor?: unknown } | null)?.next_cursor;
  if (typeof next !== "string") return undefined;
  const query = new URLSearchParams(queryText(request));
  query.set("cursor", next);
  return `<?${query}>; rel="next"`;
}
