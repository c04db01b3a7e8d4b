import assert from "node:assert/strict";
import { test } from "node:test";
import { Value } from "typebox/value";
import { canonicalJson, signatureOf } from "../../canonical.ts";
import { planXtb, xtbArguments, xyzText } from "./plan.ts";
import { ALPB_SOLVENTS, XtbParams, xtbParams } from "./schema.ts";
import { xtbSignature } from "./signature.ts";
import { atoms, INSTALL, moved, species, WATER } from "./support.test.ts";

const water = species(WATER);

function line(partial: Partial<XtbParams>, charge = 0, multiplicity = 1): string {
  return xtbArguments(xtbParams(partial), species(WATER, charge, multiplicity)).join(" ");
}

test("the arguments of each kind of run, as a person would type them", () => {
  assert.equal(line({}), "mol.xyz --opt normal --grad --gfn 2 --json --chrg 0 --uhf 0 --norestart");
  assert.equal(
    line({ task: "single_point" }, -1, 2),
    "mol.xyz --grad --gfn 2 --json --chrg -1 --uhf 1 --norestart",
  );
  assert.equal(
    line({ method: "gfn1" }),
    "mol.xyz --opt normal --grad --gfn 1 --json --chrg 0 --uhf 0 --norestart",
  );
  assert.equal(
    line({ method: "gfnff" }),
    "mol.xyz --opt normal --grad --gfnff --json --chrg 0 --uhf 0 --norestart",
  );
  assert.match(line({ solvent: "water" }), / --norestart --alpb water$/);
  const strict = { accuracy: 0.1, electronic_temperature_k: 1000, max_scf_iterations: 500 };
  assert.match(
    line({ ...strict, optimization_level: "tight", max_optimization_cycles: 50 }),
    /--opt tight .*--acc 0\.100000 --etemp 1000\.000 --iterations 500 --cycles 50$/,
  );
  assert.doesNotMatch(line({ task: "single_point", max_optimization_cycles: 5 }), /cycles|opt/);
});

test("the plan: one thread, nothing of our environment, limits that grow with the molecule", () => {
  const plan = planXtb({ ...INSTALL, env: { XTBPATH: "/share" } }, xtbParams(), water);
  assert.deepEqual(Object.keys(plan.env).sort(), [
    ...["MKL_NUM_THREADS", "OMP_NUM_THREADS", "OMP_STACKSIZE", "OPENBLAS_NUM_THREADS", "XTBPATH"],
  ]);
  assert.equal(plan.env["OMP_NUM_THREADS"], "1");
  assert.deepEqual([plan.time_limit_seconds, plan.memory_limit_bytes], [120, 4 * 1024 ** 3]);
  const chain = Array.from({ length: 2000 }, (_, index) => `He ${3 * index} 0 0`).join(";");
  const large = planXtb(INSTALL, xtbParams({ large: true }), species(atoms(chain)));
  assert.ok(large.time_limit_seconds > 3600 && large.memory_limit_bytes > 16e9);
});

test("the XYZ bytes: ten decimals, a fixed comment, no negative zero", () => {
  assert.equal(
    xyzText(species(atoms("O 0 -0 0.12345678901; Cl -1.5 2 -0.000000000001")))
      .split("\n")
      .map((row) => row.trim())
      .join("|"),
    "2|aliquot|O      0.0000000000     0.0000000000     0.1234567890|Cl    -1.5000000000     2.0000000000     0.0000000000|",
  );
});

test("the parameters: defaults are valid, unknown words are not", () => {
  assert.ok(Value.Check(XtbParams, xtbParams()));
  for (const solvent of ALPB_SOLVENTS) assert.ok(Value.Check(XtbParams, xtbParams({ solvent })));
  for (const wrong of [
    { solvent: "h2o" },
    { solvent: "hexandecane" },
    { method: "ff" },
    { optimization_level: "vtight" },
    { accuracy: 0 },
    { electronic_temperature_k: Number.NaN },
    { max_scf_iterations: 1.5 },
    { seed: 1 },
  ])
    assert.equal(Value.Check(XtbParams, { ...xtbParams(), ...wrong }), false, JSON.stringify(wrong));
});

const base = signatureOf(xtbSignature(INSTALL, xtbParams(), water));

test("the signature is stable text", () => {
  assert.equal(signatureOf(xtbSignature(INSTALL, xtbParams(), species(WATER))), base);
  const text = canonicalJson(xtbSignature(INSTALL, xtbParams(), water));
  assert.match(text, /"accuracy":"1\.000000"/);
  assert.match(text, /"xyz_sha256":"[0-9a-f]{64}"/);
  assert.doesNotMatch(text, /usr|THREADS|host/);
});

test("what decides the result changes the signature", () => {
  const nudged = moved(WATER, ([x, y, z]) => [x + 1e-9, y, z]);
  const swapped = { elements: ["H", "O", "H"], positions_angstrom: WATER.positions_angstrom };
  const variants = [
    xtbSignature({ ...INSTALL, version: "6.7.0" }, xtbParams(), water),
    xtbSignature({ ...INSTALL, fingerprint: "0".repeat(64) }, xtbParams(), water),
    ...[species(nudged), species(swapped), species(WATER, 2), species(WATER, 0, 3)].map((input) =>
      xtbSignature(INSTALL, xtbParams(), input),
    ),
    xtbSignature(INSTALL, xtbParams(), { ...water, bonds: [{ from: 0, to: 1, order: 1 }] }),
    ...[
      { task: "single_point" as const },
      { method: "gfn1" as const },
      { method: "gfnff" as const },
      { solvent: "water" as const },
      { solvent: "thf" as const },
      { optimization_level: "tight" as const },
      { accuracy: 0.5 },
      { electronic_temperature_k: 301 },
      { max_optimization_cycles: 200 },
      { max_scf_iterations: 251 },
    ].map((partial) => xtbSignature(INSTALL, xtbParams(partial), water)),
  ].map(signatureOf);
  assert.equal(new Set([base, ...variants]).size, variants.length + 1);
});

test("what does not decide it does not", () => {
  const elsewhere = { ...INSTALL, path: "/opt/xtb", env: { XTBPATH: "/opt/share" } };
  assert.equal(signatureOf(xtbSignature(elsewhere, xtbParams(), water)), base);
  assert.equal(signatureOf(xtbSignature(INSTALL, xtbParams({ large: true }), water)), base);
  const zero = moved(WATER, ([x, y, z]) => [x, y === 0 ? -0 : y, z]);
  assert.equal(signatureOf(xtbSignature(INSTALL, xtbParams(), species(zero))), base);
  const bonds = [
    { from: 0, to: 1, order: 1 },
    { from: 0, to: 2, order: 1 },
  ];
  const reversed = [...bonds].reverse().map(({ from, to }) => ({ from: to, to: from, order: 2 }));
  const signed = [bonds, reversed].map((list) =>
    signatureOf(xtbSignature(INSTALL, xtbParams(), { ...water, bonds: list })),
  );
  assert.equal(signed[0], signed[1]);
});
