import assert from "node:assert/strict";
import { after, test } from "node:test";
import { person } from "../../test/support/context.ts";
import { openLab } from "../../test/support/worker.ts";
import { createBatchOperation } from "../batches/operations.ts";
import { submitCalculationsOperation } from "../calculations/operations.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { perform } from "../perform.ts";
import { runPipelineOperation } from "../pipelines/operations.ts";
import type { Toolkit } from "../toolkit/toolkit.ts";
import type { Turn } from "../toolkit/turns.ts";
import { addMolecules, deleteMolecule, listMolecules, showMolecule } from "./operations.ts";
import { smilesRecords } from "./read-file.ts";
import type { AddMolecules } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });

const add = (texts: string[], more: Partial<AddMolecules> = {}) =>
  perform(context, addMolecules, scientist, {
    records: texts.map((text) => ({ text, format: "smiles" as const })),
    ...more,
  });

test("two drawings of one species are one molecule; registering again says that it is known", async () => {
  const { items } = await add(["OC(=O)c1ccccc1OC(C)=O", "CC(=O)Oc1ccccc1C(=O)O"]);
  assert.equal(items[0]?.inchikey, "BSYNRYMUTXBXSQ-UHFFFAOYSA-N");
  assert.equal(items[0]?.molecule_id, items[1]?.molecule_id);
  assert.equal(items[0]?.created, true);
  assert.equal((await add(["CC(=O)Oc1ccccc1C(=O)O"])).items[0]?.created, false);
  const rows = await context.superuser(
    "SELECT 1 FROM molecules WHERE inchikey = $1",
    ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N"],
    org.database_name,
  );
  assert.equal(rows.length, 1);
});

test("whatever asks the toolkit asks in its organization's turn, and gives up with who asked", async () => {
  const asked: (Turn | undefined)[] = [];
  const toolkit: Toolkit = {
    ...context.toolkit,
    identify: (inputs, turn) => {
      asked.push(turn);
      return context.toolkit.identify(inputs, turn);
    },
  };
  const services = { ...context, toolkit };
  const { signal } = new AbortController();
  const pipeline = "xtb-optimize";
  const records = [{ text: "C[C@H](F)Cl", format: "smiles" as const }];
  const added = await perform(services, addMolecules, scientist, { records }, { signal });
  const molecule_ids = added.items.map(({ molecule_id }) => molecule_id);
  await perform(
    services,
    submitCalculationsOperation,
    scientist,
    { task: "optimize", molecules: records },
    { signal },
  );
  await perform(services, runPipelineOperation, scientist, { pipeline, molecule_ids }, { signal });
  await perform(services, createBatchOperation, scientist, { pipeline, molecules: records }, { signal });
  assert.equal(asked.length, 7, "what is drawn, or nothing, and but for the first what is known");
  for (const turn of asked) {
    assert.equal(turn?.turn, org.org_id);
    assert.equal(turn?.signal, signal);
  }
  const late = perform(context, addMolecules, scientist, { records }, { signal: AbortSignal.abort() });
  await assert.rejects(late, { name: "AbortError" });
});

test("registered ten times at once, a species is one molecule and one registration", async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => add(["CCCCCCCCN"])));
  const ids = new Set(answers.map((answer) => answer.items[0]?.molecule_id));
  assert.equal(ids.size, 1);
  const rows = await context.superuser(
    "SELECT 1 FROM registrations WHERE molecule_id = $1",
    [[...ids][0]],
    org.database_name,
  );
  assert.equal(rows.length, 1);
});

test("a batch whose species are drawn in other orders does not deadlock with another", async () => {
  const smiles = Array.from({ length: 30 }, (_, n) => `${"C".repeat(n + 1)}F`);
  const ends = await Promise.allSettled(
    Array.from({ length: 6 }, (_, n) => add(n % 2 === 0 ? smiles : smiles.toReversed())),
  );
  assert.deepEqual(
    ends.filter((end) => end.status === "rejected"),
    [],
  );
});

test("an acid and its anion are two species with one compound key, and related", async () => {
  const { items } = await add(["CC(=O)O", "CC(=O)[O-]"]);
  const [acid, anion] = items;
  assert.ok(acid !== undefined && anion !== undefined);
  assert.notEqual(acid.molecule_id, anion.molecule_id);
  const shown = await perform(context, showMolecule, scientist, { molecule_id: anion.molecule_id });
  const parent = await perform(context, showMolecule, scientist, { molecule_id: acid.molecule_id });
  assert.equal(shown.compound_key, parent.compound_key);
  const relations = shown.relations as { parent_id: string; child_id: string; kind: string }[];
  assert.deepEqual(
    relations.map(({ parent_id, child_id, kind }) => [parent_id, child_id, kind]),
    [[acid.molecule_id, anion.molecule_id, "protomer"]],
  );
});

test("a salt is registered with its parent, which is related to it", async () => {
  const { items } = await add(["C[NH+](C)C.[Cl-]"]);
  const shown = await perform(context, showMolecule, scientist, { molecule_id: items[0]?.molecule_id ?? "" });
  const kinds = (shown.relations as { kind: string }[]).map((row) => row.kind);
  assert.ok(kinds.includes("salt_parent"), kinds.join());
});

