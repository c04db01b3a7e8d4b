import assert from "node:assert/strict";
import { test } from "node:test";
import { centreOfMass, dipoleDebye } from "./dipole.ts";
import { gradientNorm, readEngrad } from "./gradient.ts";
import { plainVersion, readXtbJson, type XtbJson } from "./json.ts";
import { fatalReasons, readXtbLog } from "./log.ts";
import { frontier } from "./orbitals.ts";
import { atoms } from "./support.test.ts";

const BAR = "#".repeat(72);

test("reasons: the last error block, lowest number first; warnings are none", () => {
  const block = (kind: string, lines: string[]) =>
    [BAR, `[${kind}] Program stopped`, ...lines, BAR].join("\n");
  const stdout = [
    block("WARNING", ["-1- only a warning"]),
    block("ERROR", ["-12- outer", "-2- middle", "-1- the cause"]),
    "",
  ].join("\n");
  assert.deepEqual(fatalReasons(stdout), ["the cause", "middle", "outer"]);
  assert.deepEqual(fatalReasons(block("WARNING", ["-1- only a warning"])), []);
  assert.deepEqual(fatalReasons(""), []);
});

test("an empty log knows nothing", () => {
  const log = readXtbLog("");
  assert.deepEqual(log.hamiltonians, []);
  const { hamiltonians, ...rest } = log;
  assert.ok(Object.values(rest).every((value) => value === null));
});

test("CPU over a day; several Hamiltonians; a number that overflowed", () => {
  const times =
    " total:\n * wall-time:     1 d,  2 h,  3 min,  4.500 sec\n *  cpu-time:     1 d,  1 h,  1 min,  1.250 sec\n";
  const log = readXtbLog(
    `:  Hamiltonian  GFN2-xTB  :\n:  Hamiltonian  GFN1-xTB  :\n| TOTAL ENERGY ****** Eh |\n${times}`,
  );
  assert.equal(log.cpu_seconds, 86400 + 3600 + 60 + 1.25);
  assert.deepEqual(log.hamiltonians, ["GFN2-xTB", "GFN1-xTB"]);
  assert.equal(log.energy_eh, null);
});

test("engrad: shapes, order and norm", () => {
  const text =
    "#\n# Number of atoms\n#\n 2\n#\n#\n -1.5\n#\n 3\n 0\n 4\n 0\n 0\n -0.0\n#\n 8 0 0 0\n 1 0 0 1\n";
  const engrad = readEngrad(text);
  assert.deepEqual(engrad.atomic_numbers, [8, 1]);
  assert.deepEqual(engrad.gradient_eh_per_bohr[0], [3, 0, 4]);
  assert.equal(gradientNorm(engrad.gradient_eh_per_bohr), 5);
  for (const bad of ["", "2\n", text.slice(0, -12), text.replace("-1.5", "NaN"), text.replace(" 4", " ***")])
    assert.throws(() => readEngrad(bad), { kind: "crashed" });
});

test("a version without its bracket", () => {
  assert.equal(plainVersion("6.5.1 (unknown)"), "6.5.1");
  assert.equal(plainVersion(" 6.7.1"), "6.7.1");
});

function json(electrons: number, unpaired: number, energies: number[], gap: number): XtbJson {
  return readXtbJson(
    JSON.stringify({
      "total energy": -1,
      "HOMO-LUMO gap/eV": gap,
      dipole: [0, 0, 0],
      "partial charges": [0],
      "number of electrons": electrons,
      "number of unpaired electrons": unpaired,
      "orbital energies/eV": energies,
      "fractional occupation": energies.map(() => 0),
      method: "GFN2-xTB",
      "xtb version": "6.5.1 (unknown)",
    }),
  );
}

/** Energies as xtb 6.5.1 gives them: O2 triplet (marked 7 and 8), H, H+, N quartet. */
test("HOMO and LUMO of open shells, of no electrons and of a full basis", () => {
  const oxygen = [-22.5, -20.1, -18.1, -18.05, -17.3, -11.958, -11.958, 4.026];
  assert.deepEqual(frontier(json(12, 2, oxygen, 15.984)), {
    homo_ev: -11.958,
    lumo_ev: 4.026,
    gap_ev: 15.984,
  });
  assert.deepEqual(frontier(json(1, 1, [-10.7], 10.7)), { homo_ev: -10.7, lumo_ev: null, gap_ev: null });
  assert.deepEqual(frontier(json(0, 0, [-23.9], -23.9)), { homo_ev: null, lumo_ev: -23.9, gap_ev: null });
  const nitrogen = frontier(json(5, 3, [-16.6, -12.7, -12.7, -12.7], 12.7));
  assert.deepEqual(nitrogen, { homo_ev: -12.7, lumo_ev: null, gap_ev: null });
});

test("the centre of mass and the shift of an ion's dipole", () => {
  const hydroxide = atoms("O 0 0 0; H 0 0 1");
  assert.ok(Math.abs(centreOfMass(hydroxide)[2] - 1.008 / (15.999 + 1.008)) < 1e-12);
  const far = atoms("O 5 0 0; H 5 0 1");
  const here = dipoleDebye([0, 0, 0.5], -1, hydroxide);
  const there = dipoleDebye([-5 / 0.529177210903, 0, 0.5], -1, far);
  for (const k of [0, 1, 2] as const) assert.ok(Math.abs(here[k] - there[k]) < 1e-9);
  assert.deepEqual(dipoleDebye([0, 0, 1], 0, far), [0, 0, 2.541746473]);
});
