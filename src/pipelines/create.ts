import { inOrganization, require } from "../access/policy.ts";
import type { Principal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { isUuid } from "../ids.ts";
import type { Fault } from "./faults.ts";
import { hint } from "./faults.ts";
import type { PipelineRow, PipelineSpec, PipelineVisibility } from "./schema.ts";
import {
  insertDraft,
  insertPipeline,
  lockPipeline,
  selectDefinitions,
  selectOptionalPipeline,
  selectOptionalTemplate,
  selectTemplateNames,
  selectVersions,
  updateDraft,
  updatePipeline,
} from "./store.ts";
import { validateSpec } from "./validate.ts";

export type CreatePipeline = {
  name: string;
  spec?: Record<string, unknown>;
  template?: string;
  description?: string;
  visibility?: PipelineVisibility;
};

export type MadeDraft = {
  pipeline_id: string;
  name: string;
  version: string;
  /** False: a draft that was there has another graph now. */
  created: boolean;
  warnings: { path: string; rule: string }[];
};

const FIRST = "1";

/** Public is what every other organization reads: not for each member to decide. */
export const SHARE = "pipelines:share";

/**
 * A new pipeline with a draft, or a draft of one that is there: the next number, or in the place of the draft that it
 * has. The number is written into the spec as its `version`. Throws AppError bad_input (the name, or every fault of the
 * spec), not_found (the template), conflict (the name is taken), forbidden (another's pipeline; or, without the
 * permission to share, to make it public or to describe a public one anew).
 */
export async function createPipeline(
  { tx, principal }: { tx: MetadataTx; principal: Principal },
  input: CreatePipeline,
): Promise<MadeDraft> {
  const { org_id, user_id } = inOrganization(principal);
  if (input.visibility === "public") require(principal, SHARE);
  if (isUuid(input.name))
    throw new AppError("bad_input", "a pipeline's name must not look like an id: choose another one");
  const found = await selectOptionalPipeline(tx, input.name);
  if (found?.whose === "system")
    throw new AppError(
      "conflict",
      `the system has a pipeline ${input.name}: choose another name (\`template\` ${input.name} starts from it)`,
    );
  // One that has a name of before keeps it.
  if (found === undefined) checkName(input.name);
  const given = await specOf(tx, input);
  if (found !== undefined) return replaceDraft({ tx, principal }, found, given, input);
  const { spec, warnings } = await checkedSpec(tx, given.spec, FIRST);
  const { name, visibility = "organization" } = input;
  const description = input.description ?? given.description;
  const pipeline_id = await insertPipeline(tx, {
    org_id,
    name,
    description,
    visibility,
    created_by: user_id,
  });
  if (pipeline_id === undefined) {
    // Somebody was quicker: perhaps the asker, perhaps one whose pipelines the asker does not see.
    const there = await selectOptionalPipeline(tx, name);
    if (there?.whose === "organization") return replaceDraft({ tx, principal }, there, given, input);
    throw new AppError("conflict", `the name ${name} is taken in your organization: choose another one`);
  }
  await insertDraft(tx, { pipeline_id, version: FIRST, spec, created_by: user_id });
  return { pipeline_id, name, version: FIRST, created: true, warnings };
}

/** Names stand in commands, and in `name@version`. Throws AppError bad_input. */
function checkName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return;
  const rule =
    "must begin with a letter or digit and have letters, digits, -, _ and . only, as dock-then-refine";
  throw new AppError("bad_input", `a pipeline's name ${rule}: "${name}" is none`, {
    fields: [{ path: "/name", rule }],
  });
}

type Given = { spec: unknown; description: string };

async function specOf(tx: MetadataTx, { spec, template }: CreatePipeline): Promise<Given> {
  if ((spec === undefined) === (template === undefined))
    throw new AppError("bad_input", "a pipeline is made from a spec or from a template: name one of them");
  if (template === undefined) return { spec, description: "" };
  const found = await selectOptionalTemplate(tx, template);
  if (found !== undefined) return found;
  const names = await selectTemplateNames(tx);
  throw new AppError("not_found", `no template "${template.slice(0, 100)}": ${hint(template, names)}`);
}

async function replaceDraft(
  { tx, principal }: { tx: MetadataTx; principal: Principal },
  { pipeline_id, name }: PipelineRow,
  given: Given,
  { description, visibility }: CreatePipeline,
): Promise<MadeDraft> {
  const seenBy = await lockPipeline(tx, pipeline_id);
  if (seenBy === undefined) throw notYours(name);
  // A draft is nobody else's to see, but others read the description at once.
  if (description !== undefined && (visibility ?? seenBy) === "public") require(principal, SHARE);
  const created_by = principal.user_id;
  const versions = await selectVersions(tx, pipeline_id);
  const draft = versions.findLast((one) => !one.published);
  const version = draft?.version ?? nextNumber(versions.map((one) => one.version));
  const { spec, warnings } = await checkedSpec(tx, given.spec, version);
  if (draft === undefined) await insertDraft(tx, { pipeline_id, version, spec, created_by });
  else await updateDraft(tx, draft.pipeline_version_id, spec);
  await updatePipeline(tx, pipeline_id, {
    ...(description === undefined ? {} : { description }),
    ...(visibility === undefined ? {} : { visibility }),
  });
  return { pipeline_id, name, version, created: draft === undefined, warnings };
}

export function notYours(name: string): AppError {
  return new AppError(
    "forbidden",
    `pipeline ${name} is not yours: its maker and your organization's admins change it; copy its spec under another name`,
  );
}

function nextNumber(versions: string[]): string {
  const numbers = versions.map(Number).filter((number) => Number.isSafeInteger(number) && number > 0);
  return String(Math.max(0, ...numbers) + 1);
}

/** The spec as a version of that number, if nothing is wrong with it. Throws AppError bad_input with every fault. */
export async function checkedSpec(
  tx: MetadataTx,
  given: unknown,
  version: string,
): Promise<{ spec: PipelineSpec; warnings: MadeDraft["warnings"] }> {
  const spec = withVersion(given, version);
  const found = validateSpec(spec, await selectDefinitions(tx));
  refuseFaults(found);
  return { spec: spec as PipelineSpec, warnings: found.map(({ path, rule }) => ({ path, rule })) };
}

/** A spec may leave its version out: it gets the number of the draft that it becomes. */
export function withVersion(given: unknown, version: string): unknown {
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  return isObject ? { ...given, version } : given;
}

function refuseFaults(found: readonly Fault[]): void {
  const faults = found.filter(({ severity }) => severity === "fault");
  const [first] = faults;
  if (first === undefined) return;
  const others = faults.length > 1 ? `, and ${faults.length - 1} more` : "";
  throw new AppError("bad_input", `this spec can't be a pipeline: ${first.path} ${first.rule}${others}`, {
    fields: faults.map(({ path, rule }) => ({ path, rule })),
  });
}