test("one bad record never stops the rest, and is told with its line and a reason", async () => {
  const { items, rejected } = await add(["CCO", "C1CC", "CCN", "*", ""]);
  assert.equal(items.length, 2);
  assert.deepEqual(
    rejected.map(({ line, input }) => [line, input]),
    [
      [2, "C1CC"],
      [4, "*"],
      [5, ""],
    ],
  );
  assert.ok(rejected.every((row) => row.message !== "" && row.code !== ""));
});

test("names, properties and lines of a file come back as they were", async () => {
  const name = "Ærø ☃ \"quoted\" \\ 'x'; DROP TABLE molecules";
  const record = {
    text: "CCCCCCCCCCO",
    format: "smiles" as const,
    name,
    line: 17,
    properties: { "pKa (°)": "7.4", empty: "" },
  };
  const { items } = await perform(context, addMolecules, scientist, {
    records: [record],
    source_file: "mine.smi",
  });
  const shown = await perform(context, showMolecule, scientist, { molecule_id: items[0]?.molecule_id ?? "" });
  const [row] = shown.registrations as Record<string, unknown>[];
  assert.deepEqual(
    [row?.["name"], row?.["properties"], row?.["source_file"], row?.["source_row"], row?.["input_text"]],
    [name, record.properties, "mine.smi", 17, record.text],
  );
});

test("a record with a NUL or another control in its name is rejected, and the one beside it is registered", async () => {
  const records = [
    { text: "CCCCCCCI", format: "smiles" as const },
    { text: "CCI", format: "smiles" as const, name: "a\u0000b" },
    { text: "CCI", format: "smiles" as const, name: "a\u001b[2Jb" },
    { text: "CCI", format: "smiles" as const, name: "a\u202eb" },
  ];
  const answer = await perform(context, addMolecules, scientist, { records });
  assert.deepEqual(
    answer.items.map(({ smiles }) => smiles),
    ["CCCCCCCI"],
  );
  assert.deepEqual(
    answer.rejected.map(({ line, code }) => [line, code]),
    [
      [2, "bad_input"],
      [3, "bad_input"],
      [4, "bad_input"],
    ],
  );
  assert.doesNotMatch(JSON.stringify(answer.rejected), /\\u001b|\\u0000/);
  const file = smilesRecords("CCI\tiodo\tethane\nCCO |atomProp| a b\n");
  assert.deepEqual(
    file.map(({ name }) => name),
    ["iodo ethane", "a b"],
  );
});

test("molecules are listed once each, newest first, in pages that leave none out", async () => {
  const all = (await perform(context, listMolecules, scientist, { limit: 1000 })).items.map(
    (row) => row.molecule_id,
  );
  assert.equal(new Set(all).size, all.length);
  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await perform(context, listMolecules, scientist, {
      limit: 7,
      ...(cursor == null ? {} : { cursor }),
    });
    seen.push(...page.items.map((row) => row.molecule_id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(seen, all);
});

test("a molecule that is missing is not found", async () => {
  const call = perform(context, showMolecule, scientist, { molecule_id: newId() });
  await assert.rejects(call, (error: unknown) => error instanceof AppError && error.kind === "not_found");
});

test("taking a molecule back takes back one's own registrations and no colleague's", async () => {
  const colleague = await person(context, org, "scientist");
  const records = [{ text: "CCCCCCCCCCCCS", format: "smiles" as const }];
  const { items } = await perform(context, addMolecules, scientist, { records });
  const molecule_id = items[0]?.molecule_id ?? "";
  const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
  await assert.rejects(perform(context, deleteMolecule, colleague, { molecule_id }), kind("forbidden"));
  await perform(context, addMolecules, colleague, { records });
  assert.deepEqual(await perform(context, deleteMolecule, scientist, { molecule_id }), {
    molecule_id,
    registrations: 1,
  });
  assert.equal((await perform(context, showMolecule, scientist, { molecule_id })).registrations.length, 1);
  await perform(context, deleteMolecule, colleague, { molecule_id });
  await assert.rejects(perform(context, showMolecule, colleague, { molecule_id }), kind("not_found"));
  await assert.rejects(perform(context, deleteMolecule, colleague, { molecule_id }), kind("not_found"));
});

test("records of which none is taken are refused as a whole, each with its line, code and reason", async () => {
  const before = (await perform(context, listMolecules, scientist, { limit: 1000 })).items.length;
  await assert.rejects(add(["C(", "*"]), (error: AppError) => {
    assert.deepEqual(
      [error.kind, error.fields.map(({ path, line }) => [path, line])],
      [
        "bad_input",
        [
          ["/records/0/text", 1],
          ["/records/1/text", 2],
        ],
      ],
    );
    assert.match(error.message, /^2 of 2 refused, the first: /);
    return error.fields.every(({ code = "", rule }) => code !== "" && rule !== "");
  });
  assert.equal((await perform(context, listMolecules, scientist, { limit: 1000 })).items.length, before);
});
