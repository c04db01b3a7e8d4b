import { basename } from "node:path";
import type { Command } from "commander";
import type { Static } from "typebox";
import { AppError } from "../errors.ts";
import { rejectedRecord } from "../molecules/identify.ts";
import { addMolecules, deleteMolecule, listMolecules, showMolecule } from "../molecules/operations.ts";
import { readMoleculeFile } from "../molecules/read-file.ts";
import type { AddedMolecules, ListMolecules, MoleculeRecord } from "../molecules/schema.ts";
import { addInChunks } from "./chunks.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { id as anId, limit } from "./options.ts";
import { fixed, table } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const molecule = program.command("molecule").description("chemical species and who brought them");
  molecule
    .command("add <smiles...>")
    .description("register molecules")
    .option("--name <name>", "what you call it (one SMILES)")
    .option("--private", "only you and the organization's admins see it")
    .action(async (smiles: string[], options: { name?: string; private?: boolean }) => {
      if (options.name !== undefined && smiles.length > 1)
        throw new AppError("usage", "--name needs a single SMILES");
      const records = smiles.map(
        (text): MoleculeRecord => ({
          text,
          format: "smiles",
          ...(options.name === undefined ? {} : { name: options.name }),
        }),
      );
      await addAll(cli, records, options.private === true, undefined);
    });
  molecule
    .command("import <file>")
    .description("register the records of a SMILES list or SDF; bad ones are listed and left out")
    .option("--private", "only you and the organization's admins see it")
    .action(async (file: string, options: { private?: boolean }) => {
      await addAll(cli, await readMoleculeFile(file), options.private === true, basename(file));
    });
  molecule
    .command("list")
    .description("molecules that you may see, newest first")
    .option("--name <text>", "only those whose name or external number begins so, whatever the case")
    .option("--tag <tag>", "only those with this tag")
    .option("--formula <formula>", "only those of this formula, as C9H8O4")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: Static<typeof ListMolecules>) => {
      const page = await cli.ask(listMolecules, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          table(
            ["molecule", "name", "smiles", "formula", "charge", "MW"],
            items.map((row) => [
              row.molecule_id,
              row.name,
              row.smiles,
              row.formula,
              row.charge,
              fixed(row.molecular_weight, 2),
            ]),
            isSearch(options)
              ? "no molecule that you may see is so"
              : "no molecule yet: add one with `aliquot molecule add SMILES`",
          ),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
  molecule
    .command("show")
    .argument("<id>", "the molecule", anId)
    .description("one molecule with its registrations and relations")
    .action(async (id: string) => {
      const found = await cli.ask(showMolecule, { molecule_id: id });
      cli.out.result(found, (row) => JSON.stringify(row, null, 2));
    });
  molecule
    .command("delete")
    .argument("<id>", "the molecule", anId)
    .description("take back your registrations of a molecule (asks); what was computed of it stays")
    .action(async (id: string) => {
      if (
        !(await cli.out.confirm(
          `This deletes your registrations of molecule ${id}.`,
          cli.options.yes ?? false,
        ))
      ) {
        cli.out.say("nothing was done");
        return;
      }
      const gone = await cli.ask(deleteMolecule, { molecule_id: id });
      cli.out.result(gone, ({ registrations }) => `${registrations} registration(s) deleted`);
    });
}

function isSearch({ name, tag, formula }: Static<typeof ListMolecules>): boolean {
  return [name, tag, formula].some((asked) => asked !== undefined);
}

async function addAll(
  cli: Cli,
  records: MoleculeRecord[],
  isPrivate: boolean,
  source: string | undefined,
): Promise<void> {
  const all = await addInChunks(
    records,
    (chunk) =>
      cli
        .ask(addMolecules, {
          records: chunk,
          visibility: isPrivate ? "private" : "organization",
          ...(source === undefined ? {} : { source_file: source }),
        })
        .catch((error: unknown) => asRejected(chunk, error)),
    (done) => cli.out.progress(done, records.length, "records"),
  );
  cli.out.result(all, describe);
  if (all.items.length === 0) throw new ExitWith(1);
}

/** A call of which every record is refused is an error; of a file it is a part, and others go on. */
function asRejected(chunk: MoleculeRecord[], error: unknown): AddedMolecules {
  const fields = error instanceof AppError && error.kind === "bad_input" ? error.fields : [];
  const codes = fields.flatMap(({ code }) => code ?? []);
  if (codes.length === 0 || codes.length !== chunk.length) throw error;
  const byLine = new Map(fields.map((field) => [field.line, field]));
  const rejected = chunk.flatMap((record, index) => {
    const line = record.line ?? index + 1;
    const { code = "", rule = "" } = byLine.get(line) ?? {};
    return rejectedRecord(record, line, code, rule);
  });
  return { items: [], rejected };
}

function describe({ items, rejected }: AddedMolecules): string {
  const shown = items
    .slice(0, 20)
    .map((row) => [
      row.molecule_id,
      row.smiles,
      row.inchikey,
      row.formula,
      row.charge,
      row.created ? "new" : "known",
    ]);
  const lines = [
    table(["molecule", "smiles", "inchikey", "formula", "charge", ""], shown, "no molecule was registered"),
  ];
  if (items.length > shown.length) lines.push(`… and ${items.length - shown.length} more`);
  for (const { line, input, code, message } of rejected.slice(0, 20))
    lines.push(`line ${line} rejected (${code}): ${message}${input === "" ? "" : ` [${input}]`}`);
  if (rejected.length > 20) lines.push(`… and ${rejected.length - 20} more rejected: --json lists them`);
  return lines.join("\n");
}
