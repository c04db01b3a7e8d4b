import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inResults, makeOrg, person } from "../../test/support/context.ts";
import {
  allPages,
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
import { sha256 } from "../ids.ts";
import { listJobs } from "../jobs/operations.ts";
import { deleteMolecule } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { upsertProtocols } from "../protocols/store.ts";
import type { Site } from "../sites/schema.ts";
import { queryDockingOperation } from "./operations.ts";
import type { BestPer, QueryDocking } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const stranger = await person(context, await makeOrg(context), "scientist");

const query = (input: QueryDocking = {}, who = scientist) =>
  perform(context, queryDockingOperation, who, input);
const refused = (kind: string, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, says);
  return true;
};

let receptor: { structure_id: string };
let [site, tied, two]: Site[] = [];
let [usual, thorough] = ["", ""];
/** Molecules: two states of one compound, and another compound. */
let [neutral, charged, other] = ["", "", ""];
const jobs: string[] = [];

const add = async (
  at: Site | undefined,
  molecule_id: string,
  affinities: number[],
  more: { seed?: number; visibility?: "private"; protocol_id?: string } = {},
  who = scientist,
) => {
  assert.ok(at !== undefined);
  const { job_id } = await insertRun(context, who, {
    site: at,
    molecule_id,
    protocol_id: usual,
    affinities,
    ...more,
  });
  return job_id;
};

before(async () => {
  receptor = await prepareHpv(context, scientist);
  const make = (name: string) => createSite(context, scientist, receptor, { ...BOX, name });
  [usual, thorough] = [await insertProtocol(context, org, 8), await insertProtocol(context, org, 32)];
  const acid = { compound_key: "ACIDACIDACIDAC-ACIDACIDAC" };
  neutral = await insertMolecule(context, scientist, "CC(=O)O", { ...acid, name: "acid" });
  charged = await insertMolecule(context, scientist, "CC(=O)[O-]", acid);
  other = await insertMolecule(context, scientist, "CCO");
  site = await make("main");
  jobs.push(
    await add(site, neutral, [-9, -8.5]),
    await add(site, neutral, [-9.5, -7], { seed: 7 }),
    await add(site, charged, [-10]),
    await add(site, other, [-6]),
  );
  [tied, two] = [await make("tied"), await make("two protocols")];
});

const scores = (page: { items: { affinity_kcal_mol: number }[] }) =>
  page.items.map((row) => row.affinity_kcal_mol);

test("where nothing was docked yet the answer says so", async () => {
  await assert.rejects(query({}, stranger), refused("not_found", /nothing was docked here yet/));
  assert.deepEqual(await query({ site: "tied" }), {
    items: [],
    next_cursor: null,
    site_id: tied?.site_id,
    protocol_id: null,
  });
});

test("the best pose of each molecule, compound, or every pose, best score first", async () => {
  const ask = async (per?: BestPer) =>
    scores(await query({ site: "main", ...(per === undefined ? {} : { per }) }));
  assert.deepEqual(await ask("molecule"), [-10, -9.5, -6]);
  assert.deepEqual(await ask(), [-10, -9.5, -6]);
  assert.deepEqual(await ask("compound"), [-10, -6]);
  assert.deepEqual(await ask("pose"), [-10, -9.5, -9, -8.5, -7, -6]);
  const page = await query({ site: "main", per: "molecule" });
  assert.deepEqual([page.site_id, page.protocol_id, page.next_cursor], [site?.site_id, usual, null]);
  const row = page.items[1];
  assert.deepEqual(
    [
      row?.job_id,
      row?.molecule_id,
      row?.seed,
      row?.pose_rank,
      row?.smiles,
      row?.name,
      row?.ligand_efficiency,
    ],
    [jobs[1], neutral, 7, 1, "CC(=O)O", "acid", 0.95],
  );
});

test("a compound joins its states and keeps isomers apart, a skeleton joins both", async () => {
  const at = await createSite(context, scientist, receptor, { ...BOX, name: "isomers" });
  for (const [smiles, compound_key, affinity] of [
    ["C[C@H](N)F", "AMINEAMINEAMIN-RRRRRRRRRR", -8],
    ["C[C@H]([NH3+])F", "AMINEAMINEAMIN-RRRRRRRRRR", -9],
    ["C[C@@H](N)F", "AMINEAMINEAMIN-SSSSSSSSSS", -7],
    ["CCCF", "OTHEROTHEROTHE-UHFFFAOYSA", -6],
  ] as const)
    await add(at, await insertMolecule(context, scientist, smiles, { compound_key }), [affinity]);
  const ask = async (per: BestPer) => scores(await query({ site: "isomers", per }));
  assert.deepEqual(await ask("molecule"), [-9, -8, -7, -6]);
  assert.deepEqual(await ask("compound"), [-9, -7, -6]);
  assert.deepEqual(await ask("skeleton"), [-9, -6]);
});

