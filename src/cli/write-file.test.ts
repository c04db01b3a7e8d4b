import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "aliquot-write-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file whose second piece never comes. */
const PROGRAM = `
  const { writeWhole } = await import(process.env.WRITE_FILE);
  async function* bytes() {
    yield Buffer.from("half");
    console.log("half of it is written");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  }
  await writeWhole(process.env.TO, { bytes: bytes(), checksum: "" });
`;

for (const signal of ["SIGINT", "SIGTERM"] as const)
  test(`${signal} in the middle of a file leaves nothing, and ends the program as it ends others`, async (t) => {
    const env = {
      ...process.env,
      WRITE_FILE: import.meta.resolve("./write-file.ts"),
      TO: join(folder, `${signal}.xyz`),
    };
    const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const exit = once(child, "exit");
    await once(child.stdout, "data");
    assert.equal(readdirSync(folder).length, 1);
    child.kill(signal);
    assert.deepEqual(await exit, [null, signal]);
    assert.deepEqual(readdirSync(folder), []);
  });
