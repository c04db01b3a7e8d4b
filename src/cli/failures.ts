import { type Command, Option } from "commander";
import { listFailures, retryFailures } from "../batches/failure-operations.ts";
import type { FailureGroup } from "../batches/failures.ts";
import { ENGINE_NAMES } from "../engines/registry.ts";
import { AppError } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { checkCode } from "./failure-codes.ts";
import { id } from "./options.ts";
import { short, time } from "./out.ts";
import { describeRetried, retryAll } from "./retry-all.ts";
import { since } from "./since.ts";

type Filter = { batch?: string; since?: string; engine?: string; code?: string };
type Options = Filter & { retry?: boolean; force?: boolean };

/** What a code means to a chemist, and what to do: as docs/errors.md says it. */
const MEANINGS: Record<string, string> = {
  unparsable_input: "the text is no molecule that can be read: correct the record",
  ambiguous_parent: "several parts, and no rule says which one is meant: give one of them",
  undefined_stereo: "a stereocentre or double bond is not drawn: draw it, or let isomers be enumerated",
  embedding_failed: "no 3D coordinates could be made from the drawing: give a structure with coordinates",
  unsupported_element: "an atom that the program has no parameters for: leave it out, or use another method",
  electron_parity: "charge and spin that these atoms can't have: correct them, or draw the ion",
  scf_not_converged:
    "the wave function did not converge: check charge and spin, start from a better geometry",
  geometry_not_converged: "the optimisation reached its limit of cycles: start from a better geometry",
  connectivity_changed: "the bonds after the optimisation differ from those before: look at the geometry",
  box_misses_receptor: "the box holds nothing of the receptor: move it",
  ligand_larger_than_box: "the ligand does not fit into the box: enlarge it",
  too_large: "more atoms than are taken without asking: say --large, or give something smaller",
  bad_input: "the input or its parameters are wrong: correct them",
  engine_refused: "the program can't compute this: change the input or the method",
  crashed: "the program ended without a result: often the machine, so try again once",
  timeout: "it took longer than its limit: try again, or allow more time",
  lost_lease: "its workers vanished: a machine that went down or ran out of memory",
  unavailable: "a database was away",
  store_unavailable: "the disk for results was full or away: make room, then try again",
  damaged: "stored bytes that it needs are damaged or lost: the message says how they come back",
  internal: "something of ours broke: the log says more",
};

/** A group as people see it: `command` runs exactly these again, null where that would change nothing. */
type Shown = FailureGroup & { meaning: string; command: string | null };

export function register(program: Command, cli: Cli): void {
  program
    .command("failures")
    .description("what failed, grouped by reason, with examples and the command that runs it again")
    .option("--batch <id>", "only of this batch", id)
    .option("--since <time>", "only since then: a time, a day, or 30m, 12h, 7d ago", since)
    .addOption(new Option("--engine <engine>", "only of this engine").choices(ENGINE_NAMES))
    .option("--code <code>", "only with this code")
    .option("--retry", "run them again: with --code those alone")
    .option("--force", "with --retry: also what would fail the same way again")
    .action((options: Options) => (options.retry === true ? retry(cli, options) : list(cli, options)));
}

async function list(cli: Cli, options: Options): Promise<void> {
  if (options.force === true) throw new AppError("usage", "--force goes with --retry");
  await checkCode(cli, options.code);
  const page = await cli.ask(listFailures, queryOf(options));
  const items = page.items.map((group): Shown => {
    const meaning = MEANINGS[group.code] ?? "it failed: the job says more (`aliquot job show`)";
    return { ...group, meaning, command: commandOf(group, options) };
  });
  cli.out.result({ ...page, items }, () => describe(items));
}

async function retry(cli: Cli, options: Options): Promise<void> {
  if (options.code === undefined && options.batch === undefined)
    throw new AppError(
      "usage",
      "say which: --code CODE, --batch ID, or both (`aliquot failures` lists them)",
    );
  await checkCode(cli, options.code);
  const how = options.force === true ? { force: true } : {};
  const done = await retryAll((on) => cli.ask(retryFailures, { ...queryOf(options), ...how, ...on }));
  cli.out.result(done, describeRetried);
}

function queryOf({ batch, engine, code, ...rest }: Filter) {
  return {
    ...(batch === undefined ? {} : { batch_id: batch }),
    ...(rest.since === undefined ? {} : { since: rest.since }),
    ...(engine === undefined ? {} : { engine }),
    ...(code === undefined ? {} : { code }),
  };
}

/** The command that runs exactly these again; null where it would fail the same way, or there is no job. */
function commandOf(
  { code, left_out, retryable }: FailureGroup,
  { batch, engine, ...rest }: Filter,
): string | null {
  if (left_out || !retryable) return null;
  if (batch !== undefined && rest.since === undefined && engine === undefined)
    return `aliquot batch retry ${batch} --code ${code}`;
  const filter = [
    ["--batch", batch],
    ["--since", rest.since],
    ["--engine", engine],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return ["aliquot failures --retry", `--code ${code}`, ...filter].join(" ");
}

function describe(groups: Shown[]): string {
  if (groups.length === 0) return "nothing failed that you may see";
  return groups.map(describeGroup).join("\n\n");
}

/** What failed, as its asker knows it, and where it stands. */
function nameOf({ name, smiles, input, job_id, batch_id, source_row }: FailureGroup["examples"][number]) {
  const text = smiles ?? short(input, 60);
  const job = job_id === null ? null : `job ${job_id}`;
  const place = job_id === null && batch_id !== null ? `batch ${batch_id}` : null;
  const line = source_row === null ? null : `line ${source_row}`;
  return [name, text, line, job ?? place].filter((part) => part !== null).join("  ");
}

function describeGroup({ code, count, meaning, examples, command, left_out, ...times }: Shown): string {
  const what = left_out ? "left out when it was read" : "failed";
  const from = time(times.first_at);
  const to = time(times.last_at);
  const when = from === to ? from : `${from} to ${to}`;
  return [
    `${count} × ${code}, ${what} (${when})`,
    `  ${meaning}`,
    ...examples.map((one) => `  e.g. ${nameOf(one)}${one.message === null ? "" : `: ${one.message}`}`),
    command === null
      ? "  the same would fail again: change what is said above, and submit it anew"
      : `  run again: ${command}`,
  ].join("\n");
}
