import { ExitWith } from "./exit.ts";
import type { Out } from "./out.ts";

/**
 * What a command that was interrupted ends with: one rule for all that wait, watch or follow (--wait, watch, --follow),
 * as of programs that the signal ends. The code of what was waited for is not known.
 */
export const INTERRUPTED = 130;

/** Thrown on Ctrl-C: what was waited for goes on, the command ends with 130. */
export class Interrupted extends ExitWith {
  constructor() {
    super(INTERRUPTED);
  }
}

/**
 * Ctrl-C as a signal for work that can be broken off between two parts: the first one asks it to end, and says
 * `what` happens now; a second one ends this process at once. A command that `runs` tasks itself is asked by SIGTERM
 * too, and is not ended by a second one: its engines would go on, and their tasks wait until their leases end. Dispose
 * of it when the work is done.
 */
export function onInterrupt(
  out: Pick<Out, "say">,
  what: string,
  { runs = false }: { runs?: boolean } = {},
): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) {
      if (!runs) process.exit(INTERRUPTED);
      return;
    }
    controller.abort();
    out.say(runs ? what : `${what}; Ctrl-C again ends it at once`);
  };
  const signals = runs ? (["SIGINT", "SIGTERM"] as const) : (["SIGINT"] as const);
  for (const name of signals) process.on(name, interrupt);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, interrupt);
    },
  };
}
