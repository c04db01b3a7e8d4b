import assert from "node:assert/strict";
import { test } from "node:test";
import { askFor, cut, parse, printed, type Run, removed, rewritten, set, written } from "./damage.test.ts";
import { assertVersion } from "./outcome.ts";
import { recorded } from "./support.test.ts";

type Expected = { kind: string; code?: string; message?: RegExp };
const CRASHED: Expected = { kind: "crashed" };
const cutMode = (text: string) =>
  text
    .split(/(?=^MODEL)/m)
    .slice(0, -1)
    .join("");

/** A good run with one thing wrong; none of them may be taken for a result. */
const SPOILED: [string, (run: Run) => Promise<void> | void, Expected][] = [
  ["ended at the time limit", set({ timed_out: true }), { kind: "timeout" }],
  ["ended on request", set({ aborted: true }), { kind: "lost_lease" }],
  ["exit code 1", set({ exit_code: 1 }), CRASHED],
  ["killed", set({ signal: "SIGKILL" }), { kind: "crashed", message: /out of memory\?/ }],
  ["aborted behind a shell", set({ exit_code: 134 }), { kind: "crashed", message: /SIGABRT/ }],
  ["nothing on stdout", set({ stdout: "" }), CRASHED],
  ["stdout cut before the table", printed(/\nmode \|[\s\S]*/, ""), CRASHED],
  ["stdout cut before the seed", printed(/Performing[\s\S]*/, ""), CRASHED],
  ["another seed", printed("seed: 42", "seed: 43"), { kind: "internal" }],
  ["a random seed", printed("seed: 42", "seed: -512505346"), { kind: "internal" }],
  ["a seed that was not asked for", askFor({ seed: 43 }), { kind: "internal" }],
  ["a large seed, one off", largeSeed, { kind: "internal" }],
  ["another exhaustiveness", printed(/ness: 1$/m, "ness: 2"), { kind: "internal" }],
  ["another scoring function", printed("function : vina", "function : vinardo"), { kind: "internal" }],
  ["another box", printed("Z 9.2", "Z 9.3"), { kind: "internal" }],
  ["another size", printed("X 18", "X 19"), { kind: "internal" }],
  ["another grid", printed("0.375", "0.5"), { kind: "internal" }],
  ["no file", removed, { kind: "crashed", message: /left no out\.pdbqt/ }],
  ["an empty file", cut(0), { kind: "crashed", message: /lists 8 modes.*has 0/ }],
  ["a file cut in its first mode", cut(500), { kind: "crashed", message: /cut off in mode 1/ }],
  ["a file cut within its last line", rewritten((text) => text.slice(0, -4)), CRASHED],
  ["a file cut between two modes", rewritten(cutMode), { kind: "crashed", message: /has 7/ }],
  ["a mode of another run behind it", rewritten((text) => `${text}MODEL 9${text.slice(7, 1333)}`), CRASHED],
  ["modes numbered otherwise", written(/^MODEL 2$/m, "MODEL 3"), CRASHED],
  ["text between two modes", written(/^MODEL 2$/m, "ATOM\nMODEL 2"), CRASHED],
  ["another program's text", rewritten(() => "hello\n"), CRASHED],
  ["no terms", written(/^REMARK (INTER|INTRA|UNBOUND).*\n/gm, ""), CRASHED],
  ["a second result in a mode", written(/^(REMARK VINA RESULT.*\n)/m, "$1$1"), CRASHED],
  [
    "terms that give another score",
    written(/RESULT: +-5\.127/, "RESULT: -5.129"),
    { kind: "crashed", message: /disagree/ },
  ],
  [
    "another count of torsions",
    (run) => Object.assign(run.input.ligand, { torsions: 2 }),
    { kind: "crashed", message: /terms give/ },
  ],
  [
    "terms that do not sum",
    written(/INTRA: +-0\.226/, "INTRA: -0.229"),
    { kind: "crashed", message: /do not sum/ },
  ],
  [
    "another unbound term in one mode",
    written(/(RESULT: +)-4\.981([\s\S]*?UNBOUND: +)\S+/, "$1-4.980$2-0.179"),
    { kind: "crashed", message: /another unbound/ },
  ],
  ["the second mode first", rewritten(swapped(0)), CRASHED],
  [
    "the third mode before the second",
    rewritten(swapped(1)),
    { kind: "crashed", message: /better than the one before/ },
  ],
  [
    "a first mode that is not itself",
    written(/(-5\.127 +)0\.000( +)0\.000/, "$10.100$20.200"),
    { kind: "crashed", message: /from itself/ },
  ],
  ["a lower bound above the upper", written(/3\.477( +)4\.273/, "4.477$14.273"), CRASHED],
  ["a negative distance", written(/3\.477/, "-3.477"), CRASHED],
  ["one atom less", written(/^ATOM +12 .*\n/m, ""), { kind: "crashed", message: /atoms of mode 1/ }],
  [
    "one atom less in the last mode",
    rewritten((text) => text.replace(/^(ATOM +12 .*\n)(?![\s\S]*\1)/m, "")),
    CRASHED,
  ],
  [
    "two atoms in another order",
    written(/^(ATOM +2 .*\n)(ATOM +3 .*\n)/m, "$2$1"),
    { kind: "crashed", message: /in its order/ },
  ],
  ["another type", written(/^(ATOM +2 .*)NA *$/m, "$1N "), { kind: "crashed", message: /in its order/ }],
  [
    "two atoms' places exchanged",
    rewritten(swapPlaces),
    { kind: "crashed", message: /not the ligand that was docked/ },
  ],
  ["a digit of a place", written(/^(ATOM +3 .{22})(.)/m, "$19"), CRASHED],
  [
    "a place that is no number",
    written(/^(ATOM +3 .{18}).{8}/m, "$1     nan"),
    { kind: "crashed", message: /no number/ },
  ],
  ["a place of stars", written(/^(ATOM +3 .{18}).{8}/m, "$1********"), CRASHED],
  ["an absurd score", rewritten(absurd), { kind: "engine_refused", message: /nonsense/ }],
  ["no INTER in any mode", rewritten(untouched), { kind: "engine_refused", code: "box_misses_receptor" }],
];

