import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  BOX,
  createSite,
  insertMolecule,
  insertProtocol,
  insertRun,
  prepareHpv,
} from "../../test/support/docking.ts";
import { asked, planAs } from "../../test/support/plan.ts";
import { openLab } from "../../test/support/worker.ts";
import { newId } from "../ids.ts";
import { type BestQuery, selectBest, selectProtocolsOfSite } from "./store.ts";

const { context, org, scientist } = await openLab({ after });
/** Enough that reading them all costs more than looking up a page; nine to a run. */
const POSES = 18_000;
let query: BestQuery;

before(async () => {
  const receptor = await prepareHpv(context, scientist);
  const site = await createSite(context, scientist, receptor, BOX);
  const [molecule_id, protocol_id] = [
    await insertMolecule(context, scientist, "CCO"),
    await insertProtocol(context, org, 8),
  ];
  await insertRun(context, scientist, { site, molecule_id, protocol_id, affinities: [-9] });
  // Every pose in a task of its own, and each ninth a first one.
  await context.superuser(
    `INSERT INTO docking_results (job_id, task_name, protocol_id, site_id, molecule_id, pose_rank, seed, affinity_kcal_mol,
       affinity_reported_kcal_mol, affinity_source, torsions, heavy_atoms, pose_structure_id, program, program_version)
     SELECT job_id, 'task ' || n, protocol_id, site_id, molecule_id, 1 + n % 9, 42, -5 - (n % 997) / 250.0, -5, 'terms', 1, 10,
       pose_structure_id, program, program_version FROM docking_results, generate_series(1, ${POSES}) AS n`,
    [],
    org.database_name,
  );
  for (const smiles of ["CCN", "CCF"]) {
    const other = await insertMolecule(context, scientist, smiles);
    await insertRun(context, scientist, { site, molecule_id: other, protocol_id, affinities: [-8.9, -8.8] });
  }
  await vacuumed();
  query = { site_id: site.site_id, protocol_id, per: "pose", limit: 51 };
});

/** As autovacuum leaves the table: without its visibility map an index answers nothing alone. */
async function vacuumed(): Promise<void> {
  const ask = (text: string) => context.superuser<{ done: boolean }>(text, [], org.database_name);
  // The first one may still count the last insertion as somebody's present.
  for (let n = 0; n < 5; n++) {
    await ask("VACUUM ANALYZE");
    const [table] = await ask(
      "SELECT relallvisible = relpages AS done FROM pg_class WHERE relname = 'docking_results'",
    );
    if (table?.done === true) return;
  }
}

test("a member's ranked list reads a page out of the index, however many poses there are", async () => {
  const first = await context.results.read(scientist, ({ tx }) => selectBest(tx, query));
  assert.equal(first.length, 51);
  const last = first.at(-1);
  const before = { at: String(last?.affinity_kcal_mol), id: last?.result_id ?? newId() };
  for (const wish of [query, { ...query, before }, { ...query, max_affinity_kcal_mol: -8.5 }]) {
    const plan = await planAs(context, scientist, await asked((db) => selectBest(db, wish)));
    const poses = plan.filter((node) => node["Relation Name"] === "docking_results");
    assert.deepEqual(
      poses.map((node) => [node["Node Type"], node["Index Name"]]).toSorted(),
      [
        ["Index Scan", "docking_results_best"],
        ["Index Scan", "docking_results_pkey"],
      ],
      JSON.stringify(plan.map((node) => [node["Node Type"], node["Relation Name"], node["Index Name"]])),
    );
    assert.ok(
      plan.every((node) => node["Actual Rows"] <= 51),
      JSON.stringify(wish),
    );
  }
});

test("a member's best of each molecule, compound or skeleton are ranked in an index alone, and rows read for the page", async () => {
  for (const per of ["molecule", "compound", "skeleton"] as const) {
    const wish = { ...query, per };
    const rows = await context.results.read(scientist, ({ tx }) => selectBest(tx, wish));
    assert.deepEqual(
      rows.map((row) => row.affinity_kcal_mol),
      [-9, -8.9, -8.9],
    );
    const plan = await planAs(context, scientist, await asked((db) => selectBest(db, wish)));
    const poses = plan.filter((node) => node["Relation Name"] === "docking_results");
    assert.deepEqual(
      poses
        .map((node) => [node["Node Type"], node["Index Name"], node["Actual Rows"]])
        .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
      [
        ["Index Only Scan", "docking_results_first", POSES / 9 + 3],
        ["Index Scan", "docking_results_pkey", 1],
      ],
      per,
    );
    // Row security and the ranking itself leave one row for each molecule.
    assert.ok(!plan.some((node) => node["Node Type"] === "Seq Scan" && node["Actual Rows"] > 10), per);
  }
});

test("which protocols a site has is found without reading its poses", async () => {
  const plan = await planAs(
    context,
    scientist,
    await asked((db) => selectProtocolsOfSite(db, { site_id: query.site_id, molecule_id: undefined }, 6)),
  );
  assert.ok(plan.some((node) => node["Relation Name"] === "docking_results"));
  assert.ok(
    plan.every((node) => node["Actual Rows"] <= 1),
    JSON.stringify(plan),
  );
});
