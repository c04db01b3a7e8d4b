import type { OrgPrincipal } from "../../src/access/principal.ts";
import { createBatchOperation } from "../../src/batches/operations.ts";
import { createKeyOperation } from "../../src/identity/operations.ts";
import { newId } from "../../src/ids.ts";
import type { Operation } from "../../src/operation.ts";
import { configureOrgOperation } from "../../src/orgs/operations.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { inviteMemberOperation } from "../../src/people/member-operations.ts";
import { createRoleOperation } from "../../src/people/role-operations.ts";
import { perform } from "../../src/perform.ts";
import { createPipelineOperation } from "../../src/pipelines/operations.ts";
import { addStructure } from "../../src/structures/operations.ts";
import { submitSmiles, type TestContext } from "../support/context.ts";
import {
  BOX,
  createSite,
  insertMolecule,
  insertProtocol,
  insertRun,
  prepareHpv,
} from "../support/docking.ts";
import { leaveOutput } from "../support/outputs.ts";

/** So many requests a minute that no test meets the limit. */
export async function withoutLimits(context: TestContext, org: Org): Promise<void> {
  const set = { rate_limit_per_minute: 1_000_000, rate_limit_organization_per_minute: 10_000_000 };
  await perform(context, configureOrgOperation, context.admin_principal, { org: org.org_id, set });
}

/** One thing of each kind that somebody has. */
export type Belongings = {
  molecule: string;
  structure: string;
  receptor: string;
  site: string;
  job: string;
  batch: string;
  result: string;
  pipeline: string;
  protocol: string;
  user: string;
  key: string;
  role: string;
  invitation: string;
};

/** Which of somebody's things an input field means. */
const KINDS: Record<string, keyof Belongings> = {
  molecule_id: "molecule",
  molecule_ids: "molecule",
  structure_id: "structure",
  structure_ids: "structure",
  receptor_structure_id: "receptor",
  site: "site",
  site_id: "site",
  job_id: "job",
  job_ids: "job",
  from: "job",
  batch_id: "batch",
  result_ids: "result",
  pipeline: "pipeline",
  protocol: "protocol",
  protocol_id: "protocol",
  user: "user",
  user_id: "user",
  key_id: "key",
  role: "role",
  invitation_id: "invitation",
};

/** Of these an input names several at once, so that one alone is told by the plural. */
const PLURAL = /s$/;

/** Fields of an operation's input that mean a thing of somebody's; in a receptor's operations a structure is one. */
export function thingsIn(operation: Pick<Operation, "name" | "input">): Map<string, keyof Belongings> {
  const fields = Object.keys((operation.input as { properties?: object }).properties ?? {});
  const kindOf = (field: string) =>
    field === "structure_id" && operation.name.startsWith("receptor.") ? "receptor" : KINDS[field];
  return new Map(
    fields.flatMap((field) =>
      kindOf(field) === undefined ? [] : [[field, kindOf(field) as keyof Belongings]],
    ),
  );
}

/** The input with things put in their places. */
export function withThings(
  input: { [key: string]: unknown },
  things: Map<string, keyof Belongings>,
  ofWhom: Belongings,
): { [key: string]: unknown } {
  const put = [...things].map(([field, kind]) => [field, PLURAL.test(field) ? [ofWhom[kind]] : ofWhom[kind]]);
  return { ...input, ...Object.fromEntries(put) };
}

/** Gives somebody one of everything; each name in it holds `mark`. */
export async function furnish(
  context: TestContext,
  { who, boss }: { who: OrgPrincipal; boss: OrgPrincipal },
  { mark, smiles, visibility }: { mark: string; smiles: string; visibility: "private" | "organization" },
): Promise<Belongings> {
  const molecule = await insertMolecule(context, who, smiles, { name: `${mark} molecule`, visibility });
  const xyz = `2\n${mark}\nH 0 0 0\nH 0 0 0.7${String(mark.length)}\n`;
  const structure = await perform(context, addStructure, who, {
    file_name: `${mark}.xyz`,
    format: "xyz",
    content_base64: Buffer.from(xyz).toString("base64"),
    visibility,
  });
  const receptor = await prepareHpv(context, who, { visibility });
  const site = await createSite(context, who, receptor, { ...BOX, name: `${mark} site`, visibility });
  const { jobs } = await submitSmiles(context, who, smiles, { visibility, reuse: false });
  const database = await databaseOf(context, who.org_id);
  const job_id = jobs[0]?.job_id ?? "";
  await leaveOutput(context, { ...database, org_id: who.org_id }, { job_id, ...OUTPUT(mark) });
  const protocol = await insertProtocol(context, who, mark.length);
  const run = await insertRun(context, who, {
    site,
    molecule_id: molecule,
    protocol_id: protocol,
    affinities: [-9],
    visibility,
  });
  const [result] = await context.superuser<{ result_id: string }>(
    "SELECT result_id FROM docking_results WHERE job_id = $1",
    [run.job_id],
    database.database_name,
  );
  const batch = await perform(context, createBatchOperation, who, {
    pipeline: "xtb-singlepoint",
    name: `${mark} batch`,
    molecule_ids: [molecule],
    visibility,
  });
  const pipeline = await perform(context, createPipelineOperation, who, {
    name: `${mark}-pipeline`,
    spec: SPEC,
    visibility,
  });
  // These are the organization's, whoever of it asked for them.
  const ofOrganization = visibility === "private" ? `role-${newId()}` : `${mark}-role`;
  const key = await perform(context, createKeyOperation, who, { name: `${mark} key` });
  const role = await perform(context, createRoleOperation, boss, {
    name: ofOrganization,
    permissions: ["jobs:read"],
  });
  const invited = await perform(context, inviteMemberOperation, boss, {
    email: `${ofOrganization}@example.org`,
    role: "viewer",
  });
  return {
    user: who.user_id,
    key: key.key_id,
    role: role.name,
    invitation: invited.invitation_id,
    molecule,
    structure: structure.structure_id,
    receptor: receptor.structure_id,
    site: site.site_id,
    job: job_id,
    batch: batch.batch_id,
    result: result?.result_id ?? "",
    pipeline: `${(pipeline as { name: string }).name}`,
    protocol,
  };
}

