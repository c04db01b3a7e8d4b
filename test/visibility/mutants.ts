import type pg from "pg";
import { type Kind, violations } from "./probe.ts";
import type { Matrix } from "./table.ts";

/** A way to break row security: what is done, and where it would show first. */
export type Mutant = { name: string; text: string; at: { relation: string; kind: Kind } };

export type Verdict = { tried: number; survivors: string[] };

/** Breaks one thing after the other, each undone before the next; a survivor is one that no probe notices. */
export async function tryMutants(client: pg.ClientBase, mutants: Mutant[]): Promise<Verdict> {
  const verdict: Verdict = { tried: 0, survivors: [] };
  await client.query("BEGIN; SAVEPOINT whole");
  for (const { name, text, at } of mutants) {
    const applied = await client.query(text).then(
      () => true,
      // A condition that can't stand there, such as a boolean for an id.
      (error: Error & { code?: string }) => {
        if (!name.includes("→") || !/^42/.test(error.code ?? ""))
          throw new Error(`${name}: ${error.message}`);
        return false;
      },
    );
    if (applied) {
      verdict.tried++;
      const excused = EQUIVALENT.some(([of]) => of.test(name));
      if (!(await isNoticed(client, at, !excused))) verdict.survivors.push(name);
    }
    await client.query("ROLLBACK TO SAVEPOINT whole");
  }
  await client.query("ROLLBACK");
  return verdict;
}

/** Asks where it would show first, then all of that relation, then everything. */
async function isNoticed(
  client: pg.ClientBase,
  { relation, kind }: Mutant["at"],
  everywhere: boolean,
): Promise<boolean> {
  for (const about of [{ relation, kind }, { relation }, ...(everywhere ? [{}] : [])])
    if ((await violations(client, about, 1)).length > 0) return true;
  return false;
}

type Policy = {
  name: string;
  on: string;
  permissive: boolean;
  cmd: string;
  roles: string;
  using: string | null;
  check: string | null;
};

/** Every mutant of a migrated database. */
export async function mutantsOf(client: pg.ClientBase, matrix: Matrix): Promise<Mutant[]> {
  const { rows: policies } = await client.query<Policy>(
    `SELECT policyname AS name, tablename AS "on", permissive = 'PERMISSIVE' AS permissive, cmd,
       array_to_string(roles, ', ') AS roles, qual AS using, with_check AS check
     FROM pg_policies WHERE schemaname = 'public' ORDER BY tablename, policyname`,
  );
  const { rows: functions } = await client.query<{ name: string; definition: string; path: string | null }>(
    `SELECT p.oid::regprocedure::text AS name, pg_get_functiondef(p.oid) AS definition,
       (SELECT substr(setting, 13) FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%') AS path
     FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' ORDER BY 1`,
  );
  return [
    ...policies.flatMap(ofPolicy),
    ...Object.keys(matrix.tables).flatMap(ofTable),
    ...Object.entries(matrix.tables).flatMap(([name, { grants }]) => grantsBeyond(name, grants)),
    ...Object.keys(matrix.views).flatMap((name) => [
      {
        name: `view ${name}: as its owner`,
        text: `ALTER VIEW ${name} SET (security_invoker = false)`,
        at: { relation: name, kind: "see" as const },
      },
      ...grantsBeyond(name, matrix.views[name]?.grants ?? ""),
    ]),
    ...functions.flatMap(({ name, definition, path }) => [
      ...ofFunction(name, definition),
      ...(path?.endsWith(", pg_temp")
        ? [
            {
              name: `function ${name}: pg_temp first`,
              text: `ALTER FUNCTION ${name} SET search_path = ${path.replace(", pg_temp", "")}`,
              at: IN_DEEDS,
            },
          ]
        : []),
      ...(/SECURITY DEFINER/.test(definition)
        ? [
            {
              name: `function ${name}: for everybody`,
              text: `GRANT EXECUTE ON FUNCTION ${name} TO PUBLIC`,
              at: IN_DEEDS,
            },
          ]
        : []),
    ]),
  ];
}

/** What breaks a function shows where it is called. */
const IN_DEEDS = { relation: "*", kind: "deed" } as const;
const KINDS: Record<string, Kind> = { INSERT: "insert", UPDATE: "update", DELETE: "delete" };

