import { type Kysely, sql } from "kysely";
import pg from "pg";
import { viewerOf } from "../src/access/principal.ts";
import { withClient } from "../src/db/connect.ts";
import { ensureServer } from "../src/db/embedded/server.ts";
import { takeRole } from "../src/db/metadata.ts";
import { type ResultsDb, resultsKysely } from "../src/db/results.ts";
import type { DB } from "../src/db/tables/results.ts";
import { selectBest } from "../src/docking/store.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, type How, type Item, item, median } from "./measure.ts";

const PROTOCOLS = 5;
const SITES = 10;
const MOLECULES = 20_000;
const PAGE = 51;
const GOAL_MS = 20;
const GOAL_RATIO = 1.3;

type Query = { name: string; goal: boolean; ask: (db: ResultsDb) => Promise<unknown[]> };

export const benchmark: Benchmark = {
  name: "visibility",
  about: "first pages of large tables through row security, beside the same statements without it",
  async run({ quick, say }) {
    const rows = quick ? 50_000 : 1_000_000;
    await using lab = await openLab();
    const { superuser } = await ensureServer({ home: lab.home.path });
    const database = await databaseOf(lab);
    const address = { ...superuser, database };
    await withClient(address, "aliquot bench", async (client) => {
      const began = performance.now();
      await fill(client, lab.principal.user_id, rows);
      say(`${rows} calculations and poses in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    });
    // One connection for both sides: what differs is the role that the transaction takes.
    const db = resultsKysely(new pg.Pool({ ...address, max: 1 }));
    try {
      const items: Item[] = [];
      for (const query of QUERIES) items.push(...(await compare(lab, db, query, rows, { quick, say })));
      return items;
    } finally {
      await db.destroy();
    }
  },
};

async function compare(
  { context, principal }: Lab,
  db: Kysely<DB>,
  query: Query,
  rows: number,
  { quick, say }: Pick<How, "quick" | "say">,
): Promise<Item[]> {
  const as = (role: string) => async () => {
    const began = performance.now();
    const found = await db.transaction().execute(async (tx) => {
      await takeRole(role, { ...viewerOf(principal), is_org_admin: false }).execute(tx);
      return query.ask(tx);
    });
    if (found.length === 0) throw new Error(`${query.name}: nothing found`);
    return performance.now() - began;
  };
  const [member, bare] = [as(context.roles.member), as("none")];
  await alternate(5, member, bare); // pages into memory, catalogues into the connection
  const { a, b } = await alternate(quick ? 20 : 100, member, bare);
  const name = `${query.name}, first page, ${rows} rows`;
  say(`${name}: ${median(a).toFixed(2)} ms, without ${median(b).toFixed(2)} ms`);
  if (!query.goal) return [item(name, "ms", median(a), median(b))];
  return [
    item(name, "ms", median(a), null, { of: "value", most: GOAL_MS }),
    item(`${name}, ÷ without row security`, "ms", median(a), median(b), { of: "ratio", most: GOAL_RATIO }),
  ];
}

/** An id that says what it is of; in SQL. */
const id = (kind: number, n: string) =>
  `('0000000${kind}-0000-4000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
const uid = (kind: number, n: number) => `0000000${kind}-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;

/** Calculations as the product shows them; there is no operation yet that asks for them by numbers. */
function calculations(db: ResultsDb) {
  return db
    .selectFrom("calculations as c")
    .leftJoin("molecules as m", "m.molecule_id", "c.molecule_id")
    .selectAll("c")
    .select("m.smiles")
    .limit(PAGE);
}

function ofOneProtocol(db: ResultsDb, column: "gap_ev" | "energy_eh", from: number, to: number) {
  return calculations(db)
    .where("c.protocol_id", "=", uid(1, 2))
    .where(`c.${column}`, ">=", from)
    .where(`c.${column}`, "<", to)
    .where(sql<boolean>`c.connectivity_preserved IS NOT FALSE`)
    .orderBy(`c.${column}`)
    .orderBy("c.calculation_id");
}

const QUERIES: Query[] = [
  {
    name: "calculations of one protocol, gap_ev in a range, by gap",
    goal: true,
    ask: (db) => ofOneProtocol(db, "gap_ev", 4, 6).execute(),
  },
  {
    name: "calculations of one protocol, energy_eh in a range, by energy",
    goal: true,
    ask: (db) => ofOneProtocol(db, "energy_eh", -40, -30).execute(),
  },
  {
    name: "calculations, newest",
    goal: true,
    ask: (db) =>
      calculations(db).orderBy("c.created_at", "desc").orderBy("c.calculation_id", "desc").execute(),
  },
  {
    name: "calculations of one molecule",
    goal: true,
    ask: (db) => calculations(db).where("c.molecule_id", "=", uid(2, 77)).execute(),
  },
  {
    name: "best poses at a site",
    goal: true,
    ask: (db) => selectBest(db, { site_id: uid(4, 3), protocol_id: uid(1, 1), per: "pose", limit: PAGE }),
  },
  // Ranks every molecule of the site: its own goal is that of queries.
  {
    name: "best molecules at a site",
    goal: false,
    ask: (db) => selectBest(db, { site_id: uid(4, 3), protocol_id: uid(1, 1), per: "molecule", limit: PAGE }),
  },
];

async function databaseOf({ context, principal }: Lab): Promise<string> {
  const { database_name } = await context.metadata.system((tx) =>
    tx
      .selectFrom("org_databases")
      .select("database_name")
      .where("org_id", "=", principal.org_id)
      .executeTakeFirstOrThrow(),
  );
  return database_name;
}

/** Some twenty people; two rows in seven are private, nearly all of them somebody else's. */
async function fill(client: pg.ClientBase, me: string, rows: number): Promise<void> {
  const owner = `CASE WHEN n % 23 = 7 THEN '${me}'::uuid ELSE ${id(9, "n % 20")} END`;
  const hidden = "n % 7 < 2";
  const visibility = `CASE WHEN ${hidden} THEN 'private' ELSE 'organization' END`;
  const at = `timestamptz '2026-01-01' + n * interval '1 second'`;
  const series = (count: number) => `FROM generate_series(1, ${count}) AS n`;
  await client.query(`SET session_replication_role = replica; SELECT setseed(0.5);
    INSERT INTO protocols (protocol_id, params_hash, task, program, program_version, params)
      SELECT ${id(1, "n")}, lpad(to_hex(n), 64, '0'), 't', 'xtb', '6', '{}' ${series(PROTOCOLS)};
    INSERT INTO molecules (molecule_id, identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles,
        formula, charge, stereo_status, toolkit_version, heavy_atoms)
      SELECT ${id(2, "n")}, 'KEY-' || n, 'inchi', 1, 'C' || n, 'S' || n, 'CC(=O)Oc1ccccc1C(=O)O', 'C9H8O4', 0, 'none', 't', 13 ${series(MOLECULES)};
    INSERT INTO registrations (molecule_id, owner_id, visibility, name, input_text)
      SELECT ${id(2, "n")}, ${owner}, ${visibility}, 'Name ' || n, 'C' ${series(MOLECULES)}`);
  await withoutIndexes(
    client,
    "calculations",
    `INSERT INTO calculations (calculation_id, molecule_id, protocol_id, method, charge, multiplicity, unpaired_electrons,
        energy_eh, homo_ev, lumo_ev, gap_ev, dipole_debye, scf_converged, connectivity_preserved, program, program_version,
        owner_id, visibility, created_at)
      SELECT ${id(7, "n")}, ${id(2, `1 + n % ${MOLECULES}`)}, ${id(1, `1 + n % ${PROTOCOLS}`)}, 'GFN2-xTB', 0, 1, 0,
        -10 - random() * 90, -10, -5, random() * 12, random() * 8, true, n % 50 <> 0, 'xtb', '6.6.1', ${owner}, ${visibility}, ${at} ${series(rows)}`,
  );
  await withoutIndexes(
    client,
    "docking_results",
    `INSERT INTO docking_results (result_id, job_id, task_name, protocol_id, site_id, molecule_id, pose_rank, seed, affinity_kcal_mol,
        affinity_reported_kcal_mol, affinity_source, torsions, heavy_atoms, pose_structure_id, program, program_version, private_to)
      SELECT ${id(8, "n")}, ${id(5, "n / 9")}, 'dock', ${id(1, "1")}, ${id(4, `1 + (n / 9) % ${SITES}`)}, ${id(2, `1 + (n / 9) % ${MOLECULES}`)},
        1 + n % 9, 1, -4 - random() * 6, -7, 'terms', 3, 13, ${id(3, "n")}, 'vina', '1.2.3', CASE WHEN ${hidden} THEN ${owner} END ${series(rows)}`,
  );
  await client.query("VACUUM (ANALYZE) calculations, docking_results, molecules, registrations, protocols");
}

/** Indexes are made after the rows: several times faster, and as compact as after a REINDEX. */
async function withoutIndexes(client: pg.ClientBase, table: string, insert: string): Promise<void> {
  const { rows } = await client.query<{ name: string; text: string }>(
    `SELECT c.relname AS name, pg_get_indexdef(c.oid) AS text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)`,
    [table],
  );
  await client.query(rows.map(({ name }) => `DROP INDEX ${name}`).join("; "));
  await client.query(insert);
  for (const { text } of rows) await client.query(text);
}
