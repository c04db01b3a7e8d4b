import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { type Complaint, excessOf, fieldErrors, inWords } from "./input-rules.ts";

const Input = Type.Object(
  {
    records: Type.Array(Type.Object({ format: Type.Enum(["smiles", "molblock"]) }), { minItems: 1 }),
    since: Type.Optional(Type.String({ pattern: "^\\d{4}-", examples: ["2026-01-31"] })),
    limit: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  },
  { additionalProperties: false },
);

function said(input: unknown): string[] {
  const complaints = Compile(Input).Errors(input) as Iterable<Complaint>;
  return fieldErrors(Input, complaints).map(({ path, rule }) => `${path} ${rule}`);
}

test("each thing that is wrong stands at its own field, once, and says what to do", () => {
  assert.deepEqual(said({ smiles: "CCO" }), [
    "/records is missing",
    "/smiles is not known here: there are records, since, limit",
  ]);
  assert.deepEqual(said({ record: [] }), [
    "/records is missing",
    "/record is not known here: did you mean records?",
  ]);
  assert.deepEqual(said({ records: [{ format: "smi" }], since: "7d", limit: "x" }), [
    "/records/0/format must be one of smiles, molblock",
    "/since must be such as 2026-01-31",
    "/limit must be integer or null",
  ]);
  assert.deepEqual(said([]), ["/ must be object"]);
});

test("the line that is said first names the first of them", () => {
  const fields = [1, 2, 3, 4].map((n) => ({ path: `/a/${n}`, rule: "is missing" }));
  assert.equal(inWords("job.list", fields), "a.1 is missing; a.2 is missing; a.3 is missing");
  assert.equal(inWords("job.list", [{ path: "/", rule: "must be object" }]), "job.list must be object");
});

test("far too much is told without being looked through", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x${n}`, 1]));
  assert.equal(excessOf(Input, many).length, 20);
  const long = Type.Object({ records: Type.Array(Type.Object({}), { maxItems: 2 }) });
  assert.deepEqual(excessOf(long, { records: [1, 2, 3] }), [
    { path: "/records", rule: "must not have more than 2 items" },
  ]);
  const inner = Type.Object({
    records: Type.Array(Type.Object({ a: Type.String() }, { additionalProperties: false })),
  });
  assert.equal(excessOf(inner, { records: [{ a: "" }, many] })[0]?.path, "/records/1/x0");
  for (const fine of [{ records: [{ format: "smiles" }] }, null, 3, { smiles: "C" }])
    assert.deepEqual(excessOf(Input, fine), []);
});
