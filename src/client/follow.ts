import { createParser, type EventSourceMessage } from "eventsource-parser";
import { AppError } from "../errors.ts";
import { pause } from "./pause.ts";
import { errorOf } from "./problem.ts";
import type { WireRequest } from "./request.ts";
import type { Sender } from "./send.ts";
import type { Session } from "./session.ts";
import { Silence } from "./silence.ts";

export type FollowOptions = {
  /** The last event that is known. */
  after?: string;
  signal?: AbortSignal;
  /** How long the API may be away before following ends with `unavailable`; a minute unless said. */
  away_ms?: number;
  /** How soon a lost connection is made again the first time; a second unless said. */
  retry_ms?: number;
  /** Called when anything comes, were it a beat: behind a proxy that keeps streams back nothing does. */
  heard?: () => void;
};

export type FollowedEvent = { id: string; event: string; data: unknown };

/** The API beats every 10 s where nothing happens: three beats that did not come are a line that is gone. */
const SILENCE_MS = 45_000;
const MOST_RETRY_MS = 10_000;

/**
 * Events of a stream as they come. Where the connection is lost, it is made again, with the id of the last event;
 * an event `end` ends it. An event `error` is the problem that it holds: where it may pass it is as a connection that
 * was lost, and where the token is over another is fetched, once. Throws AppError, and the signal's reason.
 */
export async function* followed(
  sender: Sender,
  session: Session,
  request: WireRequest,
  { after, signal, away_ms = 60_000, retry_ms = 1000, heard = () => {} }: FollowOptions,
): AsyncGenerator<FollowedEvent, void> {
  let last = after;
  let wait = retry_ms;
  let away: number | undefined;
  let renewed = false;
  const alive = () => {
    [away, wait, renewed] = [undefined, retry_ms, false];
  };
  for (;;) {
    signal?.throwIfAborted();
    const silence = new Silence(signal, SILENCE_MS);
    let why: unknown;
    let told: AppError | undefined;
    try {
      const headers: Record<string, string> = last === undefined ? {} : { "last-event-id": last };
      const opened = await sender.open(request, session, {
        stream: true,
        headers,
        signal: silence.signal,
      });
      const came = () => {
        silence.broken();
        heard();
      };
      for await (const message of messages(opened.response, came, alive)) {
        if (message.event === "error") {
          told = problemOf(message.data, sender.url);
          throw told;
        }
        alive();
        if (message.event === "end") return;
        last = message.id ?? last;
        yield { id: message.id ?? "", event: message.event ?? "message", data: JSON.parse(message.data) };
      }
    } catch (thrown) {
      signal?.throwIfAborted();
      // The token ended while it was followed: asked again, the API refuses it, and another is fetched.
      if (told?.kind === "unauthenticated" && !renewed) {
        renewed = true;
        continue;
      }
      if (thrown instanceof AppError && !thrown.retryable) throw thrown;
      why = thrown;
    } finally {
      silence.end();
    }
    away ??= performance.now();
    if (performance.now() - away + wait > away_ms) throw lost(why, sender.url);
    await pause(wait, signal);
    wait = Math.min(MOST_RETRY_MS, wait * 2);
  }
}

function lost(why: unknown, url: string): AppError {
  if (why instanceof AppError) return why;
  return new AppError("unavailable", `the stream from ${url} was lost`, { cause: why });
}

/** What an event `error` tells: a problem, as an answer would have been. */
function problemOf(data: string, url: string): AppError {
  const { status } = JSON.parse(data) as { status?: unknown };
  return errorOf(Number.isInteger(status) ? Number(status) : 500, data, url);
}

/** Messages of one connection; comments say only that it lives. */
async function* messages(
  response: Response,
  came: () => void,
  alive: () => void,
): AsyncGenerator<EventSourceMessage, void> {
  const ready: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void ready.push(message), onComment: alive });
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    came();
    parser.feed(decoder.decode(bytes, { stream: true }));
    yield* ready.splice(0);
  }
}
