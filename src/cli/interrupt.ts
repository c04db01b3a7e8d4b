import type { Out } from "./out.ts";

/**
 * Ctrl-C as a signal for work that can be broken off between two parts: the first one asks it to end, and says
 * `what` happens now; a second one ends this process at once. Dispose of it when the work is done.
 */
export function onInterrupt(out: Pick<Out, "say">, what: string): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    out.say(`${what}; Ctrl-C again ends it at once`);
  };
  process.on("SIGINT", interrupt);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => void process.off("SIGINT", interrupt),
  };
}

/**
 * What a command that was interrupted ends with: one rule for all that wait, watch or follow (--wait, watch, --follow),
 * as of programs that the signal ends. The code of what was waited for is not known.
 */
export const INTERRUPTED = 130;