/** As `VALID` asks for it. */
const OUTPUT = (mark: string) => ({ key: "optimize/xtbopt.xyz", bytes: Buffer.from(`${mark} output`) });

const SPEC = {
  version: "1",
  tasks: {
    run: {
      task: "xtb",
      task_version: "1",
      engine: "xtb",
      after: [],
      max_attempts: 1,
      params: { task: "single_point" },
    },
  },
};

/** Of nothing that there is. */
export function nothing(): Belongings {
  const kinds = [...new Set(Object.values(KINDS))];
  const ids = Object.fromEntries(kinds.map((kind) => [kind, newId()])) as Belongings;
  return { ...ids, pipeline: `no-${newId()}`, role: `no-${newId()}` };
}

export async function databaseOf(context: TestContext, orgId: string): Promise<{ database_name: string }> {
  const [row] = await context.superuser<{ database_name: string }>(
    "SELECT database_name FROM org_databases WHERE org_id = $1",
    [orgId],
  );
  if (row === undefined) throw new Error("no such database");
  return row;
}

/** Rows of the shared database that are an organization's, or its people's. */
const SHARED_ROWS = {
  organizations: "org_id = $1",
  org_settings: "org_id = $1",
  memberships: "org_id = $1",
  membership_roles: "org_id = $1",
  roles: "org_id = $1",
  role_permissions: "role_id IN (SELECT role_id FROM roles WHERE org_id = $1)",
  tokens: "org_id = $1 AND kind = 'invite'",
  api_keys: "org_id = $1",
  users: "user_id IN (SELECT user_id FROM memberships WHERE org_id = $1)",
};

/** Ids of an organization's own people, roles, invitations and keys; not of who is in another one too. */
export async function sharedIds(context: TestContext, orgId: string): Promise<string[]> {
  const rows = await context.superuser<{ id: string }>(
    `SELECT role_id::text AS id FROM roles WHERE org_id = $1
     UNION SELECT token_id::text FROM tokens WHERE org_id = $1 UNION SELECT key_id::text FROM api_keys WHERE org_id = $1
     UNION SELECT user_id::text FROM memberships m WHERE org_id = $1
       AND NOT EXISTS (SELECT FROM memberships o WHERE o.user_id = m.user_id AND o.org_id <> $1)`,
    [orgId],
  );
  return [orgId, ...rows.map(({ id }) => id)];
}

/** Every uuid that stands in an organization's database, and those of its people, roles, invitations and keys. */
export async function idsIn(
  context: TestContext,
  org: Pick<Org, "database_name" | "org_id">,
): Promise<Set<string>> {
  const columns = await context.superuser<{ place: string; name: string }>(
    `SELECT c.relname AS place, a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.atttypid = 'uuid'::regtype AND a.attnum > 0 AND NOT a.attisdropped`,
    [],
    org.database_name,
  );
  const text = columns.map(
    ({ place, name }) => `SELECT ${name}::text AS id FROM ${place} WHERE ${name} IS NOT NULL`,
  );
  const rows = await context.superuser<{ id: string }>(text.join(" UNION "), [], org.database_name);
  return new Set([...rows.map(({ id }) => id), ...(await sharedIds(context, org.org_id))]);
}

const SUM = "count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS sum";

/** A fingerprint of every row that is an organization's, in its database and in the shared one, so that any change shows. */
export async function fingerprint(
  context: TestContext,
  org: Pick<Org, "database_name" | "org_id">,
): Promise<Map<string, string>> {
  const tables = await context.superuser<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
    [],
    org.database_name,
  );
  const sums = new Map<string, string>();
  for (const { name } of tables) {
    const text = `SELECT ${SUM} FROM ${name} t`;
    const [row] = await context.superuser<{ sum: string }>(text, [], org.database_name);
    sums.set(name, row?.sum ?? "");
  }
  for (const [name, condition] of Object.entries(SHARED_ROWS)) {
    const text = `SELECT ${SUM} FROM ${name} t WHERE ${condition}`;
    const [row] = await context.superuser<{ sum: string }>(text, [org.org_id]);
    sums.set(`shared ${name}`, row?.sum ?? "");
  }
  return sums;
}