test("a limit on the score and a molecule narrow the list", async () => {
  assert.deepEqual(
    scores(await query({ site: "main", per: "pose", max_affinity_kcal_mol: -8.5 })),
    [-10, -9.5, -9, -8.5],
  );
  assert.deepEqual(scores(await query({ site: "main", max_affinity_kcal_mol: -9.75 })), [-10]);
  assert.deepEqual(
    scores(await query({ site: "main", per: "pose", molecule_id: neutral })),
    [-9.5, -9, -8.5, -7],
  );
  assert.deepEqual((await query({ site: "main", molecule_id: MISSING })).items, []);
});

test("equal scores are paged without repeating or leaving out one", async () => {
  for (let n = 0; n < 7; n++)
    await add(
      tied,
      await insertMolecule(context, scientist, `C${"N".repeat(n)}`),
      [-7.123456789012345, -7.1, -7.1],
    );
  for (const per of ["molecule", "compound", "skeleton", "pose"] as const) {
    const whole = (await query({ site: "tied", per })).items;
    assert.equal(whole.length, per === "pose" ? 21 : 7);
    for (const limit of [1, 2, 3, 7]) {
      const paged = await allPages((input) => query({ site: "tied", per, ...input }), limit);
      assert.deepEqual(
        paged.map((row) => row.result_id),
        whole.map((row) => row.result_id),
        `${per} by ${limit}`,
      );
    }
  }
});

test("a cursor of another list is refused", async () => {
  const { next_cursor } = await perform(context, listJobs, scientist, { limit: 1 });
  assert.ok(next_cursor !== null);
  const wrong = query({ site: "tied", cursor: next_cursor });
  await assert.rejects(wrong, refused("bad_input", /of another list/));
  const { next_cursor: ranked } = await query({ site: "main", limit: 1 });
  await assert.rejects(
    perform(context, listJobs, scientist, { cursor: ranked ?? "" }),
    refused("bad_input", /of another list/),
  );
});

test("where a site has two protocols the question is answered with both, and each has its own ranking", async () => {
  await add(two, neutral, [-8]);
  await add(two, neutral, [-11, -10], { protocol_id: thorough });
  await assert.rejects(query({ site: "two protocols" }), (error: unknown) => {
    refused("bad_input", /one protocol: choose with `protocol_id`/)(error);
    const { message } = error as AppError;
    assert.ok(message.includes(`${usual} (vina 1.2.3, exhaustiveness 8, 1 poses)`), message);
    assert.ok(message.includes(`${thorough} (vina 1.2.3, exhaustiveness 32, 2 poses)`), message);
    return true;
  });
  const at = (protocol_id: string) => query({ site: "two protocols", per: "pose", protocol_id });
  assert.deepEqual(scores(await at(usual)), [-8]);
  assert.deepEqual(scores(await at(thorough)), [-11, -10]);
  assert.equal((await at(thorough.toUpperCase())).protocol_id, thorough);
  const none = refused("not_found", /no results of that protocol/);
  await assert.rejects(at(MISSING), none);
  await assert.rejects(query({ site: "main", protocol_id: thorough }), none);
});

test("of one molecule the choice of a protocol is among its own poses", async () => {
  const alone = await insertMolecule(context, scientist, "CCCCCCCCCN");
  await add(two, alone, [-6], { protocol_id: thorough });
  const page = await query({ site: "two protocols", molecule_id: alone });
  assert.deepEqual([page.protocol_id, scores(page)], [thorough, [-6]]);
  await assert.rejects(query({ site: "two protocols", molecule_id: neutral }), ({ message }: Error) =>
    message.includes(`${thorough} (vina 1.2.3, exhaustiveness 32, 2 poses)`),
  );
});

test("protocols are told apart by every parameter that differs, and by no other", async () => {
  const at = await createSite(context, scientist, receptor, { ...BOX, name: "three protocols" });
  const wishes = [
    { exhaustiveness: 8, num_modes: 9, scoring: "vina" },
    { exhaustiveness: 8, num_modes: 20, scoring: "vina" },
    { exhaustiveness: 8, num_modes: 20, scoring: "vina", spacing: { angstrom: 0.375 } },
  ];
  for (const params of wishes) {
    const params_hash = sha256(JSON.stringify(params));
    const protocol = { params_hash, task: "vina.dock", program: "vina", program_version: "1.2.3", params };
    const [protocol_id = ""] = await inResults(context, org, ({ tx }) => upsertProtocols(tx, [protocol]));
    await add(at, neutral, [-8], { protocol_id });
  }
  await assert.rejects(query({ site: "three protocols" }), ({ message }: Error) => {
    for (const said of [
      "(vina 1.2.3, num_modes 9, spacing not stated, 1 poses)",
      "(vina 1.2.3, num_modes 20, spacing not stated, 1 poses)",
      '(vina 1.2.3, num_modes 20, spacing {"angstrom":0.375}, 1 poses)',
    ])
      assert.ok(message.includes(said), message);
    return true;
  });
});

