import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { listEvents } from "../events/operations.ts";
import { EVENT_TYPES, type EventRow, type EventType } from "../events/schema.ts";
import { isUuid } from "../ids.ts";
import type { Cli } from "./cli.ts";
import { EventFeed } from "./event-feed.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { limit } from "./options.ts";
import { table, timeToMs } from "./out.ts";
import { since } from "./since.ts";
import { patiently } from "./wait.ts";

const LOOK_MS = 1000;
/** Kinds of things that events tell of (docs/events.md). */
const KINDS = ["job", "batch", "molecule", "service", "organization", "outbox"];
/** Those that go by an id. */
const WITH_ID = ["job", "batch", "molecule", "organization"];

type Entity = { entity_type: string; entity_id?: string };
type Filter = Partial<Entity> & {
  type?: EventType;
  since?: string;
  limit?: number;
  cursor?: string;
};
type Options = Omit<Filter, keyof Entity> & { entity?: Entity; follow?: boolean };

export function register(program: Command, cli: Cli): void {
  program
    .command("events")
    .description("what happened in the organization, newest first")
    .addOption(new Option("--type <type>", "only these").choices([...EVENT_TYPES]))
    .option("--entity <entity>", "only of this: KIND or KIND:ID, as job:01a1…", entity)
    .option("--since <time>", "not before: 2026-11-21, a time with its zone, or 30m, 12h, 7d ago", since)
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .option("--follow", "go on with what happens from now on, oldest first")
    .action(async ({ entity: of, follow, ...rest }: Options) => {
      const filter = { ...rest, ...of };
      await (follow === true ? followEvents(cli, filter) : listPage(cli, filter));
    });
}

function entity(text: string): Entity {
  const at = text.indexOf(":");
  const entity_type = at < 0 ? text : text.slice(0, at);
  const entity_id = at < 0 ? undefined : text.slice(at + 1);
  if (!KINDS.includes(entity_type) || entity_id === "")
    throw new InvalidArgumentError(`It must be KIND or KIND:ID; there are ${KINDS.join(", ")}.`);
  if (entity_id !== undefined && WITH_ID.includes(entity_type) && !isUuid(entity_id))
    throw new InvalidArgumentError(`It must be ${entity_type}:ID with an id, as lists show it.`);
  return { entity_type, ...(entity_id === undefined ? {} : { entity_id }) };
}

async function listPage(cli: Cli, filter: Filter): Promise<void> {
  const page = await cli.ask(listEvents, filter);
  cli.out.result(page, ({ items, next_cursor }) =>
    [
      table(["when", "event", "of", "what", "ms"], items.map(cells), "nothing happened that you may see"),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

/** Until Ctrl-C. A database that goes away for a while is waited for. */
async function followEvents(cli: Cli, { since, limit, cursor: _, ...filter }: Filter): Promise<void> {
  using interrupted = onInterrupt(cli.out, "ending");
  const feed = new EventFeed((wish) => patiently(cli, () => cli.ask(listEvents, { ...filter, ...wish })));
  const print = (rows: EventRow[]) => {
    for (const row of rows)
      cli.out.line(row, (event) =>
        cells(event)
          .filter((cell) => cell !== null)
          .join("  "),
      );
  };
  print(
    await feed.begin({
      ...(since === undefined ? {} : { since }),
      ...(limit === undefined ? {} : { limit }),
    }),
  );
  for (;;) {
    print(await feed.next());
    await sleep(LOOK_MS, undefined, { signal: interrupted.signal }).catch(() => {});
    if (interrupted.signal.aborted) throw new Interrupted();
  }
}

function cells(row: EventRow): (string | number | null)[] {
  const what = [row.status, row.error_code, row.message].filter((text) => text !== null).join(" · ");
  return [
    timeToMs(row.ts),
    row.event_type,
    row.entity_id === null ? row.entity_type : `${row.entity_type} ${row.entity_id}`,
    what === "" ? null : what,
    row.duration_ms === null ? null : Math.round(row.duration_ms),
  ];
}
