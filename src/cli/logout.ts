import type { Command } from "commander";
import type { Cli } from "./cli.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("logout")
    .description("end the session at the API that ALIQUOT_URL names")
    .option("--everywhere", "all your sessions, on every machine")
    .action(async ({ everywhere = false }: { everywhere?: boolean }) => {
      const there = await cli.there();
      const { ended, error } = await there.logout(everywhere);
      if (error !== null && error.kind !== "unauthenticated")
        cli.out.say(`the API was not told, so the session ends by itself there: ${error.message}`);
      cli.out.result({ url: there.url, ended }, () =>
        ended > 1 ? `${ended} sessions at ${there.url} have ended` : `signed out of ${there.url}`,
      );
    });
}