test("where several sites have results the question is answered with their names", async () => {
  await assert.rejects(query(), (error: unknown) => {
    refused("bad_input", /one site: choose with `site`/)(error);
    for (const one of [site, tied, two])
      assert.ok((error as AppError).message.includes(`${one?.name}@1 (${one?.site_id})`));
    return true;
  });
  await assert.rejects(query({ site: "nowhere" }), refused("not_found", /no binding site "nowhere"/));
});

test("poses of jobs come in the order of the jobs, best first within each, and nothing else is asked with them", async () => {
  const [first = "", second = "", third = ""] = jobs;
  const page = await query({ job_ids: [third, first, second] });
  assert.deepEqual(
    page.items.map((row) => [row.job_id, row.pose_rank]),
    [
      [third, 1],
      [first, 1],
      [first, 2],
      [second, 1],
      [second, 2],
    ],
  );
  assert.deepEqual([page.site_id, page.protocol_id, page.next_cursor], [null, null, null]);
  const unseen = refused("not_found", /^no such job/);
  await assert.rejects(query({ job_ids: [MISSING] }), unseen);
  await assert.rejects(query({ job_ids: [first, MISSING] }), refused("not_found", new RegExp(MISSING)));
  await assert.rejects(query({ job_ids: jobs }, stranger), unseen);
  assert.equal((await query({ job_ids: [first.toUpperCase()] })).items.length, 2);
  for (const more of [
    { site: "main" },
    { protocol_id: usual },
    { molecule_id: neutral },
    { max_affinity_kcal_mol: -9 },
    { limit: 1 },
    { cursor: "x" },
  ])
    await assert.rejects(
      query({ job_ids: jobs, ...more }),
      refused("bad_input", /all poses of/),
      JSON.stringify(more),
    );
});

test("a private job's poses are its owner's and admins', also in lists, counts and offers", async () => {
  const secret = await createSite(context, scientist, receptor, { ...BOX, name: "quiet" });
  const job = await add(secret, neutral, [-12, -11], { visibility: "private" });
  await assert.rejects(query({ job_ids: [job] }, colleague), refused("not_found", /^no such job/));
  for (const [who, found] of [
    [scientist, [-12, -11]],
    [boss, [-12, -11]],
    [colleague, []],
  ] as const) {
    if (found.length > 0) assert.deepEqual(scores(await query({ job_ids: [job] }, who)), found);
    assert.deepEqual(scores(await query({ site: "quiet", per: "pose" }, who)), found);
    assert.deepEqual(scores(await query({ site: "quiet", per: "compound" }, who)), found.slice(0, 1));
    await assert.rejects(
      query({}, who),
      (error: AppError) => /quiet/.test(error.message) === found.length > 0,
    );
  }
  await add(secret, neutral, [-5], { visibility: "private", protocol_id: thorough }, colleague);
  assert.equal(
    (await query({ site: "quiet" })).protocol_id,
    usual,
    "a colleague's protocol is not seen either",
  );
});

test("a name that a colleague keeps private is not shown, one's own is", async () => {
  const smiles = "CCCCCCCCN";
  const named = { name: "secret lead", visibility: "private" as const };
  const molecule_id = await insertMolecule(context, scientist, smiles, named);
  await insertMolecule(context, colleague, smiles);
  const job = await add(tied, molecule_id, [-3], {}, colleague);
  const nameFor = async (who: typeof scientist) => (await query({ job_ids: [job] }, who)).items[0]?.name;
  assert.deepEqual([await nameFor(scientist), await nameFor(colleague)], ["secret lead", null]);
  assert.equal((await query({ site: "tied", molecule_id }, colleague)).items[0]?.name, null);
});

test("molecules whose registrations are gone are still told apart", async () => {
  const gone = await createSite(context, scientist, receptor, { ...BOX, name: "gone" });
  for (const [smiles, affinity] of [
    ["NNN", -4],
    ["NNNN", -5],
  ] as const) {
    const molecule_id = await insertMolecule(context, scientist, smiles);
    await add(gone, molecule_id, [affinity]);
    await perform(context, deleteMolecule, scientist, { molecule_id });
  }
  const { items } = await query({ site: "gone", per: "compound" });
  assert.deepEqual(
    items.map((row) => [row.affinity_kcal_mol, row.smiles]),
    [
      [-5, null],
      [-4, null],
    ],
  );
});
