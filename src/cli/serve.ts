import type { Command } from "commander";
import { openLogger } from "../log.ts";
import { isLoopback } from "../loopback.ts";
import { enrol } from "../processes.ts";
import type { Cli } from "./cli.ts";
import { portNumber } from "./options.ts";

export type Address = { host?: string; port?: number };

export function register(program: Command, cli: Cli): void {
  program
    .command("serve")
    .description(
      "the API alone, until told to stop (Ctrl-C; twice ends at once); workers and relay run elsewhere",
    )
    .option("--host <address>", "listen at this address (API_HOST, else 127.0.0.1)")
    .option("--port <n>", "and at this port (API_PORT, else 8000; 0: any that is free)", portNumber)
    .action((address: Address) => serve(cli, address));
}

async function serve(cli: Cli, address: Address): Promise<void> {
  const log = openLogger(cli.config.log_level);
  const context = await cli.context({ log, purpose: "serve" });
  const { startServer } = await import("../http/start.ts");
  const server = await startServer(context, addressOf(cli, address));
  const leave = await enrol(cli.home(), "serve", server.url).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  try {
    tellAddress(cli, server.url);
    await untilAsked(server, leave);
  } finally {
    leave();
  }
}

/** What was said, else what is set. */
export function addressOf({ config }: Cli, { host, port }: Address): { host: string; port: number } {
  return { host: host ?? config.api.host, port: port ?? config.api.port };
}

/** An address that can be typed on this machine: one that stands for all of them is none. */
function typable(url: string): string {
  return url
    .replace(/^http:\/\/0\.0\.0\.0(?=:|$)/, "http://127.0.0.1")
    .replace(/^http:\/\/\[::\](?=:|$)/, "http://[::1]");
}

/** Where the API is, and where to find it where that is every address. */
export function inWords(url: string): string {
  return typable(url) === url ? url : `${url}, here ${typable(url)}`;
}

/** The address, for people and programs that started us; and a word where others can read what is sent. */
export function tellAddress(cli: Cli, url: string): void {
  const base = typable(url);
  const everywhere = base === url ? "" : ` (it listens at ${url}, which is every address of this machine)`;
  cli.out.line(
    { url, pid: process.pid },
    () => `the API is at ${base}/v1, its reference at ${base}/docs${everywhere}`,
  );
  if (!isLoopback(new URL(url).hostname))
    cli.out.say("others can reach it: put a proxy with TLS before it, and name that in API_TRUSTED_PROXIES");
}

/**
 * First signal: in order. Second: at once, also where a statement waits in the database, which undoes it when it
 * finds nobody there.
 */
async function untilAsked(
  server: { stop(): Promise<unknown>; kill(): Promise<void> },
  leave: () => void,
): Promise<void> {
  await new Promise<void>((resolve) => {
    let asked = 0;
    const onSignal = () => {
      if (asked++ === 0) return void server.stop().then(() => resolve());
      void server.kill();
      leave();
      process.exit(1);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
