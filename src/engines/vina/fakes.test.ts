import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineInstall } from "../engine.ts";
import { probeVina } from "./probe.ts";
import { FIXTURES, INSTALL, input, recorded, runVina } from "./support.test.ts";

/** Programs that pretend to be Vina: shell scripts with the behaviour under test. */
async function fake(t: TestContext, script: string): Promise<EngineInstall> {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-fake-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "vina");
  await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
  await chmod(path, 0o755);
  return { ...INSTALL, path };
}

const replay = (name: string) => `cp ${FIXTURES}/${name}/out.pdbqt .; cat ${FIXTURES}/${name}/stdout`;
const says = (words: string) => `cat ${FIXTURES}/bad_type/stdout; printf '\\n\\n${words}\\n' >&2; exit 1`;

/** As the recorded run was asked. */
async function run(t: TestContext, script: string, limits: { time_limit_seconds?: number } = {}) {
  const { params, input: given } = await recorded(t, "nicotine");
  return runVina(t, await fake(t, script), params, given, limits);
}

test("a recorded run replayed through the executor is a result", async (t) => {
  const result = await run(t, replay("nicotine"));
  assert.deepEqual([result.poses[0]?.affinity_reported_kcal_mol, result.poses.length], [-5.127, 8]);
});

test("the program gets its two files, in a folder that it may write to", async (t) => {
  const script = `for f in receptor ligand; do test -s $f.pdbqt || exit 7; done; ${replay("nicotine")}; echo "$*"`;
  assert.match((await run(t, script)).files.log, /--receptor receptor\.pdbqt .*--cpu 1 --out out\.pdbqt/);
});

type Expected = { kind: string; code?: string; message?: RegExp };

const LIARS: [string, string, Expected][] = [
  ["exits 0 and does nothing", "exit 0", { kind: "crashed", message: /without a word/ }],
  ["tells its version only", "echo AutoDock Vina v1.2.3", { kind: "internal" }],
  [
    "exits 0 without its file",
    `${replay("nicotine")}; rm out.pdbqt`,
    { kind: "crashed", message: /left no/ },
  ],
  [
    "fills the disk",
    `${replay("nicotine")}; head -c 4000 out.pdbqt > x; mv x out.pdbqt`,
    { kind: "crashed" },
  ],
  ["docked another ligand", replay("caffeine"), { kind: "crashed", message: /atoms of mode 1/ }],
  ["searched another box", replay("off_receptor"), { kind: "internal" }],
  ["exits 1 after a good run", `${replay("nicotine")}; exit 1`, { kind: "crashed", message: /exit code 1/ }],
  [
    "is killed after a good run",
    `${replay("nicotine")}; kill -KILL $$`,
    { kind: "crashed", message: /killed/ },
  ],
  ["dies of SIGSEGV", "kill -SEGV $$", { kind: "crashed", message: /SIGSEGV/ }],
  ["aborts", "kill -ABRT $$", { kind: "crashed", message: /SIGABRT/ }],
];

for (const [what, script, expected] of LIARS) {
  test(`a vina that ${what} gives no result`, async (t) => {
    await assert.rejects(run(t, script), { name: "AppError", code: expected.kind, ...expected });
  });
}

/** Vina's reasons, exit code 1 (recipes §3.4). */
const REASONS: [string, Expected][] = [
  [
    "PDBQT parsing error: Atom type B is not a valid AutoDock type (atom types are case-sensitive).",
    { kind: "engine_refused", code: "unsupported_element" },
  ],
  ["PDBQT parsing error: No atoms in this ligand.", { kind: "engine_refused", message: /No atoms/ }],
  [
    "PDBQT parsing error: Unknown or inappropriate tag found in flex residue or ligand.",
    { kind: "engine_refused" },
  ],
  [
    "PDBQT parsing error: Unknown or inappropriate tag found in rigid receptor.",
    { kind: "engine_refused", message: /rigid receptor/ },
  ],
  ["PDBQT parsing error: Missing TORSDOF keyword.", { kind: "engine_refused", message: /TORSDOF/ }],
  [
    'PDBQT parsing error: Unexpected multi-MODEL tag found in flex residue or ligand PDBQT file. Use "vina_split"',
    { kind: "engine_refused" },
  ],
  ['Error: could not open "receptor.pdbqt" for reading.', { kind: "internal", message: /receptor\.pdbqt/ }],
  ["ERROR: Grid box dimensions must be greater than 0 Angstrom.", { kind: "bad_input" }],
  ["Command line parse error: unrecognised option", { kind: "internal" }],
  ["Error: insufficient memory!", { kind: "crashed", message: /memory/ }],
  [
    "An error occurred: boost::thread_resource_error: Resource temporarily unavailable.",
    { kind: "crashed", message: /memory/ },
  ],
  ["An internal error occurred in ../tree.h(101).", { kind: "crashed", message: /tree\.h/ }],
  ["", { kind: "crashed", message: /no reason/ }],
];

