import assert from "node:assert/strict";
import { test } from "node:test";
import { openToolkit } from "../toolkit/toolkit.ts";
import { refuseLigand } from "./refuse.ts";

const toolkit = openToolkit();

async function refusal(text: string) {
  const record = { text, format: "smiles" as const };
  const [found] = await toolkit.identify([record]);
  assert.ok(found?.ok, text);
  return refuseLigand({ record, line: 1, found });
}

test("radicals are refused, isotopes and ions are not", async () => {
  for (const text of ["[CH3]", "CC[O]", "C[CH]C", "[CH2]"]) {
    const refused = await refusal(text);
    assert.equal(refused?.code, "unsupported_element", text);
    assert.match(refused.message, /is a radical.*closed-shell/);
  }
  for (const text of ["[13CH3]C(=O)Nc1ccc(O)cc1", "[2H]C([2H])([2H])Oc1ccccc1", "CC(=O)[O-]", "C"])
    assert.equal(await refusal(text), undefined, text);
});
