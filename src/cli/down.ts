import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { isLoopback } from "../loopback.ts";
import { endProcesses, listProcesses, markStopping } from "../processes.ts";
import type { Cli } from "./cli.ts";
import { CredentialsFile } from "./credentials.ts";

const PATIENCE_MS = 30_000;
/** Long enough to end engines and to give their tasks back. */
const NOW_MS = 5_000;

export function register(program: Command, cli: Cli): void {
  program
    .command("down")
    .description("stop every process of this home: workers finish what they run, then the database stops")
    .option("--now", "end running engines at once; their tasks go back to the queue")
    .option("--purge", "also delete the embedded database (asks first)")
    .action((options: { now?: boolean; purge?: boolean }) => down(cli, options));
}

async function down(cli: Cli, options: { now?: boolean; purge?: boolean }): Promise<void> {
  const home = cli.home();
  const question = `This deletes the database of ${home} with everything in it.`;
  const purge = options.purge === true && cli.config.database_url === undefined;
  if (purge && !(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.say("nothing was done");
    return;
  }
  const processes = (await listProcesses(home)).filter(({ pid }) => pid !== process.pid);
  if (processes.length > 0) cli.out.say(`stopping ${processes.length} process(es)`);
  const now = options.now === true;
  markStopping(home);
  const { ended, killed } = await endProcesses(processes, {
    patience_ms: now ? NOW_MS : PATIENCE_MS,
    drop: now,
  });
  const { stopServer, purgeServer } = await import("../db/embedded/server.ts");
  const database = cli.config.database_url === undefined ? await stopServer({ home }) : "external";
  const purged = purge && (await purgeServer({ home }));
  // Nothing names these bytes any more.
  if (purged)
    for (const name of ["objects", "scratch", "org"])
      rmSync(join(home, name), { recursive: true, force: true });
  const served = processes.flatMap(({ url }) => url ?? []);
  const forgotten = purged
    ? await CredentialsFile.forget(home, isServedHere(served, cli.config.api.port))
    : [];
  cli.out.result({ ended, killed, database, purged }, () => {
    const server = {
      stopped: "the database is stopped",
      not_running: "the database was not running",
      absent: "there is no database",
      external: "the external database is left alone",
    };
    return `${ended + killed} process(es) ended, ${server[database]}${purged ? " and deleted" : ""}${
      forgotten.length === 0 ? "" : `; sessions at ${forgotten.join(", ")} are forgotten`
    }`;
  });
}

/** Whether an address is that of an API of this home: what its processes served, or would where its settings say. */
export function isServedHere(served: string[], port: number): (url: string) => boolean {
  const ports = new Set([String(port), ...served.map(portOf)]);
  return (url) => URL.canParse(url) && isLoopback(new URL(url).hostname) && ports.has(portOf(url));
}

function portOf(url: string): string {
  const { port, protocol } = new URL(url);
  return port || (protocol === "https:" ? "443" : "80");
}
