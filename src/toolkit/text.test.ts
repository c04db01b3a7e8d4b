import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openIdentifier } from "./identities.ts";
import { countSmilesAtoms, refuseText } from "./text.ts";
import type { MoleculeInput, Rejected } from "./toolkit.ts";

const identifier = openIdentifier();

async function refusal(text: string, format: MoleculeInput["format"] = "smiles"): Promise<Rejected> {
  const reply = await identifier({ kind: "identify", inputs: [{ text, format }] });
  const [result] = reply.kind === "identified" ? reply.results : [];
  assert.ok(result && !result.ok, `${text.slice(0, 80)} was accepted: ${JSON.stringify(result)}`);
  assert.doesNotMatch(result.message, /[\r\n]/);
  assert.ok(result.message.length < 220, result.message);
  return result;
}

const BAD: [Rejected["code"], string, string][] = [
  ["bad_input", "", "empty"],
  ["bad_input", "  \n", "blank"],
  ["bad_input", "CC ethane", "a name behind a blank"],
  ["bad_input", "CC\tethane", "a name behind a tab"],
  ["bad_input", "C\nC", "two lines"],
  ["bad_input", "C\u0000C", "NUL"],
  ["bad_input", "CÖ", "not ASCII"],
  ["unparsable_input", "C1CC", "an open ring"],
  ["unparsable_input", "C(C)(C)(C)(C)C", "five bonds on carbon"],
  ["unparsable_input", "c1cccc1", "no Kekulé form"],
  ["unparsable_input", "C~C", "any bond"],
  ["unparsable_input", "$()", "no SMILES"],
  ["unsupported_element", "*", "a dummy atom"],
  ["unsupported_element", "CC[*:1]", "an attachment point"],
  ["unsupported_element", "CC* |$;;_R1$|", "an R-group"],
  ["unsupported_element", "CC |Sg:n:0,1:3:ht|", "a polymer"],
  ["unsupported_element", "CC |m:0:1.2|", "a variable attachment"],
  ["too_large", "C".repeat(401), "401 heavy atoms"],
  ["too_large", "C".repeat(2_001), "2,001 characters"],
];

for (const [code, text, what] of BAD)
  test(`${what} is refused as ${code}`, async () => assert.equal((await refusal(text)).code, code));

test("molblocks that are no molecule are refused", async () => {
  const block = (atom: string, more = "") =>
    `\n\n\n  1  0  0  0  0  0            999 V2000\n    0.0000    0.0000    0.0000 ${atom}  0  0  0  0\n${more}M  END\n`;
  assert.equal((await refusal("nothing", "molblock")).code, "unparsable_input");
  assert.equal((await refusal(block("C").replace("M  END\n", ""), "molblock")).code, "unparsable_input");
  assert.equal((await refusal(block("R#", "M  RGP  1   1   1\n"), "molblock")).code, "unsupported_element");
  assert.equal((await refusal(block("A "), "molblock")).code, "unsupported_element");
  assert.equal((await refusal(block("C", "M  STY  1   1 SRU\n"), "molblock")).code, "bad_input");
  assert.equal((await refusal("x".repeat(200_001), "molblock")).code, "too_large");
});

test("a message shows at most 60 characters of the input", async () => {
  const { message } = await refusal(`C(${"C".repeat(300)}`);
  assert.doesNotMatch(message, /C{59}/);
});

test("atoms are counted as RDKit would", () => {
  assert.equal(countSmilesAtoms("CC(=O)Oc1ccccc1C(=O)O"), 13);
  assert.equal(countSmilesAtoms("ClCBr"), 3);
  assert.equal(countSmilesAtoms("[Na+].[Cl-].[2H]O[H]"), 3);
});

test("any text gives an answer, never an exception", async () => {
  const alphabet = fc.constantFrom(..."CNOcno[]()=#123@/\\+-.H*% |$:;");
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: alphabet, maxLength: 30 }), async (text) => {
      const reply = await identifier({
        kind: "identify",
        inputs: [
          { text, format: "smiles" },
          { text: "CCO", format: "smiles" },
        ],
      });
      assert.ok(reply.kind === "identified" && reply.results.length === 2 && reply.results[1]?.ok);
    }),
    { numRuns: 300, seed: 42 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      refuseText({ text, format: "molblock" });
    }),
  );
});
