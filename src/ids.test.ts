import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUuid, newId, sha256 } from "./ids.ts";

test("an id is a UUIDv7 that begins with its millisecond", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (now) => {
      const id = newId(now);
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.ok(isUuid(id));
      assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), now);
    }),
  );
});

test("ids sort by the millisecond of their birth, and a hundred thousand of one millisecond are all different", () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 40),
      fc.integer({ min: 1, max: 10_000 }),
      (now, later) => newId(now) < newId(now + later),
    ),
  );
  const many = Array.from({ length: 100_000 }, () => newId(1));
  assert.equal(new Set(many).size, many.length);
});

test("what is no UUID is told", () => {
  for (const bad of [
    "",
    "x",
    newId().slice(1),
    `${newId()}0`,
    ` ${newId()}`,
    newId().replaceAll("-", ""),
    `${newId()}\n`,
  ])
    assert.equal(isUuid(bad), false, JSON.stringify(bad));
  assert.equal(isUuid(newId().toUpperCase()), true);
});

test("SHA-256 is that of the standard, over bytes and over the UTF-8 of text", () => {
  assert.equal(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(sha256("ü"), sha256(new Uint8Array([0xc3, 0xbc])));
});
