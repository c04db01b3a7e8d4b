import assert from "node:assert/strict";
import { type TestContext as NodeTest, test } from "node:test";
import { migrationsOf } from "../../test/support/migrations.ts";
import { testServer } from "../../test/support/server.ts";
import { type MigrationTest, testMigrations } from "./migrate-test.ts";
import { rolesOf } from "./roles.ts";

const roles = rolesOf("aliquot_");

type Pair = [up: string, down: string];

const BASE: Pair = [
  `CREATE TABLE a (a_id uuid PRIMARY KEY, x int NOT NULL CHECK (x > 0), y text, status text NOT NULL CHECK (status IN ('new', 'done')));
   ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY a_owner ON a TO {owner} USING (true) WITH CHECK (true);`,
  "DROP TABLE a;",
];

/** Runs the test over migrations 1, 2, … given as pairs, the first being a table. */
async function tried(t: NodeTest, ...pairs: Pair[]): Promise<MigrationTest> {
  const files = [BASE, ...pairs].flatMap(([up, down], index) => [
    [`000${index + 1}_a_step.up.sql`, up],
    [`000${index + 1}_a_step.down.sql`, down],
  ]);
  const migrations = await migrationsOf(t, Object.fromEntries(files));
  return testMigrations((await testServer()).admin, roles, "results", migrations);
}

const FAULTS: [what: string, pair: Pair, says: RegExp][] = [
  [
    "a required column without a default",
    ["ALTER TABLE a ADD z int NOT NULL;", "ALTER TABLE a DROP z;"],
    /2 \(a_step, up.*"z".*contains null values/,
  ],
  [
    "a way down that wants values where there are none",
    ["ALTER TABLE a ALTER x DROP NOT NULL;", "ALTER TABLE a ALTER x SET NOT NULL;"],
    /2 \(a_step, down.*"x".*contains null values/,
  ],
  [
    "a way down to a list without the word that rows have",
    [
      "ALTER TABLE a DROP CONSTRAINT a_status_check, ADD CONSTRAINT a_status_check CHECK (status IN ('new', 'done', 'lost'));",
      "ALTER TABLE a DROP CONSTRAINT a_status_check, ADD CONSTRAINT a_status_check CHECK (status IN ('new', 'done'));",
    ],
    /2 \(a_step, down.*a_status_check/,
  ],
  [
    "a way down that drops what others refer to",
    [
      "CREATE TABLE b (b_id int PRIMARY KEY, a_id uuid NOT NULL REFERENCES a); GRANT SELECT ON b TO {system};",
      "DELETE FROM a; DROP TABLE b;",
    ],
    /2 \(a_step, down.*foreign key/,
  ],
  [
    "a table that nothing can be put into",
    ["CREATE TABLE b (x int NOT NULL CHECK (x > 5 AND x < 5));", "DROP TABLE b;"],
    /table b got no row: no values were found for x with CHECK/,
  ],
  ["an index left", ["CREATE INDEX a_y ON a (y);", "SELECT 1;"], /down: new: index .*a_y/],
  ["an index lost", ["DROP POLICY a_owner ON a;", "SELECT 1;"], /down: gone: policy a a_owner/],
  [
    "a policy loosened",
    [
      "DROP POLICY a_owner ON a; CREATE POLICY a_owner ON a TO {owner} USING (true);",
      "DROP POLICY a_owner ON a; CREATE POLICY a_owner ON a USING (true) WITH CHECK (true);",
    ],
    /down: new: policy a a_owner \* to public/,
  ],
  ["a grant left", ["GRANT SELECT ON a TO {member};", "SELECT 1;"], /new: grant a SELECT to aliquot_member/],
  [
    "a column's grant left",
    ["GRANT UPDATE (y) ON a TO {member};", "SELECT 1;"],
    /new: grant a\.y UPDATE to aliquot_member/,
  ],
  ["a default left", ["ALTER TABLE a ALTER x SET DEFAULT 1;", "SELECT 1;"], /new: column a\.x .* default 1/],
  ["a comment left", ["COMMENT ON TABLE a IS 'it';", "SELECT 1;"], /new: table a .* -- it/],
  ["a view left", ["CREATE VIEW v AS SELECT 1 AS one;", "SELECT 1;"], /new: table v kind v/],
  ["a sequence left", ["CREATE SEQUENCE s;", "SELECT 1;"], /new: sequence s bigint/],
  [
    "row security left off",
    ["ALTER TABLE a FORCE ROW LEVEL SECURITY;", "SELECT 1;"],
    /new: table a .*forced true/,
  ],
  [
    "a function that people may call left so",
    [
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;",
      "SELECT 1;",
    ],
    /2 \(a_step, up.*"f" already exists/,
  ],
  [
    "a trigger left",
    [
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f();",
      "DROP FUNCTION f() CASCADE; CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    ],
    /new: routine g\(\)/,
  ],
];

for (const [what, pair, says] of FAULTS) {
  test(`the test of migrations finds ${what}`, async (t) => {
    const { differences } = await tried(t, pair);
    assert.match(differences.join("\n"), says);
  });
}

test("tables of every shape get rows: lists, patterns, documents, keys, generated columns, triggers", async (t) => {
  const found = await tried(t, [
    `CREATE TYPE mood AS ENUM ('fine', 'tired');
     CREATE TABLE roots (q_id int PRIMARY KEY);
     CREATE TABLE parents (p_id int, q_id int REFERENCES roots, email text NOT NULL UNIQUE CHECK (email LIKE '%_@_%'), PRIMARY KEY (p_id, q_id));
     CREATE TABLE pairs (one int NOT NULL, two int NOT NULL, q_id int NOT NULL, PRIMARY KEY (one, two),
       FOREIGN KEY (one, q_id) REFERENCES parents, FOREIGN KEY (two, q_id) REFERENCES parents, CHECK (one <> two));
     CREATE TABLE shapes (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       parent bigint REFERENCES shapes,
       hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
       slug text NOT NULL CHECK (slug ~ '^[a-z]+(-[a-z]+)*$' AND char_length(slug) BETWEEN 5 AND 9),
       spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object' AND spec ? 'version' AND jsonb_typeof(spec -> 'tasks') = 'array'),
       status text NOT NULL CHECK (status IN ('running', 'ended')), ended_at timestamptz,
       CHECK ((status = 'ended') = (ended_at IS NOT NULL)),
       low double precision NOT NULL, high double precision NOT NULL, CHECK (low < high AND high BETWEEN -50 AND 50),
       moods mood[] NOT NULL, mood mood NOT NULL, flags text[] NOT NULL, energies double precision[], weights double precision[],
       CHECK (cardinality(energies) IS NOT DISTINCT FROM cardinality(weights)),
       span interval NOT NULL, bytes bytea NOT NULL CHECK (length(bytes) > 0), day date NOT NULL,
       width double precision NOT NULL GENERATED ALWAYS AS (high - low) STORED
     );
     CREATE TABLE months (id int NOT NULL, ts timestamptz NOT NULL, PRIMARY KEY (id, ts)) PARTITION BY RANGE (ts);
     CREATE TABLE months_default PARTITION OF months DEFAULT;
     CREATE TABLE guarded (x int NOT NULL);
     CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not so''; END';
     CREATE TRIGGER guarded_refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();`,
    `DROP TABLE guarded; DROP FUNCTION refuse(); DROP TABLE months; DROP TABLE shapes; DROP TABLE pairs; DROP TABLE parents; DROP TABLE roots; DROP TYPE mood;`,
  ]);
  assert.deepEqual(found.differences, []);
  assert.equal(found.tables, 7);
});
