import { statedVersion } from "./probe.ts";

/**
 * Facts from Vina's printed output, as of what it did. Nothing is believed here: what is missing or no number
 * is null, and the callers decide.
 */
export type VinaLog = {
  version: string | null;
  scoring: string | null;
  /** As printed, 6 digits each; lists as they stand, shape (1) or (3). */
  seed: number[] | null;
  exhaustiveness: number[] | null;
  box_center_angstrom: number[] | null;
  box_size_angstrom: number[] | null;
  grid_spacing_angstrom: number[] | null;
  /** Affinity in kcal/mol, 4 digits, of every mode found: best first, those outside the energy range too. */
  modes: number[];
};

/** Reads what a run printed on stdout. */
export function readVinaLog(stdout: string): VinaLog {
  const numbers = (pattern: RegExp): number[] | null => {
    const values = pattern.exec(stdout)?.slice(1).map(finite);
    return values === undefined || values.some(Number.isNaN) ? null : values;
  };
  return {
    version: statedVersion(stdout),
    scoring: /^Scoring function : (\S+)$/m.exec(stdout)?.[1] ?? null,
    seed: numbers(/\(random seed: (-?\d+)\)/),
    exhaustiveness: numbers(/^Exhaustiveness: (\d+)$/m),
    box_center_angstrom: numbers(/^Grid center: X (\S+) Y (\S+) Z (\S+)$/m),
    box_size_angstrom: numbers(/^Grid size {2}: X (\S+) Y (\S+) Z (\S+)$/m),
    grid_spacing_angstrom: numbers(/^Grid space : (\S+)$/m),
    modes: listedModes(stdout),
  };
}

function finite(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : Number.NaN;
}

/** The rows below the table's rule; what was never scored stands there as 1.8e+308. */
function listedModes(stdout: string): number[] {
  const table = stdout.split(/^-----\+-+\+-+\+-+$/m)[1] ?? "";
  return [...table.matchAll(/^ +\d+ +(\S+) +\S+ +\S+$/gm)].map((row) => finite(row[1] ?? ""));
}

/** What is kept of a run's output: all of it but the progress bar. */
export function keptLog({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const told = stdout
    .split("\n")
    .filter((line) => !/^(0% {3}10 .*100%|\|(----\|)+|\*+)$/.test(line))
    .join("\n");
  return stderr === "" ? told : `${told}\n--- stderr ---\n${stderr}`;
}
