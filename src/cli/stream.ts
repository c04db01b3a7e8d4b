import type { Follows } from "../client/index.ts";
import type { There } from "./there.ts";

/** A proxy that lets no stream through has not let anything through by then. */
const PATIENCE_MS = 5000;
/** An API that is away for longer is waited for by asking, which says so. */
const AWAY_MS = 2000;

export type StreamOptions = {
  /** The last event that is known. */
  after?: string;
  signal: AbortSignal;
  patience_ms?: number;
};

/**
 * What an API tells of one thing, until nothing more can come. Where the stream is refused, cut or kept back, it ends
 * sooner and says nothing of it: whoever asks then for what is not known yet hears the rest, and of what is wrong.
 */
export async function* streamed<N extends keyof Follows>(
  there: Pick<There, "follow">,
  name: N,
  input: Follows[N]["input"],
  { after, signal, patience_ms = PATIENCE_MS }: StreamOptions,
): AsyncGenerator<Follows[N]["data"], void> {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(), patience_ms);
  const events = there.follow(name, input, {
    ...(after === undefined ? {} : { after }),
    signal: AbortSignal.any([signal, silent.signal]),
    away_ms: AWAY_MS,
    heard: () => clearTimeout(timer),
  });
  try {
    for (;;) {
      const next = await events.next().catch(() => undefined);
      if (next === undefined || next.done === true) return;
      yield next.value.data;
    }
  } finally {
    clearTimeout(timer);
    await events.return();
  }
}