for (const [what, spoil, expected] of SPOILED) {
  test(`no result: ${what}`, async (t) => {
    const run = await recorded(t, "nicotine");
    await parse(run);
    await spoil(run);
    await assert.rejects(parse(run), { name: "AppError", code: expected.kind, ...expected });
  });
}

test("another Vina than the one that was found is no result", () => {
  assertVersion({ version: "1.2.3" }, "1.2.3");
  assert.throws(() => assertVersion({ version: "1.2.3" }, "1.2.5"), {
    kind: "internal",
    message: /1\.2\.5 ran, and 1\.2\.3 was found/,
  });
});

const FIELDS = ["VINA RESULT", "INTER \\+ INTRA", "INTER", "INTRA", "UNBOUND"];
const WRONG = ["", "nan", "-nan", "inf", "********", "1e3", "0x10", "-5.127-5.127", "1 2"];

for (const field of FIELDS) {
  test(`no result: ${field} removed, empty or no number`, async (t) => {
    const line = new RegExp(`^(REMARK ${field}: +)(\\S+)`, "m");
    for (const value of WRONG) {
      const run = await recorded(t, "nicotine");
      await written(line, `$1${value}`)(run);
      await assert.rejects(parse(run), { kind: "crashed", message: /no sound line/ }, value);
    }
    const run = await recorded(t, "nicotine");
    await written(new RegExp(`^REMARK ${field}:.*\\n`, "m"), "")(run);
    await assert.rejects(parse(run), { kind: "crashed", message: /no sound line/ });
  });
}

test("no result: distances that are no numbers", async (t) => {
  for (const value of ["nan", "****", ""]) {
    const run = await recorded(t, "nicotine");
    await written(/3\.477( +)4\.273/, `3.477$1${value}`)(run);
    await assert.rejects(parse(run), { kind: "crashed", message: /no sound line/ });
  }
});

test("recorded failures: off the receptor, an unknown type, an abort", async (t) => {
  for (const [name, expected] of [
    ["off_receptor", { kind: "engine_refused", code: "box_misses_receptor" }],
    ["bad_type", { kind: "engine_refused", code: "unsupported_element", message: /type B/ }],
    ["nan", { kind: "crashed", message: /SIGABRT/ }],
  ] as const)
    await assert.rejects(parse(await recorded(t, name)), { name: "AppError", ...expected });
});

test("a run that found nothing but lists modes is no result", async (t) => {
  const run = await recorded(t, "nicotine");
  run.outcome.stderr = "WARNING: Could not find any poses. No poses were written.\n";
  await removed(run);
  await assert.rejects(parse(run), { kind: "crashed" });
});

function largeSeed({ params, outcome }: Run): void {
  params.seed = 2_147_483_646;
  outcome.stdout = outcome.stdout.replace("seed: 42", "seed: 2147483647");
}

/** A mode and the next one in each other's place, with the numbers of these. */
function swapped(at: number) {
  return (text: string): string => {
    const modes = text.split(/(?=^MODEL)/m);
    const [first = "", second = ""] = modes.slice(at, at + 2);
    const numbered = [second, first].map((mode, index) =>
      mode.replace(/MODEL \d/, `MODEL ${at + index + 1}`),
    );
    return modes.toSpliced(at, 2, ...numbered).join("");
  };
}

function swapPlaces(text: string): string {
  return text.replace(
    /^(ATOM +2 .{18})(.{24})(.*\n)(ATOM +3 .{18})(.{24})/m,
    (_, head, place, tail, nextHead, nextPlace) => `${head}${nextPlace}${tail}${nextHead}${place}`,
  );
}

/** −63 kcal/mol below each score, with terms that agree. */
function absurd(text: string): string {
  const lowered = (by: number) => (_: string, label: string, value: string) =>
    `${label}${(Number(value) - by).toFixed(3)}`;
  return text
    .replace(/(RESULT: +)(\S+)/g, lowered(60))
    .replace(/(INTER \+ INTRA: +)(\S+)/g, lowered(60 * 1.05846))
    .replace(/(INTER: +)(\S+)/g, lowered(60 * 1.05846));
}

/** What a box off the receptor looks like: the ligand's own energies, and nothing else. */
function untouched(text: string): string {
  return text.replace(
    /(RESULT: +)\S+( .*\n.*INTRA: +)\S+(\n.*INTER: +)\S+(\n.*INTRA: +)\S+/g,
    "$10.168$2-0.000$3-0.000$40.000",
  );
}
