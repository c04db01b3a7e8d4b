import type { Context } from "../context.ts";
import { checkLedger, type LedgerRow, placeOf, readLedger } from "../db/ledger.ts";
import type { Branch } from "../db/migrations.ts";
import { withPatientClient } from "../db/patient.ts";
import { schemaVerdict, windowOf } from "../db/window.ts";
import { type AppError, toAppError } from "../errors.ts";
import { lookAtFleet, type SchemaStatus, schemaStatus } from "../orgs/fleet-look.ts";
import { fleetSettings } from "../ready.ts";
import { checkAppLogin } from "../setup.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { table, time } from "./out.ts";

/** One database and what its ledger told. */
type Seen = {
  branch: Branch;
  database: string;
  org_id: string | null;
  organization: string | null;
  /** What the directory believes; null for the metadata database. */
  directory: number | null;
  ledger: LedgerRow[];
  status: SchemaStatus;
  error?: AppError;
};

/** `migrate status`: exit 5 where a database can't be reached, 1 where an applied migration was edited. */
export async function showStatus(cli: Cli, branches: readonly Branch[]): Promise<void> {
  const context = await cli.context({ prepare: false });
  const seen = await look(cli, context, branches);
  const items = seen.map(({ ledger, error, directory, ...item }) => {
    const latest = context.migrations[item.branch].length;
    const unread = item.status === "unreachable";
    return {
      ...item,
      current: unread ? null : ledger.length,
      latest,
      pending: unread ? null : Math.max(0, latest - ledger.length),
      directory,
      ...(error === undefined ? {} : { error: error.message }),
    };
  });
  cli.out.result({ items, next_cursor: null }, () =>
    [
      table(
        ["branch", "database", "organization", "current", "latest", "pending", "status"],
        items.map((row) => [
          row.branch,
          row.database,
          row.organization,
          row.current,
          row.latest,
          row.pending,
          row.status,
        ]),
      ),
      ...remarks(items),
    ].join("\n"),
  );
  leave(seen);
}

/** `migrate history`: exit as for status. */
export async function showHistory(cli: Cli, branches: readonly Branch[]): Promise<void> {
  const context = await cli.context({ prepare: false });
  const seen = await look(cli, context, branches);
  const items = seen.flatMap(historyOf);
  cli.out.result({ items, next_cursor: null }, () =>
    table(
      ["branch", "database", "#", "name", "applied", "ms", "checksum"],
      items.map((row) =>
        "version" in row
          ? [
              row.branch,
              row.organization ?? row.database,
              row.version,
              row.breaking ? `${row.name} (breaking)` : row.name,
              time(row.applied_at),
              Math.round(row.duration_ms),
              row.checksum.slice(0, 12),
            ]
          : [
              row.branch,
              row.organization ?? row.database,
              null,
              `${row.status}: ${row.error}`,
              null,
              null,
              null,
            ],
      ),
    ),
  );
  leave(seen);
}

type Target = Pick<Seen, "branch" | "database" | "org_id" | "organization">;

function historyOf({ branch, database, org_id, organization, ledger, status, error }: Seen) {
  const target: Target = { branch, database, org_id, organization };
  const rows: ((Target & LedgerRow) | (Target & { status: SchemaStatus; error: string }))[] = ledger.map(
    (row) => ({ ...target, ...row }),
  );
  if (status === "unreachable") rows.push({ ...target, status, error: error?.message ?? "" });
  return rows;
}

async function look(cli: Cli, context: Context, branches: readonly Branch[]): Promise<Seen[]> {
  const shared = await lookAtShared(context);
  const seen: Seen[] = branches.includes("metadata") ? [shared] : [];
  // The directory is in the metadata database: without it there is nobody to ask for the others.
  if (!branches.includes("results") || !isReadable(context, shared)) {
    if (branches.includes("metadata") || isReadable(context, shared)) return seen;
    return [shared];
  }
  await checkAppLogin(context); // the directory is asked as the programs ask it
  const named = cli.options.org === undefined ? undefined : (await cli.organization()).org_id;
  const filter = named === undefined ? {} : { org_id: named };
  const latest = context.migrations.results.length;
  for (const { place, ledger, error } of await lookAtFleet(
    context.metadata,
    fleetSettings(context),
    filter,
  )) {
    seen.push({
      branch: "results",
      database: place.database_name,
      org_id: place.org_id,
      organization: place.name,
      directory: place.schema_version,
      ledger,
      status: schemaStatus(ledger, latest, error),
      ...(error === undefined ? {} : { error }),
    });
  }
  return seen;
}

async function lookAtShared(context: Context): Promise<Seen> {
  const migrations = context.migrations.metadata;
  let ledger: LedgerRow[] = [];
  let error: AppError | undefined;
  try {
    ledger = await withPatientClient(context.admin, "aliquot migrate", readLedger);
    checkLedger(ledger, migrations);
  } catch (thrown) {
    error = toAppError(thrown);
  }
  return {
    branch: "metadata",
    database: context.admin.database,
    org_id: null,
    organization: null,
    directory: null,
    ledger,
    status: schemaStatus(ledger, migrations.length, error),
    ...(error === undefined ? {} : { error }),
  };
}

function isReadable(context: Context, { ledger, status }: Seen): boolean {
  const window = windowOf("metadata", context.migrations.metadata);
  return status !== "unreachable" && schemaVerdict(placeOf(ledger), window) === "ok";
}

type StatusItem = {
  organization: string | null;
  database: string;
  current: number | null;
  directory: number | null;
  error?: string;
};

function remarks(items: StatusItem[]): string[] {
  const wrong = items.filter(
    (row) => row.directory !== null && row.current !== null && row.directory !== row.current,
  );
  return [
    ...items.flatMap((row) =>
      row.error === undefined ? [] : [`${row.organization ?? row.database}: ${row.error}`],
    ),
    ...wrong.map(
      (row) =>
        `${row.organization}: the directory says ${row.directory} and the database ${row.current}; \`aliquot migrate up --all\` mends it`,
    ),
  ];
}

function leave(seen: Seen[]): void {
  if (seen.some(({ status }) => status === "unreachable")) throw new ExitWith(5);
  if (seen.some(({ status }) => status === "edited")) throw new ExitWith(1);
}
