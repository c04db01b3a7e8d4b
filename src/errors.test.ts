import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError, toAppError } from "./errors.ts";

test("a full disk is told as such; what nobody foresaw is a fault of ours", () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    const full = toAppError(Object.assign(new Error("no space left on device, write"), { code }));
    assert.equal(full.kind, "store_unavailable");
    assert.match(full.message, /^no space is left on the disk \(.*\): make room$/);
  }
  for (const other of [new Error("x"), Object.assign(new Error("x"), { code: "EIO" }), "x", null, undefined])
    assert.equal(toAppError(other).kind, "internal");
  const known = new AppError("not_found", "no such job");
  assert.equal(toAppError(known), known);
});
