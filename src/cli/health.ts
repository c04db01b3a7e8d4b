import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { AppError } from "../errors.ts";
import { checkHealth, type Health } from "../health/checks.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { whole } from "./options.ts";
import { table } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("health")
    .description("whether everything works; exit 5 where something is down")
    .option("--watch", "look again and again until Ctrl-C")
    .option("--interval <seconds>", "how often", whole, 5)
    .action(async (options: { watch?: boolean; interval: number }) => {
      let health = await look(cli);
      cli.out.result(health, describe);
      while (options.watch === true) {
        await sleep(Math.max(1, options.interval) * 1000);
        health = await look(cli);
        cli.out.line(health, describe);
      }
      if (health.status === "down") throw new ExitWith(5);
    });
}

/** A metadata database that nobody answers for is an answer too. */
async function look(cli: Cli): Promise<Health> {
  try {
    return await checkHealth(await cli.context());
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "unavailable") throw error;
    const check = {
      name: "metadata database",
      status: "down",
      latency_ms: null,
      detail: error.message,
    } as const;
    return { status: "down", checks: [check] };
  }
}

function describe({ status, checks }: Health): string {
  return [
    `health: ${status}`,
    table(
      ["", "check", "ms", "detail"],
      checks.map((check) => [check.status, check.name, check.latency_ms, check.detail]),
    ),
  ].join("\n");
}
