import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { AppError } from "../errors.ts";
import { readMoleculeFile } from "./read-file.ts";
import { portionsOf, streamMoleculeFile } from "./stream-file.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const folder = mkdtempSync(join(tmpdir(), "stream-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const block = (name: string, tag: string) =>
  `${name}\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 0.0 0.0 C   0  0\nM  END\n> <ID>\n${tag}\n\n$$$$\n`;

for (const [name, content] of [
  ["list.smi", "# head\nCCO ethanol\r\n\nC[N+](C)(C)C |$a;b$| salt µ\nCC"],
  ["long.smi", Array.from({ length: 10_000 }, (_, n) => `CCO m${n}`).join("\n")],
  ["two.sdf", `${block("a", "1")}${block("b", "2").replaceAll("\n", "\r\n")}`],
  ["open.sdf", `${block("a", "1")}${block("b", "2").replace("$$$$\n", "")}`],
] as const)
  test(`${name} is streamed as it is read whole`, async () => {
    const path = file(name, content);
    assert.deepEqual(await all(streamMoleculeFile(path)), await readMoleculeFile(path));
  });

test("what can't be read says so, as far as it came", async () => {
  const bad = (name: string, content: string | Uint8Array) =>
    assert.rejects(
      all(streamMoleculeFile(file(name, content))),
      (error: unknown) => error instanceof AppError && error.kind === "bad_input",
    );
  await bad("latin.smi", Uint8Array.from([67, 10, 0xe9, 10]));
  await bad("cut.smi", Uint8Array.from([67, 10, 0xc3]));
  await bad("a.csv", "C");
  await bad("endless.smi", "C".repeat(5_000_000));
  await bad("endless.sdf", `${"C".repeat(999)}\n`.repeat(5000));
  await assert.rejects(all(streamMoleculeFile(join(folder, "none.smi"))), /no such file/);
  await assert.rejects(all(streamMoleculeFile(file("empty.smi", "# none\n"))), /empty\.smi holds no record/);
  await assert.rejects(all(streamMoleculeFile(file("m.smi.gz", "x"))), /m\.smi\.gz is packed: unpack it/);
  assert.deepEqual(await all(portionsOf([1, 2, 3], 2)), [[1, 2], [3]]);
});
