import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { AppError } from "../errors.ts";
import { jobOutput, jobOutputs } from "../files/operations.ts";
import type { Cli } from "./cli.ts";
import { id } from "./options.ts";
import { table } from "./out.ts";
import { passOn, writeWhole } from "./write-file.ts";

export function registerJobFiles(job: Command, cli: Cli): void {
  job
    .command("files")
    .argument("<id>", "the job", id)
    .argument("[key]", "name of a file, as the list has it")
    .description("files that a job left; with a name the bytes of that one")
    .option("--to <file>", "write them there; without it to the standard output")
    .action((job_id: string, key: string | undefined, { to }: { to?: string }) => {
      if (key !== undefined) return fetchOne(cli, job_id, key, to);
      if (to === undefined) return listFiles(cli, job_id);
      throw new AppError("usage", "--to is for one file: name it, as `aliquot job files ID` lists it");
    });
}

async function listFiles(cli: Cli, job_id: string): Promise<void> {
  const page = await cli.ask(jobOutputs, { job_id });
  cli.out.result(page, ({ items }) =>
    table(
      ["file", "bytes", "type", "structure"],
      items.map((row) => [row.key, row.size_bytes, row.content_type, row.structure_id]),
      "this job has left no file",
    ),
  );
}

/** What is named by the person is the only path: names that the job gave never are. */
async function fetchOne(cli: Cli, job_id: string, key: string, to: string | undefined): Promise<void> {
  if (to === undefined && cli.out.json)
    throw new AppError("usage", "the file and --json both want the standard output: name a file with --to");
  if (to !== undefined && existsSync(to)) {
    const isYes = await cli.out.confirm(`${to} is there already: write over it?`, cli.options.yes === true);
    if (!isYes) return;
  }
  const file = await cli.ask(jobOutput, { job_id, key });
  if (to === undefined) return passOn(file, (piece) => written(cli.io.stdout, piece));
  await writeWhole(to, file);
  const { size_bytes, checksum } = file;
  cli.out.result(
    { key, file: to, size_bytes, checksum },
    () => `wrote ${size_bytes} bytes of ${key} to ${to}`,
  );
}

async function written(stream: NodeJS.WritableStream, piece: Uint8Array): Promise<void> {
  if (!stream.write(piece)) await once(stream, "drain");
}
