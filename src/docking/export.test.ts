import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeOrg, person } from "../../test/support/context.ts";
import {
  BOX,
  createSite,
  insertMolecule,
  insertProtocol,
  insertRun,
  MISSING,
  prepareHpv,
} from "../../test/support/docking.ts";
import { openLab } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { perform } from "../perform.ts";
import { showSite, validateSiteOperation } from "../sites/operations.ts";
import type { Site } from "../sites/schema.ts";
import { showStructure } from "../structures/operations.ts";
import { parseMolblock, splitSdf } from "../structures/sdf.ts";
import { exportPosesOperation, queryDockingOperation } from "./operations.ts";
import type { DockingResult } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const viewer = await person(context, org, "viewer");
const stranger = await person(context, await makeOrg(context), "scientist");

let [site, secret]: Site[] = [];
let protocol_id = "";
/** Poses of two runs, and of a private one. */
let [first, second, hidden]: DockingResult[][] = [];

const posesOf = async (job_id: string) =>
  (await perform(context, queryDockingOperation, scientist, { job_ids: [job_id] })).items;
const add = async (name: string, affinities: number[], more = {}) => {
  assert.ok(site !== undefined);
  const molecule_id = await insertMolecule(context, scientist, `C ${name}`, { name });
  const run = { site, molecule_id, protocol_id, affinities, ...more };
  return posesOf((await insertRun(context, scientist, run)).job_id);
};

before(async () => {
  const receptor = await prepareHpv(context, scientist);
  const place = { ...BOX, reference: { residue: "478" } };
  site = await createSite(context, scientist, receptor, { ...place, name: "open" });
  secret = await createSite(context, colleague, receptor, {
    ...place,
    name: "theirs",
    visibility: "private",
  });
  protocol_id = await insertProtocol(context, org, 8);
  first = await add("one", [-9, -8, -7]);
  second = await add("two", [-6, -5]);
  hidden = await add("three", [-4], { visibility: "private" });
});

const exported = (ids: string[], who = scientist) =>
  perform(context, exportPosesOperation, who, { result_ids: ids });
const records = (content: string) => splitSdf(content).map(({ text }) => parseMolblock(text));
const id = (row: DockingResult | undefined) => row?.result_id ?? "";
const refused = (kind: string, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, says);
  return true;
};

test("poses are written in the order asked for, each the record of its own file, with scores and ids", async () => {
  const asked = [second?.[1], first?.[2], first?.[0], second?.[0]];
  const { records: count, content } = await exported(asked.map(id));
  const found = records(content);
  assert.equal(count, 4);
  assert.deepEqual(
    found.map(({ geometry, properties }) => [
      geometry.positions_angstrom[0],
      properties["affinity_kcal_mol"],
    ]),
    [
      [[2, -5, 0], "-5.000"],
      [[3, -7, 0], "-7.000"],
      [[1, -9, 0], "-9.000"],
      [[1, -6, 0], "-6.000"],
    ],
  );
  for (const [index, row] of asked.entries()) {
    const { result_id, job_id, site_id, molecule_id, name, pose_rank } = found[index]?.properties ?? {};
    assert.deepEqual(
      { result_id, job_id, site_id, molecule_id, name, pose_rank },
      {
        result_id: row?.result_id,
        job_id: row?.job_id,
        site_id: site?.site_id,
        molecule_id: row?.molecule_id,
        name: row?.name,
        pose_rank: String(row?.pose_rank),
      },
    );
  }
  assert.ok(content.endsWith("$$$$\n") && !/\n\n\n>/.test(content));
});

test("one pose is one record, asked for twice too", async () => {
  const [row] = first ?? [];
  assert.equal((await exported([id(row)])).records, 1);
  assert.equal((await exported([id(row), id(row)])).records, 1);
  const shown = await perform(context, showStructure, colleague, {
    structure_id: row?.pose_structure_id ?? "",
  });
  assert.deepEqual(records(shown.content)[0]?.geometry.positions_angstrom, [[1, -9, 0]]);
  assert.equal(shown.kind, "pose");
});

test("a name can't end its record or begin another item", async () => {
  for (const name of ["$$$$", "> <pose_rank>", "a\n$$$$\nb", "a\n\n> <x>\n1", "\r\n$$$$ evil", "M  END"]) {
    const rows = await add(name, [-3]);
    const { content } = await exported([id(rows[0]), id(first?.[0])]);
    const [odd, next, ...more] = records(content);
    assert.equal(more.length, 0, JSON.stringify(name));
    assert.equal(odd?.properties["pose_rank"], "1", JSON.stringify(name));
    assert.deepEqual(next?.properties["result_id"], id(first?.[0]));
    assert.ok(!("x" in (odd?.properties ?? {})));
  }
});

test("what is missing, private or another organization's is not found, and then nothing is exported", async () => {
  const none = refused("not_found", /no such docking result|not yours/);
  for (const [who, ids] of [
    [scientist, [MISSING]],
    [scientist, [id(first?.[0]), MISSING]],
    [colleague, [id(hidden?.[0])]],
    [colleague, [id(first?.[0]), id(hidden?.[0])]],
    [stranger, [id(first?.[0])]],
  ] as const)
    await assert.rejects(exported([...ids], who), none);
  assert.equal((await exported([id(hidden?.[0])], boss)).records, 1);
  assert.equal((await exported([id(first?.[0])], viewer)).records, 1);
  await assert.rejects(exported([]), refused("bad_input", /result_ids/));
  await assert.rejects(exported(Array(1001).fill(MISSING)), refused("bad_input", /result_ids/));
});

