import assert from "node:assert/strict";
import { test } from "node:test";
import { askFor, cut, edit, inFile, inJson, leave, parse, type Run, remove, set } from "./damage.test.ts";
import { recorded } from "./support.test.ts";

/** A good run with one thing wrong; none of them may be taken for a result. */
const SPOILED: [string, (run: Run) => Promise<void> | void, { kind: string; code?: string }][] = [
  ["ended at the time limit", set({ timed_out: true }), { kind: "timeout" }],
  ["ended on request", set({ aborted: true }), { kind: "lost_lease" }],
  ["exit code 1", set({ exit_code: 1 }), { kind: "crashed" }],
  ["killed", set({ signal: "SIGKILL" }), { kind: "crashed" }],
  ["no normal termination", set({ stderr: "" }), { kind: "crashed" }],
  ["nothing on stdout", set({ stdout: "" }), { kind: "crashed" }],
  ["no word of convergence", edit("CONVERGED AFTER", "ended AFTER"), { kind: "crashed" }],
  ["another Hamiltonian", edit(/GFN2-xTB {10}:/, "GFN1-xTB          :"), { kind: "internal" }],
  ["no Hamiltonian", edit(/Hamiltonian {2}/g, "Something   "), { kind: "internal" }],
  ["another level", edit(/normal {10}:/, "crude           :"), { kind: "internal" }],
  ["another temperature", edit(/300\.0000000/g, "500.0000000"), { kind: "internal" }],
  ["no solvent where one was asked for", askFor({ solvent: "water" }), { kind: "internal" }],
  ["energy printed as stars", edit(/TOTAL ENERGY +\S+/, "TOTAL ENERGY ********"), { kind: "crashed" }],
  ["an absurd energy", edit(/TOTAL ENERGY +\S+/, "TOTAL ENERGY 3597.1"), { kind: "engine_refused" }],
  ["a file of failure", leave("NOT_CONVERGED"), { kind: "engine_refused", code: "geometry_not_converged" }],
  ["the SCF's file", leave(".sccnotconverged"), { kind: "engine_refused", code: "scf_not_converged" }],
  [
    "the last geometry's file",
    leave("xtblast.xyz"),
    { kind: "engine_refused", code: "geometry_not_converged" },
  ],
  ["JSON cut short", cut("xtbout.json", 400), { kind: "crashed" }],
  ["JSON empty", cut("xtbout.json", 0), { kind: "crashed" }],
  ["JSON of another shape", leave("xtbout.json", "[1, 2]"), { kind: "crashed" }],
  ["NaN in the JSON", inJson(/-0\.56472\d+/, "NaN"), { kind: "engine_refused" }],
  ["charges that miss the charge", inJson(/-0\.56472\d+/, "-0.66"), { kind: "engine_refused" }],
  ["one charge too few", inJson(/-0\.56472\d+,/, ""), { kind: "engine_refused" }],
  [
    "unpaired electrons nobody asked for",
    inJson(/unpaired electrons": 0/, 'unpaired electrons": 2'),
    { kind: "engine_refused" },
  ],
  ["an odd count of electrons", inJson(/of electrons": 8/, 'of electrons": 7'), { kind: "engine_refused" }],
  ["another method's JSON", inJson(/GFN2-xTB/, "GFN1-xTB"), { kind: "engine_refused" }],
  ["gradient cut short", cut("mol.engrad", 300), { kind: "crashed" }],
  ["gradient of other atoms", inFile("mol.engrad", /^ {3}8 /m, "   7 "), { kind: "crashed" }],
  ["geometry cut short", cut("xtbopt.xyz", 200), { kind: "crashed" }],
  ["atoms in another order", inFile("xtbopt.xyz", /^O ([^\n]*)\nH /m, "H $1\nO "), { kind: "crashed" }],
  ["no JSON", remove("xtbout.json"), { kind: "crashed" }],
  ["no gradient", remove("mol.engrad"), { kind: "crashed" }],
  ["no geometry", remove("xtbopt.xyz"), { kind: "crashed" }],
];

for (const [what, spoil, expected] of SPOILED) {
  test(`no result: ${what}`, async (t) => {
    const run = await recorded(t, "water_opt");
    await parse(run);
    const { stdout } = run.outcome;
    await spoil(run);
    if (/stars|word|Hamil|level|temper|absurd/.test(what)) assert.notEqual(run.outcome.stdout, stdout);
    await assert.rejects(parse(run), { name: "AppError", code: expected.kind, ...expected });
  });
}
