import { AppError } from "../errors.ts";
import type { Geometry } from "../structures/geometry.ts";
import { formatMolblock } from "../structures/molblock.ts";
import { asked, refuse, refused } from "./answers.ts";
import { type Conformers, type EmbeddedAtoms, FORCE_FIELD } from "./conformers.ts";
import type { Identities } from "./identities.ts";
import { ThreadFailure } from "./pool.ts";
import { openElements, quote, refuseText } from "./text.ts";
import type { Conformer, Identity } from "./toolkit.ts";
import type { Turn } from "./turns.ts";

export type { Conformers };

/** Whom to ask, and in whose turn. */
type Threads = { identities: Identities; conformers: Conformers; turn: Turn };

const IDENTITY_SECONDS = 30;
/** A Java int; to OpenChemLib 0 means "another each time". */
const SEEDS = { least: 1, most: 2 ** 31 - 1 };

/** See `Toolkit.embed`. */
export async function embedOne(
  threads: Threads,
  smiles: string,
  seed: number,
  seconds: number,
): Promise<Conformer> {
  if (!Number.isInteger(seed) || seed < SEEDS.least || seed > SEEDS.most)
    throw new AppError("bad_input", `the seed must be a whole number from ${SEEDS.least} to ${SEEDS.most}`);
  if (!(seconds > 0 && seconds <= 86_400))
    throw new AppError("bad_input", "the time limit of an embedding must be above 0 s and at most 86,400 s");
  const species = await identifyOne(threads, smiles);
  refuseSpecies(species, smiles);
  const lone = loneAtom(species);
  if (lone !== null)
    return conformer(species, lone, seed, { generator: "one atom at the origin", minimised: false });
  const reply = await askConformer(threads, species.smiles, seed, seconds);
  if (reply.kind === "failed") throw failed(`${quote(smiles)} got no 3D structure: ${reply.reason}`);
  const { minimised, version } = reply;
  const generator = `openchemlib ${version} seed ${seed}${minimised ? ` ${FORCE_FIELD}` : ""}`;
  const made = conformer(species, reply.atoms, seed, { generator, minimised });
  if (!(await isMirrored(threads, species.smiles, made))) return made;
  const turned = conformer(species, reflect(reply.atoms), seed, { generator, minimised });
  if (!(await isMirrored(threads, species.smiles, turned))) return turned;
  throw failed(
    `the 3D structure of ${quote(smiles)} has its stereocentres in other places: try another seed`,
  );
}

/** The mirror image: of a meso form the same molecule, with the configuration that the SMILES gives each atom. */
function reflect(atoms: EmbeddedAtoms): EmbeddedAtoms {
  return { ...atoms, positions_angstrom: atoms.positions_angstrom.map(([x, y, z]) => [-x, y, z]) };
}

async function identifyOne({ identities, turn }: Threads, smiles: string): Promise<Identity> {
  const inputs = [{ text: smiles, format: "smiles" as const }];
  const early = inputs.map(refuseText)[0];
  if (early) throw refused(early);
  const reply = await asked(identities.ask({ kind: "identify", inputs }, IDENTITY_SECONDS, turn), smiles);
  const [result] = reply.kind === "identified" ? reply.results : [];
  if (result === undefined) throw new AppError("internal", "the toolkit gave no identity");
  if (!result.ok) throw refused(result);
  return result.species;
}

function refuseSpecies(species: Identity, smiles: string): void {
  if (species.smiles.includes("."))
    throw refuse(`${quote(smiles)} has several parts: embed the parent alone`, "ambiguous_parent");
  if (species.smiles.includes("|"))
    throw refuse(
      `${quote(smiles)} is a mixture or a choice of stereoisomers (&, o): give one of them`,
      "undefined_stereo",
    );
  const open = species.undefined_centres;
  if (open === 0) return;
  const what = `${openElements(open)} not defined`;
  throw refuse(`${what} in ${quote(smiles)}: draw them, or list the isomers and choose`, "undefined_stereo");
}

function loneAtom(species: Identity): EmbeddedAtoms | null {
  const [element, ...more] = species.elements;
  if (element === undefined || more.length > 0 || species.formula !== element) return null;
  return {
    elements: [element],
    positions_angstrom: [[0, 0, 0]],
    charges: [species.charge],
    isotopes: [0],
    radicals: [0],
    bonds: [],
  };
}

async function askConformer({ conformers, turn }: Threads, smiles: string, seed: number, seconds: number) {
  try {
    return await conformers.ask({ smiles, seed }, seconds, turn);
  } catch (error) {
    if (!(error instanceof ThreadFailure)) throw error;
    const why = error.timedOut ? `took longer than ${seconds} s` : `failed (${error.message})`;
    throw failed(`the 3D structure of ${quote(smiles)} ${why}: try another seed or give coordinates`, error);
  }
}

function conformer(
  species: Identity,
  atoms: EmbeddedAtoms,
  seed: number,
  made: { generator: string; minimised: boolean },
): Conformer {
  const geometry: Geometry = {
    elements: atoms.elements,
    // The molblock's own 4 decimals, so that both are one geometry with one hash.
    positions_angstrom: atoms.positions_angstrom.map(([x, y, z]) => [round4(x), round4(y), round4(z)]),
  };
  const bonds = atoms.bonds.toSorted((a, b) => a.from - b.from || a.to - b.to);
  const molblock = formatMolblock({ ...atoms, geometry, bonds, name: species.identity_key });
  return { molblock, geometry, bonds, seed, force_field: made.minimised ? FORCE_FIELD : "none", ...made };
}

function round4(value: number): number {
  return Number(value.toFixed(4)) + 0;
}

/** Throws where a conformer is another species than its SMILES; says where it is its mirror image, atom by atom. */
async function isMirrored({ identities, turn }: Threads, smiles: string, made: Conformer): Promise<boolean> {
  const request = { kind: "compare", smiles, molblock: made.molblock } as const;
  const reply = await asked(identities.ask(request, IDENTITY_SECONDS, turn), smiles);
  if (reply.kind === "compared" && reply.same) return reply.mirrored;
  const found = reply.kind === "compared" ? quote(reply.found) : "nothing";
  throw failed(`the 3D structure of ${quote(smiles)} came out as ${found}: try another seed`);
}

function failed(message: string, cause?: unknown): AppError {
  return refuse(message, "embedding_failed", cause);
}
