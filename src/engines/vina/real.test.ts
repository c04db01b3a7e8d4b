import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { Position } from "../../structures/geometry.ts";
import { pdbqtAtoms } from "../../structures/pdbqt.ts";
import { boxTexts } from "./plan.ts";
import type { VinaInput, VinaParams, VinaResult } from "./schema.ts";
import { input, installed, RECEPTOR, recorded, runVina, SITE } from "./support.test.ts";

const { install, skip } = await installed();

async function run(t: TestContext, given: VinaInput, partial: Partial<VinaParams> = {}, limits = {}) {
  assert.ok(install !== null);
  return runVina(t, install, partial, given, limits);
}

/** Runs that several tests look at are made once. */
const made = new Map<string, Promise<VinaResult>>();
function usual(t: TestContext, name: string): Promise<VinaResult> {
  const result = made.get(name) ?? run(t, input(name));
  made.set(name, result);
  return result;
}

const near = (actual: number | null | undefined, expected: number, tolerance: number) =>
  assert.ok(
    actual != null && Math.abs(actual - expected) <= tolerance,
    `${actual} is not ${expected} ± ${tolerance}`,
  );

test("the same seed gives the same bytes, another seed others", { skip }, async (t) => {
  const [one, again, other] = [
    await usual(t, "caffeine"),
    await run(t, input("caffeine")),
    await run(t, input("caffeine"), { seed: 7 }),
  ];
  assert.equal(one.files["out.pdbqt"], again.files["out.pdbqt"]);
  assert.notEqual(one.files["out.pdbqt"], other.files["out.pdbqt"]);
  assert.equal(one.files["poses.sdf"], again.files["poses.sdf"]);
  assert.ok(one.wall_seconds > 0 && (one.cpu_seconds ?? 1) > 0);
});

/** `--score_only` takes the pose's own INTRA as the unbound term: the score as the paper defines it. */
test("pose 1 scored again is the corrected affinity", { skip }, async (t) => {
  for (const name of ["ibuprofen", "methane"]) {
    const given = input(name);
    const { poses, files } = await usual(t, name);
    near(
      await scoreOnly(t, given, firstModel(files["out.pdbqt"])),
      poses[0]?.affinity_kcal_mol ?? Number.NaN,
      0.01,
    );
  }
});

function firstModel(output: string): string {
  return `${output.split("ENDMDL")[0]?.replace(/^(MODEL|REMARK).*\n/gm, "")}`;
}

async function scoreOnly(t: TestContext, { receptor_pdbqt, box }: VinaInput, pose: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-score-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "r.pdbqt"), receptor_pdbqt);
  await writeFile(join(folder, "l.pdbqt"), pose);
  const { center, size } = boxTexts(box);
  const place = ["x", "y", "z"].flatMap((axis, index) => [
    ...[`--center_${axis}`, center[index] ?? "", `--size_${axis}`, size[index] ?? ""],
  ]);
  const words = ["--score_only", "--receptor", "r.pdbqt", "--ligand", "l.pdbqt", ...place];
  const { stdout } = await promisify(execFile)(install?.path ?? "", words, { cwd: folder });
  return Number(/Estimated Free Energy of Binding +: +(\S+)/.exec(stdout)?.[1]);
}

test("no torsions, and one atom", { skip }, async (t) => {
  const caffeine = await usual(t, "caffeine");
  assert.equal(caffeine.torsions, 0);
  near(caffeine.poses[0]?.affinity_kcal_mol, -5.28, 0.1);
  const methane = await usual(t, "methane");
  assert.deepEqual([methane.outcome, methane.heavy_atoms], ["poses", 1]);
  near(methane.poses[0]?.affinity_kcal_mol, -0.85, 0.05);
});

test("moved by 40 Å below zero, receptor and box give the same scores", { skip }, async (t) => {
  const by = -40;
  const receptor_pdbqt = RECEPTOR.replace(
    /^((?:ATOM {2}|HETATM).{24})(.{8})(.{8})(.{8})/gm,
    (_, head, ...xyz) =>
      head +
      xyz
        .slice(0, 3)
        .map((value) => (Number(value) + by).toFixed(3).padStart(8))
        .join(""),
  );
  const [x, y, z] = SITE.center_angstrom;
  const center_angstrom: Position = [x + by, y + by, z + by];
  const there = await run(t, { ...input("caffeine"), receptor_pdbqt, box: { ...SITE, center_angstrom } });
  const here = await usual(t, "caffeine");
  near(there.poses[0]?.affinity_kcal_mol, here.poses[0]?.affinity_kcal_mol ?? Number.NaN, 0.05);
  assert.ok(there.geometries[0]?.positions_angstrom.every(([px]) => px < x + by + 12));
});

test("the poses lie in the box, at the receptor's side", { skip }, async (t) => {
  const { geometries } = await usual(t, "caffeine");
  const receptor = pdbqtAtoms(RECEPTOR).map(({ position_angstrom }) => position_angstrom);
  for (const { positions_angstrom } of geometries) {
    const distances = positions_angstrom.flatMap((a) =>
      receptor.map((b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])),
    );
    assert.ok(Math.min(...distances) > 1 && Math.min(...distances) < 4);
  }
});

test("what goes wrong is told as recorded", { skip }, async (t) => {
  const off = { ...SITE, center_angstrom: [120, 0, -40] as const };
  await assert.rejects(run(t, input("methane", { box: off })), { code: "box_misses_receptor" });
  for (const [name, expected] of [
    ["bad_type", { kind: "engine_refused", code: "unsupported_element" }],
    ["nan", { kind: "crashed" }],
  ] as const) {
    const { params, input: given } = await recorded(t, name);
    await assert.rejects(run(t, given, params), { name: "AppError", ...expected });
  }
  const { params, input: given } = await recorded(t, "no_room");
  assert.equal((await run(t, given, params)).outcome, "no_favourable_pose");
});

test("a file that Vina can't read is refused with its words", { skip }, async (t) => {
  const given = input("caffeine");
  const ligand = (from: RegExp, to: string) => ({
    ...given,
    ligand: { ...given.ligand, pdbqt: given.ligand.pdbqt.replace(from, to) },
  });
  for (const [spoiled, message] of [
    [ligand(/^TORSDOF.*\n/m, ""), /TORSDOF/],
    [ligand(/^ROOT\n/m, ""), /inappropriate tag/],
    [ligand(/^/, "MODEL 1\n"), /multi-MODEL/],
    [ligand(/^ATOM.*\n/gm, ""), /No atoms/],
    [{ ...given, receptor_pdbqt: `ROOT\n${RECEPTOR}` }, /rigid receptor/],
  ] as const)
    await assert.rejects(run(t, spoiled), { kind: "engine_refused", code: "engine_refused", message });
  const flat = { ...SITE, size_angstrom: [18, 0, 18] as const };
  await assert.rejects(run(t, { ...given, box: flat }), { kind: "bad_input" });
});

test("too little memory is a crash, too little time a timeout", { skip }, async (t) => {
  const starved = run(t, input("caffeine"), {}, { memory_limit_bytes: 1100 * 1024 ** 2 });
  await assert.rejects(starved, { kind: "crashed", message: /memory/ });
  const hurried = run(t, input("amprenavir"), { exhaustiveness: 8 }, { time_limit_seconds: 0.3 });
  await assert.rejects(hurried, { kind: "timeout" });
});
