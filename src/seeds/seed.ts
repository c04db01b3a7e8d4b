import { appendAudit } from "../audit/store.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import { violates } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import { seedingEntry } from "./audit.ts";
import { readSeeds, type Seeds } from "./files.ts";
import { noted, type SeedChange } from "./report.ts";
import {
  flag,
  hasAdmin,
  insertAdmin,
  insertPipelineVersion,
  insertRole,
  insertSystemRow,
  json,
  lockSeeding,
  type SystemRow,
  selectDefinitionHash,
  selectDifferences,
  selectKnownPermissions,
  selectRolePermissions,
  text,
  updateRolePermissions,
  updateSystemRow,
} from "./store.ts";

export type SeedOptions = {
  adminEmail: string;
  /** Also put back what is the system's and was changed. */
  force: boolean;
  /** Folder of the files, where they are not the program's own. */
  folder?: string;
};

/**
 * Puts what the system itself needs into the metadata database: roles, task definitions, services, pipelines
 * with their templates, and the person that local commands act as. Adds what is missing and touches nothing
 * that is there, but gives roles the permissions that are new in this version, and brings task definitions up to
 * date that stand as an earlier version made them; `force` puts back what is the
 * system's and was changed. What people made, a published pipeline version and the admin are never changed. One
 * transaction: a seeding that was killed did nothing.
 *
 * Returns what was done, and without `force` what it would put back.
 * Throws AppError: bad_input (a file is wrong), conflict (a published version has another graph, or
 * ADMIN_EMAIL is somebody else's).
 */
export async function seed(metadata: MetadataDoor, options: SeedOptions): Promise<SeedChange[]> {
  const seeds = await readSeeds(options.folder);
  return metadata.system(async (tx) => {
    await lockSeeding(tx);
    const changes: SeedChange[] = [];
    const given: string[] = [];
    const known = await selectKnownPermissions(tx);
    for (const role of seeds.roles) changes.push(...(await seedRole(tx, role, { ...options, known, given })));
    changes.push(...(await seedAdmin(tx, options.adminEmail)));
    for (const one of seeds.task_definitions) {
      const former = await selectDefinitionHash(tx, one);
      const raised = former !== undefined && one.formerly?.includes(former) === true;
      changes.push(...(await seedRow(tx, "task_definition", definitionRow(one), options.force, raised)));
    }
    for (const { name, kind } of seeds.task_services)
      changes.push(
        ...(await seedRow(
          tx,
          "task_service",
          { table: "task_services", key: { name }, values: { kind: text(kind) } },
          options.force,
        )),
      );
    for (const template of seeds.pipeline_templates)
      changes.push(...(await seedPipeline(tx, template, options.force)));
    const entry = seedingEntry(changes, null, given);
    if (entry !== undefined) await appendAudit(tx, [entry]);
    return changes;
  });
}

/**
 * A missing permission that nobody knew before is new in this version, and given; one that somebody took, or gave
 * too many, is put right with force alone. `given` collects what was given, for the audit to remember.
 */
async function seedRole(
  tx: MetadataTx,
  { name, permissions }: Seeds["roles"][number],
  { force, known, given }: { force: boolean; known: Set<string>; given: string[] },
): Promise<SeedChange[]> {
  const found = await selectRolePermissions(tx, name);
  if (found === undefined) {
    await insertRole(tx, name);
    await updateRolePermissions(tx, name, { give: permissions, take: [] });
    given.push(...permissions);
    return [{ kind: "role", name, change: "added", what: [] }];
  }
  const missing = permissions.filter((one) => !found.includes(one));
  const fresh = missing.filter((one) => !known.has(one));
  const taken = missing.filter((one) => known.has(one));
  const extra = found.filter((one) => !permissions.some((right) => right === one));
  const give = force ? missing : fresh;
  await updateRolePermissions(tx, name, { give, take: force ? extra : [] });
  given.push(...give);
  const signed = [...taken.map((one) => `+${one}`), ...extra.map((one) => `-${one}`)];
  return [
    ...noted(
      "role",
      name,
      "updated",
      fresh.map((one) => `+${one}`),
    ),
    ...noted("role", name, force ? "put_back" : "differs", signed),
  ];
}

async function seedAdmin(tx: MetadataTx, email: string): Promise<SeedChange[]> {
  if (await hasAdmin(tx)) return [];
  try {
    await insertAdmin(tx, email);
  } catch (error) {
    if (!violates(error, "users_email_key")) throw error;
    const what = `the user admin can't be made: another user has the address ${email}; set ADMIN_EMAIL to another one`;
    throw new AppError("conflict", what, { cause: error });
  }
  return [{ kind: "user", name: "admin", change: "added", what: [] }];
}

function definitionRow(one: Seeds["task_definitions"][number]): SystemRow {
  return {
    table: "task_definitions",
    key: { name: one.name, version: one.version },
    values: {
      task_type: text(one.task_type),
      input_schema: json(one.input_schema),
      output_schema: json(one.output_schema),
      config: json(one.config),
    },
    once: { is_system: flag(true) },
  };
}

/** The pipeline, its published version, and its template. A version that is new brings the other two along. */
async function seedPipeline(
  tx: MetadataTx,
  template: Seeds["pipeline_templates"][number],
  force: boolean,
): Promise<SeedChange[]> {
  const { name, description, version, spec } = template;
  const line: SystemRow = {
    table: "pipelines",
    key: { name },
    values: {
      description: text(description),
      visibility: text("public"),
      latest_version: text(version),
    },
  };
  const fresh = (await selectDifferences(tx, line)) === undefined;
  if (fresh) await insertSystemRow(tx, line);
  const state = await insertPipelineVersion(tx, template);
  if (state === "other")
    throw new AppError(
      "conflict",
      `pipeline ${name} version ${version} is published with another graph, and a published version never changes: raise its version in seeds/pipeline_templates.json`,
    );
  const raised = state === "added" && !fresh;
  const copy: SystemRow = {
    table: "pipeline_templates",
    key: { name },
    values: { description: text(description), spec: json(spec) },
  };
  return [
    ...(fresh ? noted("pipeline", name, "added", [`version ${version}`]) : []),
    ...(raised ? noted("pipeline", name, "updated", [`version ${version}`]) : []),
    ...(fresh ? [] : await seedRow(tx, "pipeline", line, force, raised)),
    ...(await seedRow(tx, "pipeline_template", copy, force, raised)),
  ];
}

/** Adds a missing row; puts a changed one right with `force`, or where the seeds were `raised` to a new version. */
async function seedRow(
  tx: MetadataTx,
  kind: SeedChange["kind"],
  row: SystemRow,
  force: boolean,
  raised = false,
): Promise<SeedChange[]> {
  const name = Object.values(row.key).join(" ");
  const differs = await selectDifferences(tx, row);
  if (differs === undefined) {
    await insertSystemRow(tx, row);
    return [{ kind, name, change: "added", what: [] }];
  }
  if (differs.length === 0) return [];
  if (!force && !raised) return noted(kind, name, "differs", differs);
  await updateSystemRow(tx, row, differs);
  return noted(kind, name, raised ? "updated" : "put_back", differs);
}