function ofPolicy(policy: Policy): Mutant[] {
  const { name, on, permissive, cmd, roles, using, check } = policy;
  const at = { relation: on, kind: KINDS[cmd] ?? "see" };
  const alter = (what: string, change: string) => ({
    name: `${name}: ${what}`,
    text: `ALTER POLICY ${name} ON ${on} ${change}`,
    at,
  });
  const both = [
    ...(using === null ? [] : [`USING (${using})`]),
    ...(check === null ? [] : [`WITH CHECK (${check})`]),
  ].join(" ");
  return [
    { name: `${name}: dropped`, text: `DROP POLICY ${name} ON ${on}`, at },
    // Whom a permissive policy of `member` would reach besides sees everything anyway.
    ...(permissive && roles.endsWith("member") ? [] : [alter("for everybody", "TO PUBLIC")]),
    ...conditions(using).map(({ what, text }) => alter(`USING ${what}`, `USING (${text})`)),
    ...conditions(check).map(({ what, text }) => alter(`WITH CHECK ${what}`, `WITH CHECK (${text})`)),
    ...(check === null && using !== null && using !== "true" && (cmd === "ALL" || cmd === "UPDATE")
      ? [alter("WITH CHECK → true", "WITH CHECK (true)")]
      : []),
    ...(permissive
      ? []
      : [
          {
            name: `${name}: permissive`,
            text: `DROP POLICY ${name} ON ${on}; CREATE POLICY ${name} ON ${on} FOR ${cmd} TO ${roles} ${both}`,
            at,
          },
        ]),
  ];
}

/** The whole condition, and each part of it in parentheses, once true and once false. */
function conditions(condition: string | null): { what: string; text: string }[] {
  if (condition === null) return [];
  const parts: [from: number, to: number][] = [[0, condition.length]];
  for (let from = 0; from < condition.length; from++) {
    if (condition[from] !== "(") continue;
    let [to, depth] = [from, 0];
    do depth += condition[to] === "(" ? 1 : condition[to] === ")" ? -1 : 0;
    while (++to < condition.length && depth > 0);
    // A call with its name, and a group as it is; one that is the whole condition was had.
    const call = /\w+$/.exec(condition.slice(0, from));
    // SELECT f() AS f: the group around it was had.
    if (to - from === 2) continue;
    const begin = call === null ? from : from - call[0].length;
    if (begin > 0 || to < condition.length) parts.push([begin, to]);
  }
  return parts.flatMap(([from, to]) =>
    ["true", "false"].flatMap((value) => {
      const part = condition.slice(from, to);
      if (part === value) return [];
      const text = condition.slice(0, from) + value + condition.slice(to);
      return [{ what: `${part.replaceAll(/\s+/g, " ")} → ${value}`, text }];
    }),
  );
}

function ofTable(name: string): Mutant[] {
  return [
    {
      name: `table ${name}: without row security`,
      text: `ALTER TABLE ${name} DISABLE ROW LEVEL SECURITY`,
      at: { relation: name, kind: "fact" },
    },
    {
      name: `table ${name}: not forced`,
      text: `ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY`,
      at: { relation: name, kind: "fact" },
    },
  ];
}

/** Each privilege that people do not have on a relation, and one for everybody. */
function grantsBeyond(name: string, grants: string): Mutant[] {
  const whole = new Set(grants.split(" ").filter((grant) => !grant.includes("(")));
  return [
    ...["select", "insert", "update", "delete", "truncate", "references", "trigger"]
      .filter((privilege) => !whole.has(privilege))
      .map((privilege) => `GRANT ${privilege} ON ${name} TO aliquot_member`),
    `GRANT SELECT ON ${name} TO PUBLIC`,
  ].map((text) => ({ name: text, text, at: { relation: name, kind: "fact" } }));
}

