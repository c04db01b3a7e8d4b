import { type Command, InvalidArgumentError } from "commander";
import { defaultsOf } from "../engines/defaults.ts";
import { isUuid } from "../ids.ts";
import { inWords } from "../in-words.ts";
import { differences } from "../protocols/differ.ts";
import { listProtocols, showProtocol } from "../protocols/operations.ts";
import type { Protocol } from "../protocols/schema.ts";
import type { Cli } from "./cli.ts";
import { limit } from "./options.ts";
import { table, time } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const protocol = program
    .command("protocol")
    .description("everything that makes two numbers comparable, found by its content");
  protocol
    .command("list")
    .description("protocols that results stand under, newest first")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { limit?: number; cursor?: string }) => {
      const page = await cli.ask(listProtocols, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [protocolTable(items), ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`])].join("\n"),
      );
    });
  protocol
    .command("show")
    .argument("<id-or-hash>", "the protocol", idOrHash)
    .description("one protocol with all its parameters, by id or by the hash of its content")
    .action(async (text: string) => {
      const row = await cli.ask(showProtocol, { protocol: text });
      cli.out.result(row, describe);
    });
}

/** Either is found by its form. */
function idOrHash(text: string): string {
  if (isUuid(text) || /^[0-9a-f]{64}$/i.test(text)) return text;
  throw new InvalidArgumentError("It must be an id, as lists show it, or the 64 hex digits of a hash.");
}

function protocolTable(items: Protocol[]): string {
  const told = differences(items, defaultsOf);
  return table(
    ["protocol", "task", "program", "other than usual", "first used"],
    items.map((row) => [
      row.protocol_id,
      row.task,
      `${row.program} ${row.program_version}`,
      inWords(told.get(row) ?? {}),
      time(row.created_at),
    ]),
    "no protocol yet: the first result makes one",
  );
}

function describe({ protocol_id, params_hash, task, program, program_version, params }: Protocol): string {
  return [
    `protocol ${protocol_id}: ${task}, ${program} ${program_version}`,
    `content   ${params_hash}`,
    "",
    table(
      ["parameter", "value"],
      Object.entries(params as object).map(([name, value]) => [
        name,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
  ].join("\n");
}
