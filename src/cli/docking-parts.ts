import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { AppError } from "../errors.ts";
import { isUuid } from "../ids.ts";
import { prepareReceptorOperation } from "../receptors/operations.ts";
import type { Receptor } from "../receptors/receptor.ts";
import { HISTIDINE_STATES } from "../receptors/report.ts";
import { createSiteOperation } from "../sites/operations.ts";
import type { ReferenceWish, Site } from "../sites/schema.ts";
import type { Position } from "../structures/geometry.ts";
import type { Cli } from "./cli.ts";
import { finite, readInput, realRanged } from "./options.ts";

/** What may be chosen of a receptor on a command line. */
export type ReceptorOptions = {
  chain?: string[];
  keepWater?: string[];
  dropHet?: string[];
  histidine?: string[];
  private?: boolean;
};

/** What may be said of a site on a command line. */
export type SiteOptions = {
  center?: Position;
  size?: Position;
  around?: string;
  reference?: string;
  referenceSmiles?: string;
  padding?: number;
  largeBox?: boolean;
  private?: boolean;
};

export function addReceptorOptions(command: Command): Command {
  return command
    .option("--chain <id...>", "protein chains to keep (all)")
    .option("--keep-water <residue...>", "waters to keep: 201, or A:201 where two have that number")
    .option("--drop-het <name...>", "leave these out although they would be refused: metals, ions")
    .option("--histidine <state...>", `${HISTIDINE_STATES.join(", ")} for all, or A:69=HID for one (HIE)`);
}

export function addSiteOptions(command: Command): Command {
  return command
    .option("--center <x,y,z>", "middle of the box in Å", triple)
    .option("--size <x,y,z>", "full sides of the box in Å", triple)
    .option(
      "--around <ligand>",
      "box around a ligand: a residue of the receptor's file (478, 478:A:1), or an SDF",
    )
    .option("--reference <ligand>", "ligand that poses are compared with, where the box is given")
    .option(
      "--reference-smiles <smiles>",
      "what the reference is: checked against its atoms, bonds and stereo",
    )
    .option("--padding <angstrom>", "room on each side of the ligand (5)", realRanged(0, 30))
    .addOption(new Option("--large-box", "allow sides above 30 Å"));
}

/**
 * Refuses options of a site that don't go together. To be asked before the receptor is prepared, so that a slip
 * leaves nothing behind. Throws AppError usage.
 */
export function checkSiteOptions(options: SiteOptions): void {
  const { center, size, around, reference, referenceSmiles, padding } = options;
  const ligand = around ?? reference;
  if (around !== undefined && reference !== undefined)
    throw new AppError("usage", "--around already names the reference: leave --reference out");
  if (around !== undefined && (center !== undefined || size !== undefined))
    throw new AppError(
      "usage",
      "a box is given, or put around a ligand: with --center and --size say --reference",
    );
  if ((center === undefined) !== (size === undefined))
    throw new AppError("usage", "a box needs both --center and --size");
  if (ligand === undefined && referenceSmiles !== undefined)
    throw new AppError(
      "usage",
      "--reference-smiles says what a reference is: name it with --around or --reference",
    );
  if (ligand === undefined && center === undefined)
    throw new AppError("usage", "say where to dock: --center and --size, or --around LIGAND");
  if (center !== undefined && padding !== undefined)
    throw new AppError("usage", "--padding is the room around a ligand: a box that is given has its --size");
}

/**
 * The receptor that was named: a prepared one by id, or a PDB file that is prepared now. Throws AppError usage
 * where a prepared one is to be prepared otherwise.
 */
export async function receptorOf(
  cli: Cli,
  named: string,
  options: ReceptorOptions,
): Promise<{ structure_id: string; prepared: Receptor | null }> {
  if (isUuid(named) && !(await isFile(named))) {
    refuseReceptorOptions(options);
    return { structure_id: named, prepared: null };
  }
  const prepared = await prepareFile(cli, named, options);
  return { structure_id: prepared.structure_id, prepared };
}

