import assert from "node:assert/strict";
import { test } from "node:test";
import type { Identified, Identity, Toolkit } from "../toolkit/toolkit.ts";
import type { IdentifiedRecord } from "./identify.ts";
import { expandStereo } from "./isomers.ts";

/** As much of a species as is looked at. */
function species(smiles: string, undefined_centres: number): Identity {
  return { smiles, undefined_centres } as Identity;
}

function record(smiles: string, open: number, line: number): IdentifiedRecord {
  const found: Identified = { ok: true, species: species(smiles, open), parent: null, compound_parent: null };
  return { record: { text: smiles, format: "smiles" }, line, found };
}

test("many records are asked side by side, and answered in their order", async () => {
  let now = 0;
  let most = 0;
  const toolkit: Pick<Toolkit, "isomers"> = {
    isomers: async (smiles) => {
      now += 1;
      most = Math.max(most, now);
      // Later ones answer sooner.
      await new Promise((done) => setTimeout(done, 20 - Number(smiles.slice(1)) / 10));
      now -= 1;
      if (smiles === "C7") return { ok: false, code: "too_large", message: "no" };
      return { ok: true, open_centres: 1, isomers: [species(`${smiles}a`, 0), species(`${smiles}b`, 0)] };
    },
  };
  const records = Array.from({ length: 150 }, (_, n) => record(`C${n}`, n % 2, n + 1));
  const { items, rejected } = await expandStereo(toolkit, records, "enumerate", {});
  assert.ok(most > 10 && most <= 64, `${most} at once`);
  const expected = records.flatMap((_, n) => (n % 2 === 0 ? [`C${n}`] : [`C${n}a`, `C${n}b`]));
  assert.deepEqual(
    items.map(({ chosen }) => chosen.found.species.smiles),
    expected.filter((text) => !/^C7[ab]$/.test(text)),
  );
  assert.deepEqual(
    rejected.map(({ line }) => line),
    [8],
  );
});

test("what is left open and refused may be a centre or a double bond", async () => {
  const toolkit: Pick<Toolkit, "isomers"> = { isomers: () => assert.fail("it was asked") };
  const { rejected } = await expandStereo(toolkit, [record("CC=CC", 1, 1)], "refuse", {});
  assert.match(rejected[0]?.message ?? "", /^1 stereocentre or double bond is open in "CC=CC": draw/);
});
