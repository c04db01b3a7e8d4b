import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "kysely";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { addMolecules, listMolecules } from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");
const other = await makeOrg(context);
const stranger = await person(context, other, "scientist");

type Search = { name?: string; tag?: string; formula?: string; limit?: number; cursor?: string };

const found = async (who: OrgPrincipal, search: Search) =>
  (await perform(context, listMolecules, who, search)).items.map((row) => row.name).sort();

before(async () => {
  const add = (
    who: OrgPrincipal,
    visibility: "private" | "organization",
    named: [string, string, string[]][],
  ) =>
    perform(context, addMolecules, who, {
      visibility,
      records: named.map(([text, name, tags]) => ({ text, name, tags, format: "smiles" as const })),
    });
  await add(ann, "organization", [
    ["CCO", "Ethanol", ["solvent", "old"]],
    ["CCCO", "100% alcohol", ["solvent"]],
    ["CCCCO", "1_0", []],
    ["COC", "back\\slash", []],
  ]);
  await add(ann, "private", [["CCCCCCO", "Ethereal secret", ["hush"]]]);
});

test("a search by name takes how it begins, whatever the case", async () => {
  assert.deepEqual(await found(ann, { name: "eTh" }), ["Ethanol", "Ethereal secret"]);
  assert.deepEqual(await found(ann, { name: "thanol" }), []);
});

test("wildcards are letters", async () => {
  assert.deepEqual(await found(ann, { name: "100%" }), ["100% alcohol"]);
  assert.deepEqual(await found(ann, { name: "1_0" }), ["1_0"]);
  assert.deepEqual(await found(ann, { name: "back\\" }), ["back\\slash"]);
  for (const name of ["%", "_", "\\", "%%", "1%0", "'", "';--"])
    assert.deepEqual(await found(ann, { name }), []);
});

test("tags are whole words, formulas are whole formulas, and all that is given must hold of one registration", async () => {
  assert.deepEqual(await found(ann, { tag: "solvent" }), ["100% alcohol", "Ethanol"]);
  assert.deepEqual(await found(ann, { tag: "solv" }), []);
  // Dimethyl ether has the formula of ethanol.
  assert.deepEqual(await found(ann, { formula: "C2H6O" }), ["Ethanol", "back\\slash"]);
  assert.deepEqual(await found(ann, { formula: "C2H6O", tag: "old", name: "e" }), ["Ethanol"]);
  assert.deepEqual(await found(ann, { formula: "C3H8O", tag: "old" }), []);
});

test("a colleague's private registration is found by no search, nor by asking the function itself", async () => {
  for (const search of [{ name: "ethereal" }, { tag: "hush" }, { formula: "C6H14O" }])
    for (const who of [bob, stranger]) assert.deepEqual(await found(who, search), [], JSON.stringify(search));
  assert.deepEqual(await found(bob, { name: "eth" }), ["Ethanol"]);
  const asked = (who: OrgPrincipal) =>
    context.results.read(who, async ({ tx }) => {
      const { rows } = await sql`SELECT search_registrations('ethereal', NULL, NULL)`.execute(tx);
      return rows.length;
    });
  assert.equal(await asked(ann), 1);
  assert.equal(await asked(bob), 0);
});

test("what matches is shown: not a newer registration of the same molecule with another name", async () => {
  const records = [{ text: "CCO", name: "Spirit", format: "smiles" as const }];
  await perform(context, addMolecules, bob, { records });
  assert.deepEqual(await found(bob, { name: "ethanol" }), ["Ethanol"]);
  assert.deepEqual(await found(bob, { name: "spirit" }), ["Spirit"]);
  assert.equal((await found(bob, {})).filter((name) => name === "Ethanol" || name === "Spirit").length, 1);
});

test("brought again without a name it keeps the one it has; a colleague's private name is shown to nobody else", async () => {
  const bring = (who: OrgPrincipal, visibility: "private" | "organization", text: string, name?: string) =>
    perform(context, addMolecules, who, {
      visibility,
      records: [{ text, format: "smiles", ...(name === undefined ? {} : { name }) }],
    });
  const nameOf = async (who: OrgPrincipal, smiles: string) =>
    (await perform(context, listMolecules, who, {})).items.find((row) => row.smiles === smiles)?.name;
  await bring(ann, "organization", "CCS", "Ethanethiol");
  await bring(bob, "organization", "CCS");
  assert.equal(await nameOf(bob, "CCS"), "Ethanethiol");
  await bring(ann, "private", "CCCS", "hidden thiol");
  await bring(bob, "organization", "CCCS");
  assert.deepEqual([await nameOf(ann, "CCCS"), await nameOf(bob, "CCCS")], ["hidden thiol", null]);
});

test("a search goes on page by page and leaves none out", async () => {
  const seen: (string | null)[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: { name: string | null }[]; next_cursor: string | null } = await perform(
      context,
      listMolecules,
      ann,
      { tag: "solvent", limit: 1, ...(cursor === null ? {} : { cursor }) },
    );
    assert.equal(page.items.length, 1);
    seen.push(...page.items.map(({ name }) => name));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(seen.sort(), ["100% alcohol", "Ethanol"]);
});

test("empty, huge and NUL are refused, each naming what it is about", async () => {
  const refused = (search: Search) =>
    assert.rejects(
      perform(context, listMolecules, ann, search),
      (error: unknown) => error instanceof AppError && error.kind === "bad_input",
      JSON.stringify(search).slice(0, 40),
    );
  for (const field of ["name", "tag", "formula"] as const) {
    await refused({ [field]: "" });
    await refused({ [field]: "x".repeat(501) });
    await refused({ [field]: "a\u0000b" });
  }
});
