import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
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
      const context = await cli.context();
      let health = await checkHealth(context);
      cli.out.result(health, describe);
      while (options.watch === true) {
        await sleep(Math.max(1, options.interval) * 1000);
        health = await checkHealth(context);
        cli.out.line(health, describe);
      }
      if (health.status === "down") throw new ExitWith(5);
    });
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
