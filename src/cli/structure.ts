import { basename } from "node:path";
import { type Command, Option } from "commander";
import { addStructure, listStructures, showStructure } from "../structures/operations.ts";
import { formatOfName } from "../structures/read.ts";
import { STRUCTURE_KINDS } from "../structures/schema.ts";
import type { Cli } from "./cli.ts";
import { id as anId, limit, ranged, readInput } from "./options.ts";
import { table } from "./out.ts";

type AddOptions = { charge?: number; multiplicity?: number; private?: boolean };

export function register(program: Command, cli: Cli): void {
  const structure = program.command("structure").description("coordinates in files");
  structure
    .command("add <file>")
    .description("keep the coordinates of an XYZ or SDF/MOL file")
    .option("--charge <q>", "net charge in e", ranged(-100, 100))
    .option("--multiplicity <m>", "spin multiplicity 2S+1", ranged(1, 100))
    .option("--private", "only you and the organization's admins see it")
    .action(async (file: string, options: AddOptions) => {
      const name = basename(file);
      const format = formatOfName(name);
      const content_base64 = (await readInput(file)).toString("base64");
      const { private: isPrivate, ...electrons } = options;
      const row = await cli.ask(addStructure, {
        file_name: name,
        format,
        content_base64,
        ...electrons,
        visibility: isPrivate === true ? "private" : "organization",
      });
      cli.out.result(
        row,
        ({ structure_id, size_bytes, geometry_hash }) =>
          `structure ${structure_id}: ${size_bytes} bytes, geometry ${geometry_hash?.slice(0, 12)}…`,
      );
    });
  structure
    .command("list")
    .description("structures that you may see, newest first")
    .addOption(new Option("--kind <kind>", "of this kind only").choices([...STRUCTURE_KINDS]))
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { kind?: (typeof STRUCTURE_KINDS)[number]; limit?: number; cursor?: string }) => {
      const page = await cli.ask(listStructures, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          table(
            ["structure", "kind", "format", "name", "source", "bytes"],
            items.map((row) => [
              row.structure_id,
              row.kind,
              row.format,
              row.name,
              row.source,
              row.size_bytes,
            ]),
            "no structure yet: add one with `aliquot structure add FILE`",
          ),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
  structure
    .command("show")
    .argument("<id>", "the structure", anId)
    .description("one structure; without --json its bytes as they are")
    .action(async (id: string) => {
      const found = await cli.ask(showStructure, { structure_id: id });
      cli.out.result(found, ({ content }) => cli.out.content(content.trimEnd()));
    });
}
