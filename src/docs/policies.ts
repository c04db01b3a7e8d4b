import type { Policy, RoleName, Table } from "./schema.ts";
import { conjuncts, tidy } from "./sql.ts";

const OWN = "one's own";
const ADMIN = "(all, for an admin)";

/** Parts of policies in words. What a person's session must always have (an organization) says nothing new. */
const WORDS: readonly (readonly [part: RegExp, words: string])[] = [
  [/^(true|in_own_org\(\)|app_org\(\) IS NOT NULL)$/, ""],
  [
    /^visibility <> 'private' OR owner_id = app_user\(\) OR app_is_admin\(\)$/,
    `not private or ${OWN} ${ADMIN}`,
  ],
  [
    /^private_to IS NULL OR private_to = app_user\(\) OR app_is_admin\(\)$/,
    `private to nobody else ${ADMIN}`,
  ],
  [/^private_to IS NULL OR private_to = app_user\(\)$/, "private to nobody else"],
  [/^owner_id = app_user\(\) OR app_is_admin\(\)$/, `${OWN} ${ADMIN}`],
  [/^may_write\(owner_id\)$/, `${OWN} ${ADMIN}`],
  [/^(user_id|owner_id|principal_id) = app_user\(\)$/, OWN],
  [/^(created_by|added_by) = app_user\(\)$/, "signed with one's own name"],
  [/^user_id = app_user\(\) OR app_is_admin\(\)$/, `${OWN} ${ADMIN}`],
  [/^org_id = app_org\(\)$/, "of the current organization"],
  [/^org_id IS NULL OR org_id = app_org\(\)$/, "the system's, and the current organization's"],
  [
    /^user_id = app_user\(\) OR \(?EXISTS \( SELECT 1 FROM memberships m WHERE \(*m\.user_id = users\.user_id AND m\.org_id = app_org\(\)\)*$/,
    "oneself, and people of the current organization",
  ],
  [
    /^org_id IS NULL OR \(org_id = app_org\(\) AND \(visibility <> 'private' OR created_by = app_user\(\) OR app_is_admin\(\)\)\) OR \(visibility = 'public' AND latest_version IS NOT NULL\)$/,
    "the system's; the current organization's unless private to another (admins see these too); public ones that were published",
  ],
  [
    /^EXISTS \( SELECT 1 FROM pipelines p WHERE \(p\.pipeline_id = pipeline_versions\.pipeline_id AND \(pipeline_versions\.published OR p\.org_id = app_org\(\)\)\)\)$/,
    "whose row in `pipelines` one sees: published, or of the current organization",
  ],
  [
    /^EXISTS \( SELECT 1 FROM pipelines p WHERE \(p\.pipeline_id = pipeline_versions\.pipeline_id AND p\.org_id = app_org\(\) AND \(p\.created_by = app_user\(\) OR app_is_admin\(\)\)\)\)$/,
    `whose row in \`pipelines\` is of the current organization and ${OWN} ${ADMIN}`,
  ],
  [/^created_by = app_user\(\) OR app_is_admin\(\)$/, `${OWN} ${ADMIN}`],
  [
    /^private_to = app_user\(\) OR \(private_to IS NULL AND app_is_admin\(\)\)$/,
    "private to oneself (an admin: those that are private to nobody)",
  ],
  [
    /^batch_id IN \( SELECT b\.batch_id FROM batch_jobs b WHERE \(in_own_org\(\) AND \(b\.owner_id = app_user\(\) OR app_is_admin\(\)\)\)\)$/,
    `whose row in \`batch_jobs\` is ${OWN} ${ADMIN}`,
  ],
  [
    /^NOT \(EXISTS \( SELECT 1 FROM jsonb_to_recordset\(batch_jobs\.inputs\) /,
    "every molecule, structure and site that its `inputs` name is one that one sees",
  ],
  [/^latest_version IS NULL$/, "without a published version"],
  [/^NOT published$/, "not published"],
  [/^enabled$/, "enabled"],
  [/^topic <> 'audit' OR \(\(payload ->> 'user_id'\) = /, "deeds in one's own name"],
  [
    /^EXISTS \( SELECT 1 FROM jobs j WHERE \(j\.job_id = batch_items\.job_id AND j\.batch_id = batch_items\.batch_id\)\)$/,
    "of its batch that one sees",
  ],
];

/** A row of another table that this row's column names: its alias, its column, and ours, which is not of the alias. */
const HEAD = String.raw`EXISTS \( SELECT 1 FROM (?<table>\w+) (?<alias>\w+) WHERE \(*\k<alias>\.(?<key>\w+) = (?!\k<alias>\.)(?:\w+\.)?(?<column>\w+)\)?`;
const SEEN = new RegExp(`^${HEAD}\\)$`);
const WRITTEN = new RegExp(
  String.raw`^${HEAD} AND (?:may_write\(\k<alias>\.owner_id\)|\(\k<alias>\.owner_id = app_user\(\) OR app_is_admin\(\)\))\)*$`,
);
const OPTIONAL = /^(\w+) IS NULL OR \(?(EXISTS .*?\))\)?$/;

/** A policy's condition in words; what has none stands as SQL. */
export function conditionWords(condition: string | null): string {
  if (condition === null) return "all";
  const words = conjuncts(tidy(condition))
    .map(partWords)
    .filter((part) => part !== "");
  return words.length === 0 ? "all" : words.join(", and ");
}

function partWords(part: string): string {
  for (const [pattern, words] of WORDS) if (pattern.test(part)) return words;
  const seen = SEEN.exec(part)?.groups;
  if (seen !== undefined) return `whose ${rowIn(seen)} one sees`;
  const written = WRITTEN.exec(part)?.groups;
  if (written !== undefined) return `whose ${rowIn(written)} is ${OWN} ${ADMIN}`;
  const optional = OPTIONAL.exec(part);
  if (optional !== null) return `it has no \`${optional[1]}\` or one ${partWords(optional[2] ?? "")}`;
  return `\`${part}\``;
}

/** The row that is meant, with the column that names it where that is not plain. */
function rowIn({ table, key, column }: Record<string, string>): string {
  return key === column ? `row in \`${table}\`` : `row in \`${table}\` by \`${column}\``;
}

const COMMANDS = ["select", "insert", "update", "delete"] as const;
type Command = (typeof COMMANDS)[number];

export type Right = { command: Command; columns: string[]; rows: string };

/** What a role may do with a table: what it is granted, on the rows that its policies let through. */
export function rightsOf(table: Pick<Table, "grants" | "policies">, role: RoleName): Right[] {
  return COMMANDS.flatMap((command) => {
    const granted = table.grants.filter((grant) => grant.role === role && grant.privilege === command);
    if (granted.length === 0) return [];
    const whole = granted.some((grant) => grant.columns.length === 0);
    const columns = whole ? [] : granted.flatMap((grant) => grant.columns);
    return [{ command, columns, rows: rowsOf(table.policies, role, command) }];
  });
}

function rowsOf(policies: Policy[], role: RoleName, command: Command): string {
  const mine = policies.filter(
    (policy) => policy.roles.includes(role) && (policy.command === command || policy.command === "all"),
  );
  const words = (policy: Policy): string => {
    const read = conditionWords(policy.using);
    if (command !== "insert" && command !== "update") return read;
    const written = conditionWords(policy.check ?? policy.using);
    return command === "insert" || written === read ? written : `${read}; what it becomes: ${written}`;
  };
  const open = mine.filter((policy) => policy.permissive).map(words);
  if (open.length === 0) return "none";
  const narrowed = mine.filter((policy) => !policy.permissive).map((policy) => `only where ${words(policy)}`);
  return [open.join("; also "), ...narrowed].join("; ");
}
