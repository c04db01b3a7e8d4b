import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Value } from "typebox/value";
import { parseMolblock, splitSdf } from "../../structures/sdf.ts";
import { confidence } from "../confidence.ts";
import { vinaChecks } from "./checks.ts";
import { readOutput } from "./output.ts";
import { parseVina } from "./parse.ts";
import { favourablePoses } from "./poses.ts";
import { type ReferencePose, VinaPose, type VinaResult } from "./schema.ts";
import { recorded } from "./support.test.ts";

type Run = Awaited<ReturnType<typeof recorded>>;
const parse = ({ params, input, outcome }: Run) => parseVina(params, input, outcome);

const near = (actual: number | null | undefined, expected: number, tolerance: number) =>
  assert.ok(
    actual != null && Math.abs(actual - expected) <= tolerance,
    `${actual} is not ${expected} ± ${tolerance}`,
  );
const failed = (result: VinaResult) => result.checks.filter(({ passed }) => !passed).map(({ name }) => name);

test("a good run: every pose with its terms, as its schema says", async (t) => {
  const result = await parse(await recorded(t, "nicotine"));
  assert.deepEqual(
    [result.outcome, result.poses.length, result.unfavourable_poses, result.heavy_atoms, result.torsions],
    ["poses", 8, 0, 12, 1],
  );
  assert.deepEqual(
    [result.program, result.program_version, result.wall_seconds, result.cpu_seconds],
    [...["vina", "1.2.3", 1.5, 1.25]],
  );
  for (const pose of result.poses) assert.ok(Value.Check(VinaPose, pose));
  const [first, second] = result.poses;
  assert.deepEqual(first, {
    pose_rank: 1,
    // (−5.604 + 0.226) / 1.05846
    affinity_kcal_mol: -5.378 / 1.05846,
    affinity_reported_kcal_mol: -5.127,
    inter_kcal_mol: -5.378,
    intra_kcal_mol: -0.226,
    unbound_kcal_mol: -0.178,
    rmsd_lb_angstrom: 0,
    rmsd_ub_angstrom: 0,
    rmsd_reference_angstrom: null,
    rmsd_symmetry_mate_angstrom: null,
  });
  assert.deepEqual([second?.rmsd_lb_angstrom, second?.rmsd_ub_angstrom], [3.477, 4.273]);
  assert.deepEqual(
    result.poses.map(({ pose_rank }) => pose_rank),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.deepEqual([failed(result), confidence(result.checks)], [[], 1]);
});

test("the score is free of the unbound term's noise: that of 4 torsions, and of pose 1 it is INTER alone", async (t) => {
  const { poses, torsions } = await parse(await recorded(t, "ibuprofen"));
  assert.equal(torsions, 4);
  for (const pose of poses) {
    const raw = pose.inter_kcal_mol + pose.intra_kcal_mol;
    near(pose.affinity_reported_kcal_mol, (raw - pose.unbound_kcal_mol) / 1.23384, 0.0016);
    near(pose.affinity_kcal_mol, (raw - (poses[0]?.intra_kcal_mol ?? Number.NaN)) / 1.23384, 0.0013);
  }
  near(poses[0]?.affinity_kcal_mol, -7.537 / 1.23384, 0.001);
  assert.notEqual(poses[0]?.intra_kcal_mol, poses[0]?.unbound_kcal_mol);
});

test("no torsions and one atom", async (t) => {
  const caffeine = await parse(await recorded(t, "caffeine"));
  assert.deepEqual([caffeine.torsions, caffeine.poses[0]?.affinity_kcal_mol], [0, -5.284]);
  const methane = await parse(await recorded(t, "methane"));
  assert.deepEqual([methane.heavy_atoms, methane.poses.length], [1, 5]);
  assert.deepEqual(methane.geometries[0]?.elements, ["C", "H", "H", "H", "H"]);
});

test("the poses hold every atom where the ligand's bonds want it", async (t) => {
  const run = await recorded(t, "ibuprofen");
  const { geometries } = await parse(run);
  const { ligand } = run.input.ligand;
  const length = (positions: typeof ligand.geometry.positions_angstrom, from: number, to: number) => {
    const [a = [0, 0, 0], b = [0, 0, 0]] = [positions[from], positions[to]];
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  };
  for (const geometry of geometries) {
    assert.deepEqual(geometry.elements, ligand.geometry.elements);
    for (const { from, to } of ligand.bonds)
      near(
        length(geometry.positions_angstrom, from, to),
        length(ligand.geometry.positions_angstrom, from, to),
        0.01,
      );
  }
});

test("the SD file reads back: atoms, bonds and the row of each pose", async (t) => {
  const run = await recorded(t, "nicotine");
  const result = await parse(run);
  const records = splitSdf(result.files["poses.sdf"] ?? "").map(({ text }) => parseMolblock(text));
  assert.equal(records.length, 8);
  for (const [index, record] of records.entries()) {
    assert.deepEqual(record.geometry.elements, run.input.ligand.ligand.geometry.elements);
    assert.deepEqual(record.bonds, run.input.ligand.ligand.bonds);
    for (const [atom, position] of record.geometry.positions_angstrom.entries())
      for (const axis of [0, 1, 2] as const)
        near(
          position[axis],
          result.geometries[index]?.positions_angstrom[atom]?.[axis] ?? Number.NaN,
          5.1e-5,
        );
  }
  assert.deepEqual(
    { ...records[1]?.properties },
    {
      pose_rank: "2",
      affinity_kcal_mol: "-4.935",
      affinity_reported_kcal_mol: "-4.981",
      inter_kcal_mol: "-5.228",
      intra_kcal_mol: "-0.222",
      unbound_kcal_mol: "-0.178",
      rmsd_lb_angstrom: "3.477",
      rmsd_ub_angstrom: "4.273",
      affinity_is: "Vina score",
      program: "AutoDock Vina 1.2.3",
    },
  );
});

test("the kept log is what Vina said, without its progress bar; the output is its bytes", async (t) => {
  const run = await recorded(t, "nicotine");
  const { files } = await parse(run);
  assert.doesNotMatch(files.log, /\*{10}|0% +10/);
  assert.match(files.log, /please cite[\s\S]*random seed: 42[\s\S]* 8 +-3\.617/);
  assert.equal(files["out.pdbqt"], await readFile(join(run.outcome.folder, "out.pdbqt"), "utf8"));
  run.outcome.stderr = "WARNING: something\n";
  assert.match((await parse(run)).files.log, /--- stderr ---\nWARNING: something\n$/);
});

test("distances to a reference: in place, without its hydrogens, null where it is another molecule", async (t) => {
  const run = await recorded(t, "nicotine");
  const { geometries } = await parse(run);
  const { bonds } = run.input.ligand.ligand;
  const [first] = geometries;
  assert.ok(first);
  const shifted = first.positions_angstrom.map(([x, y, z]) => [x, y - 3, z + 4] as const);
  const measure = async (reference: ReferencePose) => {
    const [pose] = (await parse({ ...run, input: { ...run.input, reference } })).poses;
    return [pose?.rmsd_reference_angstrom, pose?.rmsd_symmetry_mate_angstrom];
  };
  const [own, image] = await measure({ geometry: first, bonds, mate: shifted });
  near(own, 0, 1e-9);
  near(image, 5, 1e-9);
  assert.deepEqual(await measure({ geometry: first, bonds, mate: null }), [0, null]);
  // Hydrogens far away, as in a crystal they are not there at all.
  const heavy = first.elements.filter((element) => element !== "H").length;
  const bare = {
    elements: first.elements.slice(0, heavy),
    positions_angstrom: first.positions_angstrom.slice(0, heavy),
  };
  const heavyBonds = bonds.filter(({ from, to }) => from < heavy && to < heavy);
  assert.deepEqual(await measure({ geometry: bare, bonds: heavyBonds, mate: null }), [0, null]);
  const other = (await recorded(t, "caffeine")).input.ligand.ligand;
  const { geometry } = other;
  assert.deepEqual(await measure({ geometry, bonds: other.bonds, mate: geometry.positions_angstrom }), [
    null,
    null,
  ]);
});

test("a distance whose search gave up is not stated, and that is pointed out", async (t) => {
  const run = await recorded(t, "nicotine");
  const [geometry] = (await parse(run)).geometries;
  assert.ok(geometry);
  const { bonds } = run.input.ligand.ligand;
  const input = { ...run.input, reference: { geometry, bonds, mate: geometry.positions_angstrom } };
  const models = readOutput(
    await readFile(join(run.outcome.folder, "out.pdbqt"), "utf8"),
    input.ligand.pdbqt,
  );
  const gaveUp = () => ({ rmsd_angstrom: 3, automorphisms: 1, capped: true });
  for (const [rmsd, capped] of [
    [gaveUp, true],
    [undefined, false],
  ] as const) {
    const kept = favourablePoses(input, models, rmsd);
    const { pose } = kept[0] ?? assert.fail("no pose");
    const expected = capped ? null : 0;
    assert.deepEqual([pose.rmsd_reference_angstrom, pose.rmsd_symmetry_mate_angstrom], [expected, expected]);
    const checks = vinaChecks({ input, models, kept, largest_difference_kcal_mol: 0 });
    assert.equal(checks.find(({ name }) => name === "rmsd_exact")?.passed, !capped);
  }
  assert.ok(!(await parse(run)).checks.some(({ name }) => name === "rmsd_exact"), "only with a reference");
});

test("a table that lists more than the file is right where the rest is outside the energy range", async (t) => {
  assert.equal((await parse(await recorded(t, "narrow_range"))).poses.length, 4);
});

test("a macrocycle is docked in one shape, which costs some confidence", async (t) => {
  const result = await parse(await recorded(t, "macrocycle"));
  assert.deepEqual(failed(result), ["no_rigid_macrocycle"]);
  assert.ok(confidence(result.checks) > 0.9 && confidence(result.checks) < 1);
});

test("a box that Vina itself warns of costs some, too", async (t) => {
  const run = await recorded(t, "nicotine");
  run.input.box = { ...run.input.box, size_angstrom: [31, 31, 31] };
  run.outcome.stdout = run.outcome.stdout.replace("X 18 Y 18 Z 18", "X 31 Y 31 Z 31");
  assert.deepEqual(failed(await parse(run)), ["search_space"]);
});

test("a best pose outside of its box is pointed out", async (t) => {
  const run = await recorded(t, "nicotine");
  run.input.box = { ...run.input.box, size_angstrom: [6, 6, 6] };
  run.outcome.stdout = run.outcome.stdout.replace("X 18 Y 18 Z 18", "X 6 Y 6 Z 6");
  assert.deepEqual(failed(await parse(run)), ["best_pose_in_box"]);
});

test("an unbound term far off is seen, and the corrected score does not move", async (t) => {
  const run = await recorded(t, "nicotine");
  const before = (await parse(run)).poses.map(({ affinity_kcal_mol }) => affinity_kcal_mol);
  await setUnbound(run, 1.822);
  const after = await parse(run);
  assert.deepEqual(failed(after), ["unbound_term"]);
  assert.deepEqual(
    after.poses.map(({ affinity_kcal_mol }) => affinity_kcal_mol),
    before,
  );
});

test("clashes only: a result without poses", async (t) => {
  const result = await parse(await recorded(t, "no_room"));
  assert.deepEqual(
    [result.outcome, result.poses, result.geometries, result.unfavourable_poses, result.files["poses.sdf"]],
    ["no_favourable_pose", [], [], 1, null],
  );
  assert.match(result.files["out.pdbqt"], /32\.114/);
  assert.equal(confidence(result.checks), 1);
});

test("poses of 0 or worse after good ones are left out and counted, even where they are printed below 0", async (t) => {
  const run = await recorded(t, "nicotine");
  const path = join(run.outcome.folder, "out.pdbqt");
  const models = (await readFile(path, "utf8")).split(/(?=^MODEL)/m);
  // Mode 8: INTER + INTRA = INTRA of pose 1, so 0; printed with the unbound term as −0.045.
  models[7] = (models[7] ?? "")
    .replace(/RESULT: +\S+/, "RESULT:    -0.045")
    .replace(/(INTER \+ INTRA: +)\S+/, "$1-0.226")
    .replace(/(INTER: +)\S+/, "$1-0.237");
  await writeFile(path, models.join(""));
  run.params.energy_range_kcal_mol = 100;
  const result = await parse(run);
  assert.deepEqual([result.outcome, result.poses.length, result.unfavourable_poses], ["poses", 7, 1]);
  assert.equal(splitSdf(result.files["poses.sdf"] ?? "").length, 7);
});

test("no mode at all, with Vina's words for it, is a result without poses", async (t) => {
  const run = await recorded(t, "nicotine");
  run.outcome.stdout = run.outcome.stdout.replace(/\nmode \|[\s\S]*$/, "\n");
  run.outcome.stderr = "WARNING: Could not find any poses. No poses were written.\n";
  for (const left of ["", null]) {
    const path = join(run.outcome.folder, "out.pdbqt");
    await (left === null ? rm(path) : writeFile(path, left));
    const result = await parse(run);
    assert.deepEqual(
      [result.outcome, result.poses, result.files["out.pdbqt"]],
      ["no_favourable_pose", [], ""],
    );
  }
});

/** Another unbound term for the run, and the scores that Vina would have printed with it. */
async function setUnbound(run: Run, unbound: number): Promise<void> {
  const path = join(run.outcome.folder, "out.pdbqt");
  const text = await readFile(path, "utf8");
  const changed = text.replace(
    /(RESULT: +)\S+(.*\n.*INTRA: +)(\S+)([\s\S]*?UNBOUND: +)\S+/g,
    (_, result, middle, total, rest) => {
      const score = ((Number(total) - unbound) / 1.05846).toFixed(3);
      return `${result}${score}${middle}${total}${rest}${unbound}`;
    },
  );
  await writeFile(path, changed);
}
