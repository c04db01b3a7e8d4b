import assert from "node:assert/strict";
import { test } from "node:test";
import { type Canonical, canonical, signatureOf } from "../../canonical.ts";
import { differencesOf } from "../../result-cache/difference.ts";
import { comparedParams } from "./record.ts";
import { xtbResultHash } from "./result-hash.ts";
import { type XtbInput, type XtbParams, xtbParams } from "./schema.ts";
import { xtbSignature } from "./signature.ts";
import { INSTALL, moved, species, WATER } from "./support.test.ts";

const water: XtbInput = {
  ...species(WATER),
  bonds: [
    { from: 0, to: 1, order: 1 },
    { from: 0, to: 2, order: 1 },
  ],
};
const full: Partial<XtbParams> = {
  ...{ solvent: "water", optimization_level: "tight", accuracy: 0.1, electronic_temperature_k: 1000 },
  ...{ max_optimization_cycles: 50, max_scf_iterations: 500 },
};
const sign = (partial: Partial<XtbParams> = {}, input = water, install = INSTALL) =>
  xtbSignature(install, xtbParams({ ...full, ...partial }), input);
const base = sign();

/** What of the document a change reaches, its exact arguments apart. */
const reached = (changed: Canonical) =>
  differencesOf(base, changed)
    .map(({ path }) => path.split("/")[1] ?? "")
    .filter((root, at, all) => all.indexOf(root) === at);

test("the signature of a whole document is this, on every machine and in every year", () => {
  const install = { ...INSTALL, version: "6.5.1", fingerprint: "0".repeat(64) };
  assert.equal(
    signatureOf(sign({}, water, install)),
    "7770bbe98fc1101c2e917e07676ecd4ec4a59269cf53124881550f2fba4f93ea",
  );
  assert.equal(
    signatureOf(xtbSignature(install, xtbParams({ task: "single_point" }), species(WATER, -1, 2))),
    "77faed4e373ca34fe35e8067d992e59d5f52cd67db4f7015f0e88a0828d9fba0",
  );
});

test("each thing that decides the result changes its own part of the document and no other, and every part is reached", () => {
  const cases: [Canonical, string[]][] = [
    [sign({}, water, { ...INSTALL, version: "6.7.0" }), ["program"]],
    [sign({}, water, { ...INSTALL, fingerprint: "1".repeat(64) }), ["program"]],
    [sign({}, { ...water, geometry: moved(WATER, ([x, y, z]) => [x + 1e-9, y, z]) }), ["xyz_sha256"]],
    [sign({}, { ...water, bonds: [{ from: 0, to: 1, order: 1 }] }), ["bonds_sha256"]],
    [sign({}, { ...water, charge: 1 }), ["charge"]],
    [sign({}, { ...water, multiplicity: 3 }), ["unpaired_electrons"]],
    [sign({ method: "gfn1" }), ["method"]],
    [sign({ solvent: "thf" }), ["solvent"]],
    [sign({ solvent: null }), ["solvent"]],
    [sign({ optimization_level: "loose" }), ["optimization_level"]],
    [sign({ max_optimization_cycles: 51 }), ["max_optimization_cycles"]],
    [sign({ accuracy: 0.2 }), ["accuracy"]],
    [sign({ electronic_temperature_k: 1000.001 }), ["electronic_temperature_k"]],
    [sign({ max_scf_iterations: 501 }), ["max_scf_iterations"]],
    [sign({ task: "single_point" }), ["task", "max_optimization_cycles", "optimization_level"]],
  ];
  for (const [changed, parts] of cases) assert.deepEqual(reached(changed), parts);
  const constant = ["task_version", "cache_version", "arguments"];
  assert.deepEqual(
    [...new Set(cases.flatMap(([, parts]) => parts)), ...constant].toSorted(),
    Object.keys(base as object).toSorted(),
  );
  const signatures = [base, ...cases.map(([changed]) => changed)].map(signatureOf);
  assert.equal(new Set(signatures).size, signatures.length);
});

test("who runs it where, and what only permits, is not signed", () => {
  const elsewhere = { ...INSTALL, path: "/elsewhere/xtb", env: { OMP_NUM_THREADS: "8", HOSTNAME: "a" } };
  assert.deepEqual(sign({ large: true }, water, elsewhere), base);
});

test("the same physics has the same hash, another energy or a broken bond has not", () => {
  const result = { energy_eh: -5.070451354999, connectivity_preserved: true };
  assert.equal(xtbResultHash({ ...result, energy_eh: -5.070451365 }), xtbResultHash(result));
  assert.notEqual(xtbResultHash({ ...result, energy_eh: -5.070453 }), xtbResultHash(result));
  assert.notEqual(xtbResultHash({ ...result, connectivity_preserved: false }), xtbResultHash(result));
});

test("runs of one signature stand under one protocol, and a single point under the one it always had", () => {
  const point = { task: "single_point" } as const;
  const ways = [
    {},
    point,
    { ...point, optimization_level: "tight" },
    { ...point, max_optimization_cycles: 5 },
  ];
  const made = [...ways, { optimization_level: "tight" }, { large: true }].map((partial) => {
    const params = xtbParams(partial as Partial<XtbParams>);
    const protocol = signatureOf(canonical(comparedParams(params)));
    return { protocol, signature: signatureOf(xtbSignature(INSTALL, params, water)) };
  });
  for (const one of made)
    for (const other of made)
      assert.equal(one.protocol === other.protocol, one.signature === other.signature, JSON.stringify(one));
  const { large: _permits, ...kept } = xtbParams(point);
  assert.deepEqual(comparedParams(xtbParams({ ...point, optimization_level: "tight" })), kept);
});
