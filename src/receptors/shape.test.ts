import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { prepareReceptor } from "./prepare.ts";

const text = readFileSync(join(import.meta.dirname, "../../examples/1hpv.pdb"), "latin1");
const prepare = (changed: string) => prepareReceptor(Buffer.from(changed, "latin1"));

test("the crystal's residues are L-amino acids; their mirror image is noted", () => {
  assert.deepEqual(prepare(text).report.notes, []);
  const mirrored = text.replace(
    /^(ATOM {2}.{24})(.{8})/gm,
    (_, head: string, x: string) => head + (-Number(x)).toFixed(3).padStart(8),
  );
  const [note = ""] = prepare(mirrored).report.notes;
  assert.match(
    note,
    /^172 residues are D-amino acids by the coordinates: .* check that the file is not mirrored$/,
  );
});

test("an atom far from its residue is refused by name, wherever it went", () => {
  for (const x of ["  30.000", "9999.999"]) {
    const moved = text.replace(/^(ATOM {2}.{6} CB {2}THR A {2}12.{4})(.{8})/m, (_, head: string) => head + x);
    assert.notEqual(moved, text);
    assert.throws(() => prepare(moved), {
      name: "AppError",
      kind: "bad_input",
      message: /rest of their residue: THR:A:12 CB: mend/,
    });
  }
});
