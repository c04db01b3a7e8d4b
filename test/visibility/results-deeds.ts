import { ANN, BOB, EVE, uid } from "./people.ts";
import type { Deed } from "./table.ts";

/** What the functions of a results database give to whom, and tricks that must not work. */
export function deedsOfResults(): Deed[] {
  const register = (key: string, owner: string, project_id: string | null = null) => {
    const species = {
      identity_key: key,
      identity_kind: "inchi",
      identity_version: 1,
      compound_key: "C",
      skeleton_key: "S",
      smiles: "C",
      formula: "C",
      charge: 0,
      stereo_status: "none",
      toolkit_version: "t",
      heavy_atoms: 1,
    };
    const registration = {
      owner_id: owner,
      visibility: "private",
      name: "mine",
      input_text: "x",
      project_id,
    };
    return `register_molecules('${JSON.stringify([{ species, registration }])}')`;
  };
  const created = (key: string, owner: string) => `SELECT created::text FROM ${register(key, owner)}`;
  const found = (call: string) =>
    `SELECT string_agg(right(found::text, 2), ' ' ORDER BY found) FROM ${call} AS found`;
  const byName = (text: string) => found(`search_registrations('${text}', NULL, NULL)`);
  const relate = `SELECT relate_molecules('${uid("molecule", "a1")}', '${uid("molecule", "a9")}', 'tautomer', 'deed', 't')`;
  const relatePrivate = `SELECT relate_molecules('${uid("molecule", "a1")}', '${uid("molecule", "a2")}', 'tautomer', 'deed', 't')`;
  const nextRank = `next_rank('${BOB}', 'xtb', 5::smallint)`;
  const related = "SELECT count(*)::text FROM public.molecule_relations WHERE rule = 'deed'";
  const bob = "bob, her colleague";

  return [
    {
      about: "the machinery says of an attempt what a person may not",
      as: "the machinery",
      text: `UPDATE public.task_executions SET status = 'lost', ended_at = now() WHERE exec_id = '${uid("exec", "a1")}' RETURNING status`,
      gives: "lost",
    },
    {
      about: "what a colleague has in private is new to bob",
      as: bob,
      text: created("KEY-a2", BOB),
      gives: "true",
    },
    { about: "her own is known to ann", as: "ann", text: created("KEY-a2", ANN), gives: "false" },
    { about: "what all see is known to bob", as: bob, text: created("KEY-a1", BOB), gives: "false" },
    {
      about: "a registration in a colleague's name",
      as: bob,
      text: created("KEY-x", ANN),
      gives: "refused",
    },
    ...(["a1", "a2"] as const).map(
      (project): Deed => ({
        about: `a registration into ann's project ${project}`,
        as: bob,
        text: `SELECT created::text FROM ${register("KEY-x", BOB, uid("project", project))}`,
        gives: project === "a1" ? "true" : "refused",
      }),
    ),
    { about: "an admin may register for ann", as: "an admin", text: created("KEY-x", ANN), gives: "true" },
    {
      about: "a registration from elsewhere",
      as: "a stranger",
      text: created("KEY-x", EVE),
      gives: "refused",
    },
    {
      about: "an empty list from elsewhere",
      as: "a stranger",
      text: "SELECT count(*)::text FROM register_molecules('[]')",
      gives: "refused",
    },
    {
      about: "a species that bob has in private, registered by ann, shows her registration alone",
      as: "ann",
      text: `SELECT ${register("KEY-b2", ANN)};
        SELECT count(*)::text FROM registrations WHERE molecule_id = '${uid("molecule", "b2")}'`,
      gives: "1",
    },
    { about: "a relation stated by ann", as: "ann", text: relate, after: related, gives: "1" },
    {
      about: "a relation to a molecule that bob does not see",
      as: bob,
      text: relatePrivate,
      after: related,
      gives: "0",
    },
    {
      about: "the same, stated by ann, who does",
      as: "ann",
      text: relatePrivate,
      after: related,
      gives: "1",
    },
    ...["registrations", "collections", "artifacts", "datasets"].flatMap((table): Deed[] => [
      {
        about: `${table} moved into a project that only a colleague sees`,
        as: "ann",
        text: `UPDATE ${table} SET project_id = '${uid("project", "b2")}' WHERE owner_id = '${ANN}'`,
        gives: "refused",
      },
      {
        about: `${table} moved into a project of one's own`,
        as: "ann",
        text: `WITH moved AS (UPDATE ${table} SET project_id = '${uid("project", "a2")}' WHERE owner_id = '${ANN}' RETURNING 1)
          SELECT (count(*) > 0)::text FROM moved`,
        gives: "true",
      },
    ]),
    {
      about: "what is in a project that became private is still one's own to change",
      as: bob,
      text: `UPDATE jobs SET seq = 78 WHERE owner_id = '${BOB}'; SELECT count(*)::text FROM jobs WHERE seq = 78`,
      gives: "1",
    },
    {
      about: "a relation stated where no organization is set",
      as: "the machinery",
      text: relate,
      after: related,
      gives: "0",
    },
    { about: "a relation stated from elsewhere", as: "a stranger", text: relate, after: related, gives: "0" },

    { about: "names, whatever the case", as: bob, text: byName("100%_sEcReT"), gives: "a1 a9 b2" },
    { about: "names", as: "ann", text: byName("100%_secret"), gives: "a1 a2 a9" },
    { about: "names", as: "an admin", text: byName("100%_secret"), gives: "a1 a2 a9 b2" },
    { about: "names", as: "nobody in the organization", text: byName("100%_secret"), gives: "a1 a9" },
    { about: "names", as: "a stranger", text: byName("100%_secret"), gives: null },
    { about: "names", as: "ann as an admin elsewhere", text: byName("100%_secret"), gives: null },
    { about: "external numbers", as: bob, text: byName("ext-a"), gives: "a1" },
    { about: "a wildcard is a letter", as: "ann", text: byName("1_0"), gives: null },
    { about: "a wildcard is a letter", as: "ann", text: byName("%"), gives: null },
    { about: "a backslash is a letter", as: "ann", text: byName("100\\"), gives: null },
    {
      about: "a tag of a private registration",
      as: bob,
      text: found("search_registrations(NULL, 'tag a2', NULL)"),
      gives: null,
    },
    {
      about: "tags",
      as: "ann",
      text: found("search_registrations(NULL, 'tag a2', NULL)"),
      gives: "a2",
    },
    { about: "formulas", as: bob, text: found("search_registrations(NULL, NULL, 'CH4')"), gives: "a1 a9 b2" },
    {
      about: "all three",
      as: bob,
      text: found("search_registrations('100', 'hit', 'CH4')"),
      gives: "a1 a9 b2",
    },
    { about: "params of jobs", as: bob, text: found(`search_jobs('{"seed": 7}')`), gives: "a1 b2" },
    { about: "params of jobs", as: "ann", text: found(`search_jobs('{"seed": 7}')`), gives: "a1 a2" },
    { about: "params of jobs", as: "a stranger", text: found(`search_jobs('{"seed": 7}')`), gives: null },

    { about: "open tasks of all", as: bob, text: "SELECT count_open_tasks(9)::text", gives: "0" },
    {
      about: "open tasks, asked elsewhere",
      as: "a stranger",
      text: "SELECT count_open_tasks(9)::text",
      gives: null,
    },
    {
      about: "a shadow of tasks",
      as: bob,
      text: `CREATE TEMP TABLE tasks AS SELECT 'ready' AS status; SELECT count_open_tasks(9)::text`,
      gives: "0",
    },
    { about: "a rank", as: bob, text: `SELECT (${nextRank} > 0)::text`, gives: "true" },
    { about: "a rank, asked elsewhere", as: "a stranger", text: `SELECT ${nextRank}::text`, gives: null },
    {
      about: "a shadow of jobs, to be given another rank",
      as: bob,
      text: `CREATE TEMP TABLE jobs AS SELECT '${BOB}'::uuid AS owner_id, NULL::uuid AS batch_id, 'queued' AS status,
          5::smallint AS priority, ${"9".repeat(17)}::bigint AS rank;
        SELECT (${nextRank} < extract(epoch FROM now()) * 1000 + 1e9)::text`,
      gives: "true",
    },

    ...[
      "SELECT 1::text FROM job_events_default",
      "INSERT INTO job_events_default SELECT * FROM job_events",
    ].map(
      (text): Deed => ({
        about: "past the policies of a partitioned table",
        as: "ann",
        text,
        gives: "refused",
      }),
    ),
    {
      about: "bulk through a table of one's own",
      as: "ann",
      text: `CREATE TEMP TABLE bulk (LIKE projects INCLUDING DEFAULTS);
        INSERT INTO bulk (owner_id, name) SELECT '${ANN}', 'bulk ' || n FROM generate_series(1, 3) AS n;
        WITH made AS (INSERT INTO projects (owner_id, name) SELECT owner_id, name FROM bulk RETURNING 1)
        SELECT count(*)::text FROM made`,
      gives: "3",
    },
    {
      about: "bulk in a colleague's name through a table of one's own",
      as: bob,
      text: `CREATE TEMP TABLE bulk (LIKE projects INCLUDING DEFAULTS);
        INSERT INTO bulk (owner_id, name) VALUES ('${ANN}', 'bulk');
        INSERT INTO projects (owner_id, name) SELECT owner_id, name FROM bulk`,
      gives: "refused",
    },

    // A TEMP table of the same name comes first in the path of a function that does not say otherwise.
    {
      about: "a shadow of the database's identity",
      as: "a stranger",
      text: `CREATE TEMP TABLE database_identity AS SELECT app_org() AS org_id;
        SELECT in_own_org()::text || (SELECT count(*) FROM jobs)`,
      gives: "false0",
    },
    {
      about: "a shadow of the database's identity for a registration",
      as: "a stranger",
      text: `CREATE TEMP TABLE database_identity AS SELECT app_org() AS org_id; ${created("KEY-x", EVE)}`,
      gives: "refused",
    },
    {
      about: "a shadow of molecules",
      as: bob,
      text: `CREATE TEMP TABLE molecules (molecule_id uuid, identity_key text); ${created("KEY-a2", BOB)}`,
      gives: "true",
    },
    {
      about: "a shadow of registrations",
      as: bob,
      text: `CREATE TEMP TABLE registrations (registration_id uuid, owner_id uuid, visibility text, name text, external_id text);
        ${byName("100%_secret")}`,
      gives: "a1 a9 b2",
    },
    {
      about: "a shadow of projects, to move into a colleague's",
      as: "ann",
      text: `CREATE TEMP TABLE projects AS SELECT '${uid("project", "b2")}'::uuid AS project_id;
        UPDATE registrations SET project_id = '${uid("project", "b2")}' WHERE owner_id = '${ANN}'`,
      gives: "refused",
    },
    {
      about: "a shadow of jobs",
      as: bob,
      text: `CREATE TEMP TABLE jobs (job_id uuid, params jsonb, owner_id uuid, visibility text); ${found(`search_jobs('{"seed": 7}')`)}`,
      gives: "a1 b2",
    },
    {
      about: "a shadow of relations",
      as: "ann",
      text: `CREATE TEMP TABLE molecule_relations (parent_id uuid, child_id uuid, kind text, rule text, tool_version text); ${relate}`,
      after: related,
      gives: "1",
    },
    {
      about: "a shadow of datasets, to add to a frozen one",
      as: "ann",
      text: `UPDATE datasets SET frozen_at = now() WHERE dataset_id = '${uid("dataset", "a1")}';
        CREATE TEMP TABLE datasets (dataset_id uuid, frozen_at timestamptz);
        INSERT INTO dataset_members (dataset_id, member_no, molecule_id, split, group_key)
          VALUES ('${uid("dataset", "a1")}', 9, '${uid("molecule", "a1")}', 'train', 'g')`,
      after: "SELECT 'added'",
      gives: "23001 the dataset is frozen and never changes: make a new version",
    },
    {
      about: "a shadow of a partition",
      as: "ann",
      text: "CREATE TEMP TABLE job_events_default (ts timestamptz); SELECT ensure_partitions()::text",
      gives: "0",
    },
  ];
}
