import { type Canonical, canonicalJson, decimal } from "../../canonical.ts";
import { sha256 } from "../../ids.ts";
import { LIGAND_WRITER_VERSION } from "../../ligands/ligand.ts";
import { type Bond, geometryHash } from "../../structures/geometry.ts";
import { GENERATOR_VERSION } from "../../toolkit/generator.ts";
import type { EngineInstall } from "../engine.ts";
import { CACHE_VERSION } from "../preparation.ts";
import { boxTexts, GRID_SPACING_ANGSTROM, MIN_RMSD_ANGSTROM, vinaArguments } from "./plan.ts";
import type { ReferencePose, VinaInput, VinaParams } from "./schema.ts";

const TASK_VERSION = 1;

/**
 * Everything that decides the result: the program's bytes, exact arguments with the box at 3 decimals, the
 * PDBQT bytes of receptor and ligand, the ligand's own atoms, isotopes and bonds (the SDF of the poses has them all)
 * and what the poses are compared with; and all of the protocol that the rows stand under. Not in it: CPUs (they change no digit), limits, host, names, paths.
 */
export function vinaSignature(install: EngineInstall, params: VinaParams, input: VinaInput): Canonical {
  const { center, size } = boxTexts(input.box);
  return {
    task: "vina.dock",
    task_version: TASK_VERSION,
    cache_version: CACHE_VERSION.vina,
    program: { name: install.name, version: install.version, fingerprint: install.fingerprint },
    arguments: withoutCpu(vinaArguments(params, input)),
    scoring: "vina",
    conformers: GENERATOR_VERSION,
    ligand_writer: LIGAND_WRITER_VERSION,
    grid_spacing_angstrom: decimal(GRID_SPACING_ANGSTROM, 3),
    min_rmsd_angstrom: decimal(MIN_RMSD_ANGSTROM, 3),
    receptor_sha256: sha256(input.receptor_pdbqt),
    ligand_sha256: sha256(input.ligand.pdbqt),
    ligand_atoms_sha256: ligandHash(input),
    box_center_angstrom: center,
    box_size_angstrom: size,
    exhaustiveness: params.exhaustiveness,
    num_modes: params.num_modes,
    energy_range_kcal_mol: decimal(params.energy_range_kcal_mol, 3),
    seed: params.seed,
    reference_sha256: input.reference === null ? null : referenceHash(input.reference),
  };
}

function withoutCpu(args: string[]): string[] {
  const at = args.indexOf("--cpu");
  return at < 0 ? args : args.toSpliced(at, 2);
}

function ligandHash({ ligand: { ligand, atoms, fragments } }: VinaInput): string {
  const { smiles, geometry, bonds, charges, isotopes, aromatic } = ligand;
  const places = { geometry: geometryHash(geometry), bonds: bondList(bonds) };
  return sha256(canonicalJson({ smiles, ...places, charges, isotopes, aromatic, atoms, fragments }));
}

function referenceHash({ geometry, bonds, mate }: ReferencePose): string {
  const image = mate === null ? null : geometryHash({ ...geometry, positions_angstrom: mate });
  return sha256(canonicalJson({ geometry: geometryHash(geometry), bonds: bondList(bonds), mate: image }));
}

/** Bonds in one order whatever the order of listing and of the ends. */
function bondList(bonds: Bond[]): string {
  return bonds
    .map(({ from, to, order }) => ({ from: Math.min(from, to), to: Math.max(from, to), order }))
    .sort((a, b) => a.from - b.from || a.to - b.to)
    .map(({ from, to, order }) => `${from}-${to}:${order}`)
    .join(" ");
}
