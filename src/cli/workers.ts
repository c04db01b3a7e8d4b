import { type Command, InvalidArgumentError } from "commander";
import { require } from "../access/policy.ts";
import type { Principal } from "../access/principal.ts";
import { ENGINE_NAMES } from "../engines/registry.ts";
import { AppError } from "../errors.ts";
import { selectOptionalPlaceByText } from "../orgs/store.ts";
import { drainWorker } from "../queue/drain.ts";
import { type ListedLane, type ListedWorker, listLanes, listWorkers } from "../queue/operators-store.ts";
import { setLane } from "../queue/set-lane.ts";
import type { Cli } from "./cli.ts";
import { id } from "./options.ts";
import { who } from "./org-who.ts";
import { table, time } from "./out.ts";

type LaneOptions = { set?: string; engine?: string; weight?: number; quota?: number | "none" };

/** What an operator asks of all workers: who is there, who shall leave, who gets which share. */
export function registerWorkers(worker: Command, cli: Cli): void {
  worker
    .command("list")
    .description("workers on every machine, with what they run")
    .action(() => list(cli));
  worker
    .command("drain")
    .argument("[worker]", "its id", id)
    .description("tell a worker to take no more, finish what it has and end")
    .option("--all", "every worker (asks first)")
    .action((text: string | undefined, options: { all?: boolean }) => drain(cli, text, options.all ?? false));
  worker
    .command("lanes")
    .description("shares of the organizations in the workers; --set changes one")
    .option("--set <org>", "the organization whose share or quota is changed")
    .option("--engine <engine>", `${ENGINE_NAMES.join(" or ")}, with --set`)
    .option("--weight <w>", "its share: 2 gets twice what 1 gets (1)", weight)
    .option("--quota <n>", "tasks at once at most, or none", quota)
    .action((options: LaneOptions) => lanes(cli, options));
}

function weight(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0.001 && value <= 1000) return value;
  throw new InvalidArgumentError("It must be from 0.001 to 1000.");
}

function quota(text: string): number | "none" {
  if (text === "none") return text;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 1_000_000) return value;
  throw new InvalidArgumentError("It must be a whole number from 0 to 1000000, or none.");
}

async function operator(cli: Cli): Promise<Principal> {
  const principal = await who(cli);
  require(principal, "orgs:operate");
  return principal;
}

async function list(cli: Cli): Promise<void> {
  await operator(cli);
  const items = await listWorkers((await cli.context()).metadata);
  cli.out.result({ items, next_cursor: null }, () =>
    table(
      ["worker", "host", "pid", "engines", "slots", "running", "state", "last seen"],
      items.map((row) => [
        row.worker_id,
        row.host,
        row.pid,
        row.engines.join(", "),
        row.slots,
        row.running,
        stateOf(row),
        time(row.last_seen_at),
      ]),
      "no worker: start one with `aliquot worker`",
    ),
  );
}

function stateOf({ alive, draining }: ListedWorker): string {
  if (!alive) return "silent";
  return draining ? "draining" : "working";
}

async function drain(cli: Cli, text: string | undefined, all: boolean): Promise<void> {
  if (all === (text !== undefined)) throw new AppError("usage", "say either --all or one worker's id");
  const worker_id = text ?? null;
  const { user_id } = await operator(cli);
  const question = "This ends every worker, on all machines, when it has finished what it runs.";
  if (all && !(await cli.out.confirm(question, cli.options.yes ?? false))) {
    cli.out.result({ done: false }, () => "nothing was done");
    return;
  }
  const told = await drainWorker((await cli.context()).metadata, worker_id, user_id);
  const items = told.map((one) => ({ worker_id: one, draining: true }));
  const say = () =>
    `${told.length} worker(s) will hear within 10 s, finish what they run and end; those of \`aliquot up\` are started again`;
  if (all) cli.out.result({ items, next_cursor: null }, say);
  else cli.out.result(items[0], say);
}

async function lanes(cli: Cli, options: LaneOptions): Promise<void> {
  const { set, engine, weight, quota } = options;
  const changes = weight !== undefined || quota !== undefined;
  if ((set !== undefined) !== (engine !== undefined) || (set !== undefined) !== changes)
    throw new AppError("usage", "say --set ORG, --engine ENGINE, and --weight or --quota, all together");
  const { user_id } = await operator(cli);
  const { metadata } = await cli.context();
  if (set === undefined || engine === undefined) {
    const items = await listLanes(metadata);
    cli.out.result({ items, next_cursor: null }, () => laneTable(items));
    return;
  }
  if (!ENGINE_NAMES.some((name) => name === engine))
    throw new AppError("usage", `there is no engine ${engine}: there are ${ENGINE_NAMES.join(" and ")}`);
  const place = await metadata.system((tx) => selectOptionalPlaceByText(tx, set));
  if (place === undefined) throw new AppError("not_found", "no such organization");
  const change = {
    ...(weight === undefined ? {} : { weight }),
    ...(quota === undefined ? {} : { quota: quota === "none" ? null : quota }),
  };
  const lane = await setLane(metadata, { org_id: place.org_id, engine }, change, user_id);
  cli.out.result(lane, () => laneTable([lane]));
}

function laneTable(items: ListedLane[]): string {
  return table(
    ["organization", "engine", "share", "quota", "running", "state"],
    items.map((row) => [row.name, row.engine, row.weight, row.quota, row.running, laneState(row)]),
    "no organization has had tasks yet",
  );
}

function laneState({ is_active, resting_until }: ListedLane): string {
  if (resting_until !== null) return `its database was away: again at ${time(resting_until)}`;
  return is_active ? "tasks wait" : "nothing waits";
}
