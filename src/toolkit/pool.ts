import { Worker } from "node:worker_threads";
import { type Envelope, THREAD_MARK } from "./serve.ts";
import { openTurns, type Turn } from "./turns.ts";

/** A thread that died or took too long. What it was asked may be asked again, of a new one. */
export class ThreadFailure extends Error {
  readonly timedOut: boolean;
  constructor(message: string, timedOut: boolean) {
    super(message);
    this.name = "ThreadFailure";
    this.timedOut = timedOut;
  }
}

export type Pool<Request, Reply> = {
  /**
   * The thread's reply. Rejects with ThreadFailure when it dies or needs more than `seconds`, and with the signal's
   * reason where that comes while it still waits.
   */
  ask(request: Request, seconds: number, turn?: Turn): Promise<Reply>;
  close(): Promise<void>;
};

type Waiting<Request, Reply> = {
  request: Request;
  seconds: number;
  resolve: (reply: Reply) => void;
  reject: (error: unknown) => void;
};

/**
 * Up to `size` threads running one file, each doing one thing at a time, started when there is work. Time counts from
 * when a thread takes a request, and those who wait are taken in turns. A thread at work keeps the process alive; an
 * idle one does not.
 */
export function openPool<Request, Reply>(file: URL, size: number): Pool<Request, Reply> {
  const queue = openTurns<Waiting<Request, Reply>>();
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  let closed = false;

  function next(): void {
    while (idle.length > 0 || all.size < size) {
      const job = queue.take();
      if (job === undefined) return;
      run(idle.pop() ?? start(), job);
    }
  }

  function start(): Worker {
    // Without the parent's flags: a test runner's would be wrong here.
    const worker = new Worker(file, { execArgv: [], name: "toolkit", workerData: THREAD_MARK });
    all.add(worker);
    // A thread that dies while idle is forgotten; at work, `run` listens too.
    worker.on("error", () => undefined);
    worker.on("exit", () => {
      all.delete(worker);
      const place = idle.indexOf(worker);
      if (place >= 0) idle.splice(place, 1);
    });
    return worker;
  }

  function run(worker: Worker, job: Waiting<Request, Reply>): void {
    worker.ref();
    const timer = setTimeout(() => fail(`took longer than ${job.seconds} s`, true), job.seconds * 1000);
    const settle = () => {
      clearTimeout(timer);
      worker.off("message", answer).off("error", broke).off("exit", died);
    };
    const answer = (envelope: Envelope<Reply>) => {
      if ("failure" in envelope) return fail(envelope.failure, false);
      settle();
      worker.unref();
      idle.push(worker);
      job.resolve(envelope.reply);
      next();
    };
    const fail = (message: string, timedOut: boolean) => {
      settle();
      all.delete(worker);
      void worker.terminate();
      job.reject(new ThreadFailure(message, timedOut));
      next();
    };
    const broke = (error: unknown) => fail(error instanceof Error ? error.message : String(error), false);
    const died = () => fail(closed ? "the toolkit was closed" : "the thread ended", false);
    worker.on("message", answer).on("error", broke).on("exit", died);
    worker.postMessage(job.request);
  }

  return {
    ask: (request, seconds, turn = {}) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new ThreadFailure("the toolkit was closed", false));
        queue.add({ request, seconds, resolve, reject }, turn, reject);
        next();
      }),
    close: async () => {
      closed = true;
      for (let job = queue.take(); job !== undefined; job = queue.take())
        job.reject(new ThreadFailure("the toolkit was closed", false));
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}
