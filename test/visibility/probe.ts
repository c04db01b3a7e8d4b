import type pg from "pg";
import { MACHINE } from "./machine.ts";
import { allows, type Orgs, type Viewer, viewersOf } from "./people.ts";
import type { Expected, ExpectedView, Matrix, Values } from "./table.ts";

/**
 * A fact is asked by the superuser, a deed done with the privileges there are; the rest is tried with all
 * privileges and without triggers.
 */
export type Kind = "fact" | "deed" | "see" | "insert" | "update" | "delete";

/** One question with the answer that must come; it is asked by a function in the database, and undone there. */
type Probe = {
  relation: string;
  about: string;
  kind: Kind;
  who: Viewer | null;
  /** ask: one value; do: nothing, then `after` says what it did. */
  text: string;
  input: Values | null;
  after: string | null;
  expect: string | null;
};

/** Makes the made-up rows, and a function that tells every difference from the matrix. Leaves no privilege changed. */
export async function prepare(client: pg.ClientBase, matrix: Matrix, orgs: Orgs): Promise<number> {
  // Not in the order of their references: they are whole when all are there.
  await client.query("SET session_replication_role = replica");
  for (const [name, { rows }] of Object.entries(matrix.tables))
    for (const { values } of rows)
      if (Object.keys(values).length > 0)
        await client.query(`${insertText(name, values)} ON CONFLICT DO NOTHING`, [JSON.stringify(values)]);
  await client.query("RESET session_replication_role");
  await client.query(MACHINE);
  const probes = probesOf(matrix, orgs);
  const rows = probes.map(({ who, ...probe }) => ({
    ...probe,
    name: who?.name ?? "the database",
    role: who === null ? null : `aliquot_${who.role}`,
    org: who?.org ?? "",
    usr: who?.user ?? "",
    admin: who?.admin ?? false,
  }));
  await client.query(
    `INSERT INTO visibility.probes
     SELECT p.* FROM jsonb_populate_recordset(NULL::visibility.probes, $1) AS p`,
    [JSON.stringify(rows.map((row, id) => ({ ...row, id })))],
  );
  return probes.length;
}

/** What is not as the matrix says: of one relation or of all, of one kind or of all. Stops after `enough`. */
export async function violations(
  client: pg.ClientBase,
  about: { relation?: string; kind?: Kind } = {},
  enough = 1_000_000,
): Promise<string[]> {
  const { rows } = await client.query<{ violation: string }>(
    "SELECT violation FROM visibility.violations($1, $2, $3) AS violation",
    [about.relation ?? null, about.kind ?? null, enough],
  );
  return rows.map((row) => row.violation);
}

function insertText(table: string, values: Values): string {
  const columns = Object.keys(values).join(", ");
  return `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::${table}, $1)`;
}

function probesOf(matrix: Matrix, orgs: Orgs): Probe[] {
  const viewers = viewersOf(orgs);
  const named = (name: string) => {
    const found = viewers.find((viewer) => viewer.name === name);
    if (found === undefined) throw new Error(`no viewer is called ${name}`);
    return found;
  };
  const facts = { kind: "fact" as const, who: null, input: null, after: null };
  const all = Object.keys({ ...matrix.tables, ...matrix.views }).sort();
  return [
    {
      ...facts,
      relation: "*",
      about: "tables and views, all in the matrix; partitions have their table's policies",
      text: RELATIONS,
      expect: all.join(" "),
    },
    {
      ...facts,
      relation: "*",
      about: "functions that run as the owner, and who may call them",
      text: DEFINERS,
      expect: Object.entries(matrix.definers)
        .map(([name, callers]) => `${name}: owner ${callers}`)
        .sort()
        .join("; "),
    },
    {
      ...facts,
      relation: "*",
      about: "partitions that somebody but their owner has a privilege on",
      text: PARTITIONS,
      expect: "",
    },
    ...Object.entries({ ...matrix.tables, ...matrix.views }).map(([name, { grants, system }]) => ({
      ...facts,
      relation: name,
      about: "privileges",
      text: grantsText(name),
      expect: [
        ...(grants === "" ? [] : [`member: ${grants}`]),
        `system: ${system ?? "delete insert select update"}`,
      ].join("; "),
    })),
    ...Object.keys(matrix.tables).map((name) => ({
      ...facts,
      relation: name,
      about: "row security",
      text: `SELECT concat(CASE WHEN relrowsecurity THEN 'on' END, CASE WHEN relforcerowsecurity THEN ' forced' END)
        FROM pg_class WHERE oid = '${name}'::regclass`,
      expect: "on forced",
    })),
    ...matrix.deeds.map(({ about, as, text, after, gives }) => ({
      relation: "*",
      about,
      kind: "deed" as const,
      who: named(as),
      text,
      input: null,
      after: after ?? null,
      expect: gives,
    })),
    ...Object.entries(matrix.tables).flatMap(([name, expected]) =>
      viewers.flatMap((who) => probesOfTable(name, expected, who)),
    ),
    ...Object.entries(matrix.tables).flatMap(([name, { rows, fresh, also = [] }]) =>
      also.map(({ as, row, with: more, ends }): Probe => {
        const values = { ...rows.find(({ label }) => label === row)?.values, ...fresh(row), ...more };
        const about = `adds a row like ${row} with ${JSON.stringify(more)}`;
        return insertProbe(name, about, named(as), values, ends);
      }),
    ),
    ...Object.entries(matrix.views).flatMap(([name, view]) =>
      viewers.map((who) => seeProbe(name, view, matrix.tables[view.of] as Expected, who)),
    ),
  ];
}