for (const [words, expected] of REASONS) {
  test(`a vina that gives the reason "${words.slice(0, 60)}"`, async (t) => {
    await assert.rejects(run(t, says(words)), { name: "AppError", code: expected.kind, ...expected });
  });
}

test("a vina that hangs with a grandchild is ended as a group", async (t) => {
  const note = join(await mkdtemp(join(tmpdir(), "aliquot-note-")), "pid");
  t.after(() => rm(join(note, ".."), { recursive: true, force: true }));
  const script = `sleep 300 & echo $! > ${note}; wait`;
  await assert.rejects(run(t, script, { time_limit_seconds: 0.3 }), { kind: "timeout" });
  const pid = (await readFile(note, "utf8")).trim();
  for (let round = 0; round < 100 && (await running(pid)); round++) await sleep(20);
  assert.equal(await running(pid), false);
});

async function running(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}

test("zeros in every mode are a box off the receptor", async (t) => {
  const { params, input: given } = await recorded(t, "off_receptor");
  const rejected = runVina(t, await fake(t, replay("off_receptor")), params, given);
  await assert.rejects(rejected, { kind: "engine_refused", code: "box_misses_receptor" });
});

test("the probe: found, with the bytes of the executable in the fingerprint, also behind a link", async (t) => {
  const { path } = await fake(t, "echo AutoDock Vina v1.2.3");
  const probe = await probeVina({ path });
  assert.ok(probe.found);
  assert.deepEqual(
    [probe.install.name, probe.install.version, probe.install.path, probe.install.env],
    ["vina", "1.2.3", path, {}],
  );
  const link = join(path, "..", "link");
  await symlink(path, link);
  const linked = await probeVina({ path: link });
  assert.ok(linked.found && linked.install.fingerprint === probe.install.fingerprint);
  const onPath = await probeVina({ search_path: `relative:/nonexistent:${join(path, "..")}` });
  assert.ok(onPath.found && onPath.install.path === path);
  await writeFile(path, `${await readFile(path, "utf8")}# another build\n`);
  const changed = await probeVina({ path });
  assert.ok(changed.found && changed.install.fingerprint !== probe.install.fingerprint);
});

test("the probe: not found, with the reason and what to type", async (t) => {
  const stating = async (words: string) => (await fake(t, `echo "${words}"`)).path;
  const found = await stating("AutoDock Vina v1.2.7");
  for (const [settings, reason] of [
    [{}, /no vina on the PATH/],
    [{ path: "/nonexistent/vina", search_path: "/usr/bin" }, /\/nonexistent\/vina can't be run/],
    [{ path: "/etc/passwd" }, /can't be run/],
    [{ path: await stating("hello") }, /does not answer --version/],
    [{ path: await stating("AutoDock Vina 1.1.2 (May 11, 2011)") }, /is Vina 1\.1\.2, and only 1\.2/],
    [{ path: await stating("AutoDock Vina v1.20.1") }, /only 1\.2/],
    [{ path: found, version: "1.2.3" }, /is Vina 1\.2\.7, but version 1\.2\.3 is asked for/],
  ] as const) {
    const probe = await probeVina(settings);
    assert.equal(probe.found, false);
    if (probe.found) continue;
    assert.match(probe.reason, reason);
    assert.match(probe.how_to_install, /apt-get install autodock-vina.*conda-forge.*VINA_PATH/);
  }
  assert.ok((await probeVina({ path: found })).found);
});

test("a program that is gone is no fault of the ligand", async (t) => {
  const gone = { ...INSTALL, path: "/nonexistent/vina" };
  await assert.rejects(runVina(t, gone, {}, input("methane")), { kind: "unavailable" });
});
