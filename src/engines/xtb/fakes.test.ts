import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunOutcome } from "../../executors/executor.ts";
import type { EngineInstall } from "../engine.ts";
import { leftByXtb } from "./left.ts";
import { probeXtb } from "./probe.ts";
import { type XtbParams, xtbParams } from "./schema.ts";
import { FIXTURES, INSTALL, runXtb, species, WATER } from "./support.test.ts";

/** Programs that pretend to be xtb: shell scripts with the behaviour under test. */
async function fake(t: TestContext, script: string): Promise<EngineInstall> {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-fake-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "xtb");
  await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
  await chmod(path, 0o755);
  return { ...INSTALL, path };
}

const water = species(WATER);
const good = `cp -r ${FIXTURES}/water_opt/. .; cat stdout; cat stderr >&2`;

test("a recorded run replayed through the executor is a result", async (t) => {
  const result = await runXtb(t, await fake(t, good), {}, water);
  assert.equal(result.energy_eh, -5.070544443464);
});

const LIARS: [string, string, { kind: string; code?: string }][] = [
  ["exits 0 and writes nothing", "exit 0", { kind: "crashed" }],
  ["says it went well and writes nothing", "echo normal termination of xtb >&2", { kind: "crashed" }],
  ["cuts its JSON short", `${good}; head -c 500 xtbout.json > x; mv x xtbout.json`, { kind: "crashed" }],
  ["leaves no gradient", `${good}; rm mol.engrad`, { kind: "crashed" }],
  [
    "replays the cycle limit",
    good.replace("water_opt", "cycle_limit"),
    { kind: "engine_refused", code: "geometry_not_converged" },
  ],
  ["did another molecule", good.replace("water_opt", "methyl_radical_opt"), { kind: "crashed" }],
  ["did another method", good.replace("water_opt", "water_gfn1_opt"), { kind: "internal" }],
  ["exits 1 after a good run", `${good}; exit 1`, { kind: "crashed" }],
  ["is killed after a good run", `${good}; kill -KILL $$`, { kind: "crashed" }],
  ["dies of SIGSEGV", "kill -SEGV $$", { kind: "crashed" }],
];

for (const [what, script, expected] of LIARS) {
  test(`an xtb that ${what} gives no result`, async (t) => {
    await assert.rejects(runXtb(t, await fake(t, script), {}, water), { code: expected.kind, ...expected });
  });
}

test("an optimisation that gave up leaves its geometries, a single point nothing", async () => {
  const run = { folder: `${FIXTURES}/cycle_limit` } as RunOutcome;
  const names = async (params: XtbParams) => (await leftByXtb(params, run)).map(({ key }) => key);
  assert.deepEqual(await names(xtbParams()), ["xtbopt.xyz", "xtbopt.log"]);
  assert.deepEqual(await names(xtbParams({ task: "single_point" })), []);
});

test("an xtb that hangs with a grandchild is ended as a group", async (t) => {
  const note = join(await mkdtemp(join(tmpdir(), "aliquot-note-")), "pid");
  t.after(() => rm(join(note, ".."), { recursive: true, force: true }));
  const install = await fake(t, `sleep 300 & echo $! > ${note}; wait`);
  await assert.rejects(runXtb(t, install, {}, water, { time_limit_seconds: 0.3 }), { kind: "timeout" });
  const pid = (await readFile(note, "utf8")).trim();
  for (let round = 0; round < 100 && (await running(pid)); round++) await sleep(20);
  assert.equal(await running(pid), false);
});

async function running(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}

test("the probe: found, with its parameters in the fingerprint", async (t) => {
  const { path } = await fake(t, 'echo "   * xtb version 6.5.1 (unknown) compiled by x"');
  const share = join(path, "..", "..", "share", "xtb");
  const bare = await probeXtb({ path });
  assert.ok(bare.found);
  assert.deepEqual([bare.install.version, bare.install.path, bare.install.env], ["6.5.1", path, {}]);
  const root = join(path, "..");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "share", "xtb"), { recursive: true });
  const inside = join(root, "bin", "xtb");
  await writeFile(inside, await readFile(path));
  await chmod(inside, 0o755);
  const prints = new Set([bare.install.fingerprint]);
  for (const content of ["one", "two"]) {
    await writeFile(join(root, "share", "xtb", "param_gfn2-xtb.txt"), content);
    await writeFile(join(root, "share", "xtb", "README"), content);
    const probe = await probeXtb({ search_path: `relative:/nonexistent:${join(root, "bin")}` });
    assert.ok(probe.found);
    assert.deepEqual(probe.install.env, { XTBPATH: join(root, "share", "xtb") });
    prints.add(probe.install.fingerprint);
  }
  assert.equal(prints.size, 3);
  assert.notEqual(share, root);
});

test("the probe: not found, with the reason and what to type", async (t) => {
  const old = (await fake(t, 'echo " * xtb version 6.4.0 (x) compiled"')).path;
  const mute = (await fake(t, "echo hello")).path;
  for (const [settings, reason] of [
    [{}, /no xtb on the PATH/],
    [{ search_path: "" }, /no xtb on the PATH/],
    [{ path: "/nonexistent/xtb", search_path: "/usr/bin" }, /\/nonexistent\/xtb can't be run/],
    [{ path: "/etc/passwd" }, /can't be run/],
    [{ path: mute }, /does not answer --version/],
    [{ path: old, version: "6.5.1" }, /is xtb 6\.4\.0, but version 6\.5\.1 is asked for/],
  ] as const) {
    const probe = await probeXtb(settings);
    assert.equal(probe.found, false);
    if (probe.found) continue;
    assert.match(probe.reason, reason);
    assert.match(probe.how_to_install, /apt-get install xtb/);
  }
});
