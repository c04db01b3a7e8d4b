import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { damage } from "../../test/support/outputs.ts";
import type { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { addMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import type { TaskContext } from "./adapter.ts";
import { conformerOf, loadMolecule } from "./conformer.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const records = [{ text: "CCO", format: "smiles" as const }];
const { items } = await perform(context, addMolecules, scientist, { records });
const molecule_id = items[0]?.molecule_id ?? "";

const task: TaskContext = {
  ...{ org_id: org.org_id, job_id: newId(), task_name: "optimize", exec_id: newId() },
  ...{ owner_id: scientist.user_id, visibility: "organization", params: { seed: 7 }, site_ids: [] },
  inputs: [{ key: "molecule", molecule_id, structure_id: null }],
};
const lend = <T>(work: Parameters<typeof context.results.forMachinery<T>>[1]) =>
  context.results.forMachinery(org.org_id, work);

async function ask() {
  const loaded = await lend((scope) => loadMolecule(scope, task, molecule_id));
  return conformerOf(context, lend, task, loaded);
}

test("a conformer is made once, and made again where its file is damaged or lost: the same bytes, the same row", async () => {
  const first = await ask();
  const { uri, size_bytes, structure_id } = first.row;
  const again = await ask();
  assert.deepEqual(
    [again.row.structure_id, Buffer.from(again.bytes)],
    [structure_id, Buffer.from(first.bytes)],
  );
  const root = join(context.home, "objects");
  damage(root, org.org_id, uri, size_bytes);
  assert.equal((await ask()).row.structure_id, structure_id);
  assert.deepEqual(Buffer.from(await context.objects.get(org.org_id, uri)), Buffer.from(first.bytes));
  const hash = uri.replace("object:", "");
  rmSync(join(root, org.org_id, hash.slice(0, 2), hash.slice(2)));
  assert.equal((await ask()).row.structure_id, structure_id);
  assert.deepEqual(Buffer.from(await context.objects.get(org.org_id, uri)), Buffer.from(first.bytes));
});

test("one that the generator makes no more is lost, and nothing else is passed off as it", async () => {
  const { row } = await ask();
  const hash = row.uri.replace("object:", "");
  rmSync(join(context.home, "objects", org.org_id, hash.slice(0, 2), hash.slice(2)));
  const { toolkit } = context;
  const other = { ...toolkit, embed: (smiles: string) => toolkit.embed(smiles, { seed: 8 }) };
  const loaded = await lend((scope) => loadMolecule(scope, task, molecule_id));
  const asked = conformerOf({ ...context, toolkit: other }, lend, task, loaded);
  await assert.rejects(asked, (error: AppError) => error.kind === "damaged");
  await ask();
});
