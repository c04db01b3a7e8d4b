import { decimal } from "../canonical.ts";
import type { Position } from "../structures/geometry.ts";
import type { AtomType } from "./templates.ts";

/** An atom as a rigid receptor is written: `molecule` counts the peptide chains and waters, from 0. */
export type ReceptorAtom = {
  name: string;
  type: AtomType;
  position: Position;
  residue: { name: string; chain: string; number: number; insertion: string };
  het: boolean;
  molecule: number;
};

/**
 * The PDBQT text of a rigid receptor: coordinates in Å at 3 decimals, types in columns 78–79, TER after
 * each molecule, LF line ends. No ROOT, BRANCH or TORSDOF, which Vina refuses in a receptor; charges are 0,
 * which Vina never reads; no date: equal atoms, equal bytes.
 */
export function formatRigidPdbqt(atoms: readonly ReceptorAtom[]): string {
  const lines = ["REMARK  Rigid receptor by Aliquot: polar hydrogens only, no charges"];
  let serial = 0;
  for (const [index, atom] of atoms.entries()) {
    serial += 1;
    lines.push(atomLine(atom, serial));
    if (atoms[index + 1]?.molecule === atom.molecule) continue;
    serial += 1;
    lines.push(`TER   ${serialText(serial)}      ${residueText(atom)}`);
  }
  return `${lines.join("\n")}\nEND\n`;
}

/** A heavy atom of a rigid receptor with its residue: name, and place as in reports. */
export type ResidueAtom = { name: string; residue: string; position_angstrom: Position };

/** The heavy atoms of a text that `formatRigidPdbqt` wrote, with the residues they belong to. */
export function residueAtoms(text: string): ResidueAtom[] {
  return text.split("\n").flatMap((line) => {
    if (!/^(ATOM {2}|HETATM)/.test(line) || line.slice(77, 79).trim() === "HD") return [];
    const [chain, number] = [line.slice(21, 22).trim(), line.slice(22, 27).trim()];
    const [x = Number.NaN, y = Number.NaN, z = Number.NaN] = [30, 38, 46].map((at) =>
      Number(line.slice(at, at + 8)),
    );
    return [
      {
        name: line.slice(17, 20).trim(),
        residue: chain === "" ? number : `${chain}:${number}`,
        position_angstrom: [x, y, z],
      },
    ];
  });
}

function atomLine(atom: ReceptorAtom, serial: number): string {
  const record = atom.het ? "HETATM" : "ATOM  ";
  // Names of up to three letters start in column 14: every type written here has a one-letter element.
  const name = atom.name.length > 3 ? atom.name : ` ${atom.name.padEnd(3)}`;
  const xyz = atom.position.map((value) => decimal(value, 3).padStart(8)).join("");
  const rest = `${"1.00".padStart(6)}${"0.00".padStart(6)}    ${"0.000".padStart(6)}`;
  return `${record}${serialText(serial)} ${name} ${residueText(atom)}   ${xyz}${rest} ${atom.type.padEnd(2)}`.trimEnd();
}

/** Columns 18–27. Numbers beyond their columns keep the last digits: Vina reads none of them. */
function residueText({ residue }: ReceptorAtom): string {
  const number = String(residue.number).slice(-4).padStart(4);
  return `${residue.name.padStart(3)} ${residue.chain.padEnd(1)}${number}${residue.insertion.padEnd(1)}`;
}

function serialText(serial: number): string {
  return String(serial % 100_000).padStart(5);
}