function refuseReceptorOptions({ chain, keepWater, dropHet, histidine }: ReceptorOptions): void {
  const given = {
    "--chain": chain,
    "--keep-water": keepWater,
    "--drop-het": dropHet,
    "--histidine": histidine,
  };
  const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (names.length > 0)
    throw new AppError(
      "usage",
      `this receptor is prepared already: leave ${names.join(", ")} out, or name its PDB file`,
    );
}

/** Prepares a PDB file; the same file and choices give the same receptor again. */
export async function prepareFile(
  cli: Cli,
  path: string,
  options: ReceptorOptions,
): Promise<Receptor & { created: boolean }> {
  const histidines = histidinesOf(options.histidine ?? []);
  const bytes = await readInput(path);
  const { chain, keepWater, dropHet } = options;
  const row = await cli.ask(prepareReceptorOperation, {
    file_name: basename(path),
    content_base64: bytes.toString("base64"),
    ...(chain === undefined ? {} : { chains: chain }),
    ...(keepWater === undefined ? {} : { keep_waters: keepWater }),
    ...(dropHet === undefined ? {} : { drop_hets: dropHet }),
    ...histidines,
    ...visibilityOf(options),
  });
  return row as Receptor & { created: boolean };
}

/** Makes a site at a receptor, or finds the same one; `checkSiteOptions` comes first. */
export async function makeSite(
  cli: Cli,
  receptorId: string,
  options: SiteOptions & { name?: string },
): Promise<Site & { created: boolean }> {
  const ligand = options.around ?? options.reference;
  const { name, center, size, padding, largeBox } = options;
  return cli.ask(createSiteOperation, {
    receptor_structure_id: receptorId,
    ...(name === undefined ? {} : { name }),
    ...(center === undefined ? {} : { center_angstrom: [...center] }),
    ...(size === undefined ? {} : { size_angstrom: [...size] }),
    ...(padding === undefined ? {} : { padding_angstrom: padding }),
    ...(largeBox === true ? { large_box: true } : {}),
    ...(ligand === undefined ? {} : { reference: await referenceOf(ligand, options.referenceSmiles) }),
    ...visibilityOf(options),
  });
}

async function referenceOf(ligand: string, smiles: string | undefined): Promise<ReferenceWish> {
  const known = smiles === undefined ? {} : { smiles };
  if (!/\.(sdf|sd|mol)$/i.test(ligand)) return { residue: ligand, ...known };
  const content_base64 = (await readInput(ligand)).toString("base64");
  return { file_name: basename(ligand), content_base64, ...known };
}

/** `HID` for all, `A:69=HID` for one. */
function histidinesOf(given: string[]): object {
  const one: Record<string, string> = {};
  const rest: string[] = [];
  for (const text of given) {
    const [residue, state] = text.split("=", 2);
    if (state === undefined) rest.push(text.toUpperCase());
    else one[residue ?? ""] = state.toUpperCase();
  }
  const states: readonly string[] = HISTIDINE_STATES;
  const wrong = [...Object.values(one), ...rest].find((state) => !states.includes(state));
  if (wrong !== undefined || rest.length > 1)
    throw new AppError("usage", `--histidine takes ${states.join(", ")}, or RESIDUE=STATE for one of them`);
  return {
    ...(Object.keys(one).length === 0 ? {} : { histidines: one }),
    ...(rest.length === 0 ? {} : { default_histidine: rest[0] }),
  };
}

export function visibilityOf(options: { private?: boolean }): { visibility?: "private" } {
  return options.private === true ? { visibility: "private" } : {};
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** `x,y,z` in Å as an option's value. */
function triple(text: string): Position {
  const [x, y, z, ...more] = text.split(",").map(finite);
  if (x === undefined || y === undefined || z === undefined || more.length > 0)
    throw new InvalidArgumentError("It must be three numbers in Å: x,y,z.");
  return [x, y, z];
}
