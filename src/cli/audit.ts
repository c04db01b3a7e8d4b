import { type Command, InvalidArgumentError } from "commander";
import { listAuditOperation, verifyAuditOperation } from "../audit/operations.ts";
import type { AuditRow, ListAudit, VerifiedAudit, VerifyAudit } from "../audit/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { id, limit } from "./options.ts";
import { short, table, timeToMs } from "./out.ts";
import { since } from "./since.ts";

type Entity = { entity_type: string; entity_id?: string };
type ListOptions = Pick<ListAudit, "system" | "since" | "until" | "user" | "action" | "limit" | "cursor"> & {
  entity?: Entity;
  job?: string;
  pipeline?: string;
};

export function register(program: Command, cli: Cli): void {
  const audit = program
    .command("audit")
    .description("who did what, and whether the log is as it was written");
  audit
    .command("list")
    .description("what was done in the organization, the last first")
    .option("--since <time>", "not before: 2026-11-21, a time with its zone, or 30m, 12h, 7d ago", since)
    .option("--until <time>", "before: the same", since)
    .option("--user <user>", "by this person: a name or an id")
    .option("--action <action>", "only this: job.cancel, or job for all that is done to jobs")
    .option("--entity <entity>", "only to this: KIND or KIND:ID, as job:01a1…", entity)
    .option("--job <id>", "only what concerns this job", id)
    .option("--pipeline <id>", "only what concerns this pipeline", id)
    .option("--system", "the installation's own log")
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async ({ entity: of, job, pipeline, ...filter }: ListOptions) => {
      const wish: ListAudit = {
        ...filter,
        ...of,
        ...(job === undefined ? {} : { job_id: job }),
        ...(pipeline === undefined ? {} : { pipeline_id: pipeline }),
      };
      const page = await cli.ask(listAuditOperation, wish, filter.system === true ? { outside: true } : {});
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          table(["no", "when", "who", "did", "to", "more"], items.map(cells), "no row matches"),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
  audit
    .command("verify")
    .description("computes every hash of the log anew; ends with 1 where something was changed")
    .option("--all", "every organization's, and the installation's own")
    .option("--system", "the installation's own")
    .action(async (wish: Pick<VerifyAudit, "all" | "system">) => {
      const outside = wish.all === true || wish.system === true;
      const report = await cli.ask(verifyAuditOperation, wish, outside ? { outside } : {});
      cli.out.result(report, describe);
      if (!report.ok) throw new ExitWith(1);
    });
}

function entity(text: string): Entity {
  const [, entity_type, entity_id] = /^([^:]+)(?::(.+))?$/s.exec(text) ?? [];
  if (entity_type === undefined) throw new InvalidArgumentError("It must be KIND or KIND:ID.");
  return { entity_type, ...(entity_id === undefined ? {} : { entity_id }) };
}

function cells(row: AuditRow): (string | number | null)[] {
  const more = Object.entries(row.metadata).map(([field, value]) => said(field, value, row));
  const named = row.names[row.entity_id ?? ""];
  return [
    row.seq,
    timeToMs(row.ts),
    row.username ?? row.user_id,
    row.action,
    row.entity_id === null
      ? row.entity_type
      : `${row.entity_type} ${row.entity_id}${named === undefined ? "" : ` (${named})`}`,
    more.length === 0 ? null : short(more.join(" "), 80),
  ];
}

/** A particular as it is written, but ids of roles and people as what these are called. */
function said(field: string, value: unknown, { names }: AuditRow): string {
  const called = [value].flat().map((id) => names[String(id)]);
  if (called.length === 0 || called.includes(undefined)) return `${field}=${plain(value)}`;
  return `${field.replace(/_id(s?)$/, "$1")}=${called.join(",")}`;
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function describe({ ok, items }: VerifiedAudit): string {
  const rows = items.reduce((sum, one) => sum + one.rows, 0);
  const counted = (n: number, noun: string) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  if (ok) return `${counted(rows, "row")} in ${counted(items.length, "chain")}: as written`;
  return items
    .filter(({ first_bad_seq }) => first_bad_seq !== null)
    .map(
      ({ org_id, first_bad_seq }) =>
        `${org_id === null ? "the installation" : `organization ${org_id}`}: row ${first_bad_seq} was changed, moved, put in or taken out`,
    )
    .join("\n");
}
