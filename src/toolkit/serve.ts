import { parentPort, workerData } from "node:worker_threads";

/** What `openPool` starts its threads with, so that a thread's file imported anywhere else does nothing. */
export const THREAD_MARK = "aliquot-toolkit-thread";

/** What a thread posts: its reply, or the text of an error it could not handle. */
export type Envelope<Reply> = { reply: Reply } | { failure: string };

/** Answers the messages of the pool that started this thread, with a handler made on the first one. */
export function serve<Request, Reply>(open: () => (request: Request) => Promise<Reply>): void {
  const port = parentPort;
  if (port === null || workerData !== THREAD_MARK) return;
  let handle: ((request: Request) => Promise<Reply>) | null = null;
  port.on("message", async (request: Request) => {
    let envelope: Envelope<Reply>;
    try {
      handle ??= open();
      envelope = { reply: await handle(request) };
    } catch (error) {
      envelope = { failure: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage(envelope);
  });
}
