/**
 * Facts from xtb's printed output, the only place where it says whether it converged. Nothing is believed
 * here: what is missing or no number is null, and the callers decide.
 */
export type XtbLog = {
  version: string | null;
  /** Every Hamiltonian stated, in xtb's words (`GFN2-xTB`); `GFN-FF` from its heading. Without repeats. */
  hamiltonians: string[];
  solvent: string | null;
  optimization_level: string | null;
  electronic_temperature_k: number | null;
  /** Cycles after which the geometry converged, or after which xtb gave up. */
  converged_after: number | null;
  failed_after: number | null;
  energy_eh: number | null;
  gradient_norm_eh_per_bohr: number | null;
  /** The threshold on the gradient norm of this optimisation level. */
  gradient_limit_eh_per_bohr: number | null;
  solvation_energy_eh: number | null;
  /** Of the last printed block, in e·a0, with the decimals it has (3 for GFN2, 4 for GFN1). */
  dipole_au: [number, number, number] | null;
  cpu_seconds: number | null;
};

/** Reads what a run printed on stdout; if a value is printed per geometry, the last one counts. */
export function readXtbLog(stdout: string): XtbLog {
  const last = (pattern: RegExp) => [...stdout.matchAll(pattern)].at(-1)?.[1] ?? null;
  const number = (pattern: RegExp) => finite(last(pattern));
  return {
    version: last(/^\s*\* xtb version (\S+)/gm),
    hamiltonians: statedHamiltonians(stdout),
    solvent: last(/^ {8}Solvent {2,}(\S+)\s*$/gm),
    optimization_level: last(/: +optimization level +(\S+) +:/g),
    electronic_temperature_k: number(/: +electronic temp\. +(\S+) +K +:/g),
    converged_after: number(/GEOMETRY OPTIMIZATION CONVERGED AFTER +(\d+) ITERATIONS/g),
    failed_after: number(/FAILED TO CONVERGE GEOMETRY OPTIMIZATION IN +(\d+) ITERATIONS/g),
    energy_eh: number(/\| TOTAL ENERGY +(\S+) Eh/g),
    gradient_norm_eh_per_bohr: number(/\| GRADIENT NORM +(\S+) Eh/g),
    gradient_limit_eh_per_bohr: number(/: +grad\. convergence +(\S+) Eh/g),
    solvation_energy_eh: number(/:: -> Gsolv +(\S+) Eh/g),
    dipole_au: lastDipole(stdout),
    cpu_seconds: totalCpu(stdout),
  };
}

/** A printed number; null for what Fortran prints instead: `NaN`, `Infinity`, `*******`. */
function finite(text: string | null): number | null {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

function statedHamiltonians(stdout: string): string[] {
  const stated = [...stdout.matchAll(/: +Hamiltonian +(\S+) +:/g)].map((match) => match[1] ?? "");
  if (/\| +G F N - F F +\|/.test(stdout)) stated.push("GFN-FF");
  return [...new Set(stated)];
}

/** GFN2 prints a `molecular dipole:` block, GFN1 one `from electron density`; GFN-FF none. */
function lastDipole(stdout: string): [number, number, number] | null {
  const gfn2 = /^molecular dipole:\n[^\n]*\n q only:[^\n]*\n +full:([^\n]*)/gm;
  const gfn1 = /^ dipole moment from electron density \(au\)\n[^\n]*\n([^\n]*)total/gm;
  const line = [...stdout.matchAll(gfn2)].at(-1)?.[1] ?? [...stdout.matchAll(gfn1)].at(-1)?.[1];
  const [x, y, z] = (line ?? "").trim().split(/\s+/).map(finite);
  return x == null || y == null || z == null ? null : [x, y, z];
}

/** The `total:` section of the closing table; it is xtb's own measurement over all its threads. */
function totalCpu(stdout: string): number | null {
  const section = /^ total:\n \* wall-time:[^\n]*\n \* +cpu-time:([^\n]*)/m.exec(stdout)?.[1];
  const parts = /(\d+) d, +(\d+) h, +(\d+) min, +(\S+) sec/.exec(section ?? "");
  if (parts === null) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map(Number);
  return finite(String(((days * 24 + hours) * 60 + minutes) * 60 + seconds));
}

/**
 * Why xtb stopped, from the last `[ERROR]` block between its bars of `#`: the lines `-k- text`, cause (the
 * lowest k) first. Empty where it stopped without saying so. Warnings have bars too and are no reason.
 */
export function fatalReasons(stdout: string): string[] {
  const blocks = [...stdout.matchAll(/^#{10,}\n\[ERROR\][^\n]*\n([\s\S]*?)^#{10,}/gm)];
  return [...(blocks.at(-1)?.[1] ?? "").matchAll(/^-(\d+)- (.*)$/gm)]
    .sort((a, b) => Number(a[1]) - Number(b[1]))
    .map((match) => (match[2] ?? "").trim());
}
