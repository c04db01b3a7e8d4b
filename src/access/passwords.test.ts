import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import { drawPassword, hashPassword, needsRehash, verifyPassword } from "./passwords.ts";

const WORD = "correct horse battery";

test("a hash is a PHC string of the stated cost, salted, and verifies its password alone", async () => {
  const [one, two] = await Promise.all([hashPassword(WORD), hashPassword(WORD)]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(one, two, "no salt");
  assert.equal(await verifyPassword(WORD, one), true);
  for (const wrong of [`${WORD} `, WORD.toUpperCase(), "", WORD.slice(1), "x".repeat(2000)])
    assert.equal(await verifyPassword(wrong, one), false, wrong.slice(0, 40));
  assert.equal(needsRehash(one), false);
});

// Made by the Argon2 reference implementation's command line (argon2 -id, version 1.3).
const FOREIGN = [
  // echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32: its README and test.c
  ["password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"],
  [
    "differentpassword",
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94",
  ],
] as const;

test("hashes of the reference implementation verify, and are to be made again at our cost", async () => {
  for (const [password, hash] of FOREIGN) {
    assert.equal(await verifyPassword(password, hash), true);
    assert.equal(await verifyPassword(`${password}!`, hash), false);
    assert.equal(needsRehash(hash), true);
  }
});

test("what is no hash of ours, or asks for too much, verifies nothing and costs nothing", async () => {
  const good = await hashPassword(WORD);
  const broken = [
    null,
    "",
    WORD,
    "$2b$12$abcdefghijklmnopqrstuv",
    good.slice(0, -50),
    good.replace("argon2id", "argon2d"),
    good.replace("v=19", "v=16"),
    good.replace("m=19456", "m=999999999"),
    good.replace("m=19456", "m=4"),
    good.replace("t=2", "t=0"),
    good.replace("t=2", "t=999999"),
    good.replace("p=1", "p=0"),
  ];
  for (const hash of broken) {
    assert.equal(await verifyPassword(WORD, hash), false, String(hash));
    assert.equal(needsRehash(hash ?? ""), true);
  }
});

test("one password written in two ways of Unicode is one", async () => {
  const hash = await hashPassword("caf\u00e9 cr\u00e8me br\u00fbl\u00e9e");
  assert.equal(await verifyPassword("cafe\u0301 cre\u0300me bru\u0302le\u0301e", hash), true);
});

test("a password past 1,024 characters is refused", async () => {
  await assert.rejects(
    hashPassword("x".repeat(1025)),
    (error) => error instanceof AppError && error.kind === "usage",
  );
});

test("a drawn password is long, readable and never the same", () => {
  const drawn = Array.from({ length: 200 }, drawPassword);
  assert.equal(new Set(drawn).size, drawn.length);
  for (const text of drawn) assert.match(text, /^([a-zA-Z2-9]{6}-){3}[a-zA-Z2-9]{6}$/);
  assert.doesNotMatch(drawn.join(""), /[0O1lIi5S8B]/);
});