function labels({ rows }: Expected, holds: (row: Expected["rows"][number]) => boolean): string {
  return rows
    .filter(holds)
    .map(({ label }) => label)
    .sort()
    .join(" ");
}

function labelsText(name: string, label: string, where: string): string {
  return `SELECT coalesce(string_agg(label, ' ' ORDER BY label COLLATE "C"), '') FROM
    (SELECT ${label} AS label FROM ${name} WHERE ${where}) AS rows WHERE label IS NOT NULL`;
}

function seeProbe(name: string, view: Pick<ExpectedView, "see" | "label">, of: Expected, who: Viewer): Probe {
  return {
    relation: name,
    about: "sees",
    kind: "see",
    who,
    text: labelsText(name, view.label, "true"),
    input: null,
    after: null,
    expect: labels(of, ({ whose }) => allows(view.see, who, whose)),
  };
}

function insertProbe(
  relation: string,
  about: string,
  who: Viewer,
  values: Values,
  expect: "ok" | "refused",
): Probe {
  const text = insertText(relation, values);
  return { relation, about, kind: "insert", who, text, input: values, after: "SELECT 'ok'", expect };
}

/** Blind writes: without WHERE and RETURNING the rule for reading hides nothing of what the rule for writing lets through. */
function probesOfTable(name: string, expected: Expected, who: Viewer): Probe[] {
  const { label, rows, touch, fresh, move = [] } = expected;
  const common = { relation: name, who, input: null };
  const privileged = (verb: string) =>
    who.role !== "system" || expected.system === undefined || expected.system.includes(verb);
  const left = (verb: "update" | "delete", where: string, changed: boolean): string =>
    privileged(verb)
      ? labels(expected, ({ whose }) => allows(expected[verb], who, whose) === changed)
      : where === ""
        ? ""
        : "refused";
  const [column, value] = touch;
  const probes: Probe[] = [
    seeProbe(name, expected, expected, who),
    {
      ...common,
      about: "changes",
      kind: "update",
      text: `UPDATE ${name} SET ${column} = ${value}`,
      after: labelsText(name, label, `${column} = ${value}`),
      expect: left("update", "changed", true),
    },
    {
      ...common,
      about: "deletes all but",
      kind: "delete",
      text: `DELETE FROM ${name}`,
      after: labelsText(name, label, "true"),
      expect: left("delete", "left", false),
    },
  ];
  for (const { label: at, whose, values } of rows) {
    if (Object.keys(fresh(at)).length === 0) continue;
    const may = privileged("insert") && allows(expected.insert, who, whose);
    const row = { ...values, ...fresh(at) };
    probes.push(insertProbe(name, `adds a row like ${at}`, who, row, may ? "ok" : "refused"));
  }
  if (who.name === "ann")
    for (const set of move)
      probes.push({
        ...common,
        about: `gives hers away: ${set}`,
        kind: "update",
        text: `UPDATE ${name} SET ${set}`,
        after: "SELECT 'done'",
        expect: "refused",
      });
  return probes;
}

const RELATIONS = `SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition`;

const PARTITIONS = `SELECT coalesce(string_agg(DISTINCT c.relname, ' '), '') FROM pg_class c, aclexplode(c.relacl) AS acl
  WHERE c.relispartition AND c.relkind = 'r' AND acl.grantee <> c.relowner`;

const shortName = (oid: string) =>
  `CASE ${oid} WHEN 0 THEN 'public' ELSE replace(pg_get_userbyid(${oid}), 'aliquot_', '') END`;

const DEFINERS = `SELECT coalesce(string_agg(name || ': ' || callers, '; ' ORDER BY name), '') FROM (
  SELECT p.proname AS name, string_agg(${shortName("acl.grantee")}, ' '
    ORDER BY acl.grantee <> p.proowner, ${shortName("acl.grantee")}) AS callers
  FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
  WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef GROUP BY p.oid, p.proname) AS definers`;

function grantsText(name: string): string {
  return `SELECT coalesce(string_agg(who || ': ' || what, '; ' ORDER BY who), '') FROM (
    SELECT who, string_agg(privilege || CASE WHEN columns IS NULL THEN '' ELSE '(' || columns || ')' END, ' ' ORDER BY privilege) AS what
    FROM (
      SELECT ${shortName("acl.grantee")} AS who, lower(acl.privilege_type) AS privilege, NULL AS columns
      FROM pg_class c, aclexplode(c.relacl) AS acl WHERE c.oid = '${name}'::regclass AND acl.grantee <> c.relowner
      UNION ALL
      SELECT ${shortName("acl.grantee")}, lower(acl.privilege_type), string_agg(a.attname, ',' ORDER BY a.attname COLLATE "C")
      FROM pg_attribute a, aclexplode(a.attacl) AS acl WHERE a.attrelid = '${name}'::regclass GROUP BY 1, 2
    ) AS privileges GROUP BY who) AS people`;
}