/** Checks in functions, each taken out: what the definition says, and what instead. */
const CHECKS: [name: RegExp, says: RegExp, instead: string][] = [
  [/^in_own_org/, /\bcoalesce\(.*\)(?=;?$)/im, "true"],
  [/^app_is_admin/, /\bcoalesce\(.*\)(?=;?$)/im, "true"],
  [/^may_see/, /SELECT \(SELECT in_own_org\(\)\) AND/, "SELECT"],
  [/^may_see/, /row_visibility <> 'private'/, "true"],
  [/^may_see/, /row_owner = \(SELECT app_user\(\)\)/, "false"],
  [/^may_see/, /\(SELECT app_is_admin\(\)\)/, "false"],
  [/^may_write/, /SELECT \(SELECT in_own_org\(\)\) AND/, "SELECT"],
  [/^may_write/, /row_owner = \(SELECT app_user\(\)\)/, "true"],
  [/^may_write/, /\(SELECT app_is_admin\(\)\)/, "false"],
  [/^register_molecules/, /IF NOT in_own_org\(\)/, "IF false"],
  [/^register_molecules/, /may_write\(.*\) IS NOT TRUE/, "false"],
  [/^register_molecules/, /r\.visibility <> 'private'/, "true"],
  [/^register_molecules/, /r\.owner_id = me/, "false"],
  [/^relate_molecules/, /WHERE in_own_org\(\)/, "WHERE true"],
  [/^search_registrations/, /IF NOT in_own_org\(\)/, "IF false"],
  [/^search_registrations/, /may_see\(r\.owner_id, r\.visibility\)/, "true"],
  [/^search_registrations/, /'_', '\\_'/, "'_', '_'"],
  [/^search_registrations/, /'%', '\\%'/, "'%', '%'"],
  [/^search_registrations/, /'\\', '\\\\'/, "'\\', '\\'"],
  [/^search_jobs/, /may_see\(j\.owner_id, j\.visibility\)/, "true"],
  [/^next_rank/, /IF NOT in_own_org\(\)/, "IF false"],
  [/^count_open_tasks/, /IF NOT in_own_org\(\)/, "IF false"],
  [/^append_audit/, /IF current_setting\('role'\).* chain IS DISTINCT FROM app_org\(\)/, "IF false"],
  [
    /^append_audit/,
    /IF current_setting\('role'\).*\(fields ->> 'user_id'\)::uuid IS DISTINCT FROM app_user\(\)/,
    "IF false",
  ],
];

function ofFunction(name: string, definition: string): Mutant[] {
  return CHECKS.filter(([of]) => of.test(name)).map(([, says, instead]) => {
    if (!says.test(definition)) throw new Error(`${name} does not say ${says}`);
    // As a function: a replacement text would read $ signs.
    return {
      name: `function ${name}: ${says.source} instead ${instead}`,
      text: definition.replace(says, () => instead),
      at: IN_DEEDS,
    };
  });
}

/** Survivors that change nothing, by their names, each with the reason. */
export const EQUIVALENT: [name: RegExp, reason: string][] = [
  [
    /^function search_registrations.*: IF NOT in_own_org/,
    "may_see, which every row is asked, asks for the organization too; the line spares the search",
  ],
  [
    /_member_update: WITH CHECK \( SELECT in_own_org\(\) AS in_own_org\) → true/,
    "USING of the same policy asks it of the same statement",
  ],
  [
    /^batch_items_member_insert: WITH CHECK \( SELECT in_own_org\(\) AS in_own_org\) → true/,
    "the policy of batches, which it reads, asks it too",
  ],
  [
    /^batch_jobs_member_inputs: for everybody$/,
    "the machinery and the owner see every row that is there, and no job is made of one that is not",
  ],
  [
    /_(project|parts|molecule): for everybody$/,
    "the machinery and the owner see every row that is there, and the foreign key wants one that is",
  ],
  [
    /^binding_sites_member_insert: WITH CHECK \( SELECT in_own_org\(\) AS in_own_org\) → true/,
    "it names a receptor, and in another organization nobody sees one",
  ],
  [
    /^database_identity_system: WITH CHECK true → false/,
    "its one row is there: provisioning's tests write it",
  ],
  [/^audit_(logs|heads)_system: WITH CHECK true → false/, "the machinery has no privilege to write them"],
  [
    /^users_member: USING \(m\.org_id = \( SELECT app_org\(\) AS app_org\)\) → true/,
    "the policy of memberships, which it reads, asks it too",
  ],
];