const validate = (of: Site | undefined, job_id: string, who = scientist) =>
  perform(context, validateSiteOperation, who, { site_id: of?.site_id ?? "", job_id });

test("a redocking is kept with its site: how near the first pose came, and which came nearest", async () => {
  const rows = await add("reference", [-10, -9.5, -9, -8], {
    rmsds_reference_angstrom: [1.9, 8.5, 1.2, 1.3],
    seed: 7,
  });
  const job_id = rows[0]?.job_id ?? "";
  const kept = (await validate(site, job_id)).validation;
  const found = { job_id, affinity_kcal_mol: -10, rmsd_reference_angstrom: 1.9, seed: 7 };
  const best = { best_rmsd_reference_angstrom: 1.2, best_rmsd_rank: 3, found: true, limit_angstrom: 2 };
  assert.deepEqual(kept, { ...found, ...best });
  const far = await add("again", [-11], { rmsds_reference_angstrom: [2.01] });
  const now = (await validate(site, far[0]?.job_id ?? "", boss)).validation as Record<string, unknown>;
  assert.deepEqual([now["found"], now["rmsd_reference_angstrom"]], [false, 2.01]);
});

test("what is no redocking there, or not one's to keep, is refused", async () => {
  const none = refused("bad_input", /no pose of this site's reference/);
  await assert.rejects(validate(site, first?.[0]?.job_id ?? ""), none);
  await assert.rejects(validate(site, MISSING), none);
  const rows = await add("mine", [-10], { rmsds_reference_angstrom: [1] });
  const job_id = rows[0]?.job_id ?? "";
  await assert.rejects(validate(secret, job_id, boss), none, "it docked at another site");
  await assert.rejects(validate(site, job_id, colleague), refused("forbidden", /owner and admins/));
  await assert.rejects(validate(site, job_id, viewer), refused("forbidden", /./));
  for (const [of, who] of [
    [secret, scientist],
    [site, stranger],
  ] as const)
    await assert.rejects(validate(of, job_id, who), refused("not_found", /no such binding site/));
  const before = (await perform(context, showSite, scientist, { site: site?.site_id ?? "" })).validation;
  const quiet = await add("quiet", [-10], { rmsds_reference_angstrom: [1], visibility: "private" });
  await assert.rejects(validate(secret, quiet[0]?.job_id ?? "", colleague), none, "a job that one can't see");
  for (const who of [scientist, boss])
    await assert.rejects(
      validate(site, quiet[0]?.job_id ?? "", who),
      refused("bad_input", /job is private and the site is not/),
      "whoever sees the site would see the job's result",
    );
  const after = await perform(context, showSite, scientist, { site: site?.site_id ?? "" });
  assert.deepEqual(after.validation, before);
});

test("where the reference's molecule is known, its stereoisomers are no redocking of it, its other states are", async () => {
  const place = { ...BOX, name: "known", reference: { residue: "478" }, visibility: "private" as const };
  const known = await createSite(
    context,
    scientist,
    { structure_id: site?.receptor_structure_id ?? "" },
    place,
  );
  const isomer = (smiles: string, compound_key: string) =>
    insertMolecule(context, scientist, smiles, { compound_key });
  const drawn = await isomer("N[C@H](C)F", "RRRRRRRRRRRRRR-RRRRRRRRRR");
  await context.superuser(
    "UPDATE structures SET molecule_id = $2 WHERE structure_id = $1",
    [known.reference_structure_id, drawn],
    org.database_name,
  );
  const dock = async (molecule_id: string) => {
    const run = { site: known, molecule_id, protocol_id, affinities: [-9], visibility: "private" as const };
    return (await insertRun(context, scientist, { ...run, rmsds_reference_angstrom: [0.5] })).job_id;
  };
  const mirror = await dock(await isomer("N[C@@H](C)F", "RRRRRRRRRRRRRR-SSSSSSSSSS"));
  await assert.rejects(validate(known, mirror), refused("bad_input", /no pose of this site/));
  for (const molecule of [drawn, await isomer("[NH3+][C@H](C)F", "RRRRRRRRRRRRRR-RRRRRRRRRR")])
    assert.equal(
      ((await validate(known, await dock(molecule))).validation as { found: boolean }).found,
      true,
    );
});

test("each export is one row of the audit log, with its count and nothing of what it holds; a refused one is none", async () => {
  const told = () =>
    context.superuser<{ metadata: object; user_id: string; org_id: string }>(
      "SELECT metadata, user_id, org_id FROM audit_logs WHERE action = 'docking.export' AND org_id = $1 ORDER BY seq",
      [org.org_id],
    );
  const before = (await told()).length;
  await exported([id(first?.[0]), id(second?.[0])]);
  await assert.rejects(exported([newId()]));
  const rows = await told();
  assert.equal(rows.length, before + 1);
  assert.deepEqual(rows.at(-1), {
    metadata: { records: 2 },
    user_id: scientist.user_id,
    org_id: org.org_id,
  });
});
