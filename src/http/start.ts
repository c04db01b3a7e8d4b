import { type AddressInfo, isIPv6 } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Context } from "../context.ts";
import { AppError } from "../errors.ts";
import { Life } from "./life.ts";
import { buildServer, type ServerOptions } from "./server.ts";
import { type PhaseEnd, runPhases } from "./shutdown.ts";

export type Running = {
  url: string;
  /** Ends it in order: streams, listener, requests, connections. Asked again it is the same stop. */
  stop(): Promise<PhaseEnd[]>;
  /** Ends it at once: what runs is cut off. */
  kill(): Promise<void>;
};

export type StartOptions = Omit<ServerOptions, "life"> & {
  host: string;
  port: number;
  /** How long requests may go on when it is to stop. */
  drain_ms?: number;
};

/** What runs engines waits 30 s for them; a request that takes as long has reached its own limit. */
const DRAIN_MS = 10_000;
/** What only takes a moment. */
const MOMENT_MS = 2_000;

/**
 * The API, listening. Whoever starts it stops it, before the context closes.
 * Throws AppError conflict (the port is taken), usage (an address that is not ours).
 */
export async function startServer(context: Context, options: StartOptions): Promise<Running> {
  const { host, port, drain_ms = DRAIN_MS, ...rest } = options;
  const life = new Life();
  const app = await buildServer(context, { ...rest, life });
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    throw listenError(cause, host, port);
  }
  const url = urlOf(app.server.address(), host);
  let stopping: Promise<PhaseEnd[]> | undefined;
  const stop = () => {
    stopping ??= leave(app, life, drain_ms, context);
    return stopping;
  };
  const kill = async () => {
    app.server.closeAllConnections();
    await stop();
  };
  return { url, stop, kill };
}

/** What it listens at, as it was asked for: who says 0.0.0.0 is not to read 127.0.0.1. */
function urlOf(address: string | AddressInfo | null, host: string): string {
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** New connections are refused before the last request ends, or under load that never would. */
function leave(app: FastifyInstance, life: Life, drain_ms: number, { log }: Context): Promise<PhaseEnd[]> {
  const { server } = app;
  life.draining = true;
  let closed: Promise<void> | undefined;
  return runPhases(
    [
      { name: "streams", limit_ms: MOMENT_MS, run: () => life.endStreams() },
      {
        name: "listener",
        limit_ms: MOMENT_MS,
        run() {
          closed = app.close();
        },
      },
      { name: "requests", limit_ms: drain_ms, run: () => life.idle() },
      {
        name: "connections",
        limit_ms: MOMENT_MS,
        async run() {
          server.closeAllConnections();
          await closed;
          // What was cut off hears of it, and gives up before it would commit.
          await life.idle();
        },
      },
    ],
    log,
  );
}

function listenError(cause: unknown, host: string, port: number): AppError {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? "unknown";
  const where = `${host}:${port}`;
  if (code === "EADDRINUSE")
    return new AppError(
      "conflict",
      `port ${port} is taken at ${host}: choose another one with --port or API_PORT`,
      {
        cause,
      },
    );
  if (code === "EACCES")
    return new AppError("usage", `${where} is not ours to listen at: choose a port from 1024 on`, { cause });
  return new AppError("usage", `can't listen at ${where} (${code}): check --host or API_HOST`, { cause });
}
