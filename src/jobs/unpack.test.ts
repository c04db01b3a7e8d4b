import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { AppError } from "../errors.ts";
import { unpackText } from "./unpack.ts";

test("a log is unpacked whole up to its limit, and from there on cut, never within a letter", async () => {
  const packed = zstdCompressSync(Buffer.from("energié"));
  assert.deepEqual(await unpackText(packed, 8), { text: "energié", cut: false });
  assert.deepEqual(await unpackText(packed, 7), { text: "energi", cut: true });
  assert.deepEqual(await unpackText(zstdCompressSync(Buffer.alloc(0)), 7), { text: "", cut: false });
});

test("a few bytes that were packed from very many are unpacked no further than the limit", async () => {
  const bomb = zstdCompressSync(Buffer.alloc(300 * 1024 * 1024, "x"));
  assert.ok(bomb.byteLength < 100_000);
  const before = process.memoryUsage().arrayBuffers;
  const { text, cut } = await unpackText(bomb, 1_000_000);
  assert.deepEqual([text.length, cut], [1_000_000, true]);
  assert.ok(process.memoryUsage().arrayBuffers - before < 50 * 1024 * 1024);
});

test("bytes that are not packed, or not to their end, are an error of ours", async () => {
  const whole = zstdCompressSync(Buffer.from("text ".repeat(1000)));
  for (const bytes of [Buffer.from("no zstd"), whole.subarray(0, whole.length - 4)])
    await assert.rejects(
      unpackText(bytes, 1_000_000),
      (error: unknown) => error instanceof AppError && error.kind === "internal",
    );
});
