import { type Command, Option } from "commander";
import { AppError } from "../errors.ts";
import {
  checkPipeline,
  comparePipelineOperation,
  createPipelineOperation,
  listPipelines,
  publishPipelineOperation,
  showPipeline,
} from "../pipelines/operations.ts";
import { PIPELINE_VISIBILITIES, type PipelineVisibility } from "../pipelines/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { limit, readInput } from "./options.ts";
import { registerRun } from "./pipeline-run.ts";
import { describeChanges, describeFaults, describePipeline, pipelineTable } from "./pipeline-words.ts";

export function register(program: Command, cli: Cli): void {
  const pipeline = program.command("pipeline").description("graphs of tasks that jobs run");
  pipeline
    .command("list")
    .description("pipelines that you may see: your organization's, the system's, others' public ones")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { limit?: number; cursor?: string }) => {
      cli.out.result(await cli.ask(listPipelines, options), pipelineTable);
    });
  pipeline
    .command("show <pipeline>")
    .description("its tasks in order and what each takes; by name or id")
    .option("--version <version>", "this one, not the latest published")
    .option("--diff [version]", "what changed since the version published before, or since this one")
    .option("--template <name>", "with --diff: what differs from a template")
    .action((text: string, options: ShowOptions) => show(cli, text, options));
  pipeline
    .command("create <name>")
    .description("a new pipeline with a draft, or another draft of yours")
    .option("--spec <file>", "the graph as JSON; - is standard input")
    .option("--from <template>", "start from a template: dock, screen, …")
    .option("--description <text>", "what it is for")
    .addOption(
      new Option("--visibility <who>", "who sees it (organization)").choices([...PIPELINE_VISIBILITIES]),
    )
    .option("--dry-run", "only say what is wrong with it")
    .action((name: string, options: CreateOptions) => create(cli, name, options));
  pipeline
    .command("validate")
    .description("all that is wrong with a spec, each with its place")
    .requiredOption("--spec <file>", "the graph as JSON; - is standard input")
    .action(async ({ spec }: { spec: string }) => validate(cli, await readSpec(cli, spec)));
  pipeline
    .command("publish <pipeline>")
    .description("make a draft what jobs get; it never changes again (asks first)")
    .option("--version <version>", "this one, not its draft")
    .action((text: string, options: { version?: string }) => publish(cli, text, options));
  registerRun(pipeline, cli);
}

type ShowOptions = { version?: string; diff?: string | true; template?: string };

async function show(cli: Cli, pipeline: string, { version, diff, template }: ShowOptions): Promise<void> {
  if (diff === undefined && template !== undefined)
    throw new AppError("usage", "--template is what to compare with: say --diff too");
  if (typeof diff === "string" && template !== undefined)
    throw new AppError("usage", "--diff takes a version or --template, not both");
  if (diff === undefined) {
    const input = { pipeline, ...(version === undefined ? {} : { version }) };
    cli.out.result(await cli.ask(showPipeline, input), describePipeline);
    return;
  }
  const compared = await cli.ask(comparePipelineOperation, {
    pipeline,
    ...(version === undefined ? {} : { to: version }),
    ...(typeof diff === "string" ? { from: diff } : {}),
    ...(template === undefined ? {} : { template }),
  });
  cli.out.result(compared, describeChanges);
}

type CreateOptions = {
  spec?: string;
  from?: string;
  description?: string;
  visibility?: PipelineVisibility;
  dryRun?: boolean;
};

async function create(cli: Cli, name: string, options: CreateOptions): Promise<void> {
  const { spec, from, description, visibility } = options;
  if ((spec === undefined) === (from === undefined))
    throw new AppError("usage", "say what it is: --spec FILE, or --from TEMPLATE");
  const graph = spec === undefined ? undefined : await readSpec(cli, spec);
  if (options.dryRun === true && graph === undefined)
    throw new AppError("usage", "--dry-run looks at a spec: name it with --spec");
  if (options.dryRun === true && graph !== undefined) return validate(cli, graph);
  const made = await cli.ask(createPipelineOperation, {
    name,
    ...(graph === undefined ? {} : { spec: graph }),
    ...(from === undefined ? {} : { template: from }),
    ...(description === undefined ? {} : { description }),
    ...(visibility === undefined ? {} : { visibility }),
  });
  for (const { path, rule } of made.warnings) cli.out.say(`warning: ${path} ${rule}`);
  cli.out.result(
    made,
    ({ version, created }) =>
      `${created ? "made" : "replaced"} draft ${version} of pipeline ${name} (${made.pipeline_id}): \`aliquot pipeline publish ${name}\` lets it run`,
  );
}

/** A graph as it was written: what is wrong with it the operation says. */
type Spec = Record<string, unknown>;

async function readSpec(cli: Cli, path: string): Promise<Spec> {
  const name = path === "-" ? "standard input" : path;
  const text = path === "-" ? await readAll(cli.io.stdin) : (await readInput(path)).toString("utf8");
  if (text.trim() === "")
    throw new AppError("bad_input", `${name} is empty: a spec is an object with its tasks`);
  const spec = parsed(name, text);
  if (typeof spec === "object" && spec !== null && !Array.isArray(spec)) return { ...spec };
  const what = Array.isArray(spec) ? "a list" : spec === null ? "null" : `a ${typeof spec}`;
  throw new AppError("bad_input", `${name} holds ${what}: a spec is an object with its tasks`);
}

/** Throws AppError bad_input. */
function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = (cause as Error).message.replace(/\s+/g, " ");
    throw new AppError("bad_input", `${name} is no JSON: ${why}`, { cause });
  }
}

async function readAll(stream: AsyncIterable<string | Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}

async function validate(cli: Cli, spec: Spec): Promise<void> {
  const found = await cli.ask(checkPipeline, { spec });
  cli.out.result(found, describeFaults);
  if (!found.ok) throw new ExitWith(1);
}

async function publish(cli: Cli, pipeline: string, { version }: { version?: string }): Promise<void> {
  const found = await cli.ask(showPipeline, {
    pipeline,
    ...(version === undefined ? {} : { version }),
  });
  const meant = version ?? found.draft_version;
  const asks = `This publishes version ${meant} of pipeline ${found.name}: jobs get it, and it never changes again.`;
  // Where there is nothing to publish the operation says so.
  const goes = meant === null || found.versions.some((one) => one.version === meant && one.published);
  if (!goes && !(await cli.out.confirm(asks, cli.options.yes === true))) {
    cli.out.result({ changed: false }, () => "nothing was done");
    return;
  }
  const done = await cli.ask(publishPipelineOperation, {
    pipeline: found.pipeline_id,
    ...(meant === null ? {} : { version: meant }),
  });
  cli.out.result(done, ({ name, changed }) =>
    changed
      ? `published version ${done.version} of pipeline ${name}: \`aliquot pipeline run ${name}\` runs it`
      : `version ${done.version} of pipeline ${name} was published before`,
  );
}
