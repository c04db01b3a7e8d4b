import type pg from "pg";
import { AppError } from "../errors.ts";
import {
  checkLedger,
  createLedger,
  findLedger,
  type LedgerRow,
  lacksLedger,
  placeOf,
  SELECT_LEDGER,
  tooNew,
} from "./ledger.ts";
import type { Migration } from "./migrations.ts";
import { ident, type Roles } from "./roles.ts";
import { splitStatements } from "./statements.ts";
import { type Direction, type Step, takeStep } from "./step.ts";
import type { SchemaPlace } from "./window.ts";

export type MigrateOptions = {
  to?: number;
  steps?: number;
  onStep?: (step: Step) => void;
  /** Another migrator is at this database: called once, before we wait for it. */
  onWait?: () => void;
};

/** What was done, how far the database is now, and the answer to what was asked at the end. */
export type Migrated = { steps: Step[]; place: SchemaPlace; answer: boolean };

/** Any number that nobody else locks on; held for the session while a database is migrated. */
const LOCK = 7_242_001;

/**
 * Applies what is missing, each step in a transaction of its own with its ledger row, under a lock.
 * The client is the administrator's; steps run as `owner`. Returns the steps taken. A database that is
 * ahead of this program by migrations that only add is left as it is.
 * Throws AppError conflict (an applied migration was edited), app_too_old (the database has a breaking
 * migration that this program does not know) or internal (a statement failed: nothing of that step remains).
 */
export async function migrateUp(
  client: pg.ClientBase,
  roles: Roles,
  migrations: Migration[],
  options: MigrateOptions = {},
): Promise<Step[]> {
  return (await migrate(client, roles, migrations, "up", options)).steps;
}

/** Takes steps back, the last first: one, unless `steps` or `to` says otherwise. Errors as migrateUp. */
export async function migrateDown(
  client: pg.ClientBase,
  roles: Roles,
  migrations: Migration[],
  options: MigrateOptions = {},
): Promise<Step[]> {
  return (await migrate(client, roles, migrations, "down", options)).steps;
}

/**
 * The same in either direction, and how far the database is afterwards. `ask` is a condition in SQL that is
 * answered when the steps are done, on the journey that gives the lock back.
 */
export async function migrate(
  client: pg.ClientBase,
  roles: Roles,
  migrations: Migration[],
  direction: Direction,
  options: MigrateOptions & { ask?: string } = {},
): Promise<Migrated> {
  let ended = false;
  try {
    const ledger = await enter(client, roles, options.onWait);
    checkLedger(ledger, migrations);
    const plan =
      direction === "up" ? stepsUp(ledger, migrations, options) : stepsDown(ledger, migrations, options);
    for (const migration of plan) refuseOwnTransaction(migration, direction);
    const steps: Step[] = [];
    for (const migration of plan) {
      const step = await takeStep(client, roles, migration, direction);
      steps.push(step);
      options.onStep?.(step);
      if (direction === "down") ledger.pop();
      else ledger.push({ ...migration, applied_at: "", duration_ms: step.duration_ms });
    }
    ended = true;
    const answers = await client.query(`RESET ROLE;
      SELECT pg_advisory_unlock(${LOCK}); SELECT (${options.ask ?? "false"}) AS answer`);
    const answer = (answers as unknown as pg.QueryResult[]).at(-1)?.rows[0]?.answer === true;
    return { steps, place: placeOf(ledger), answer };
  } finally {
    if (!ended) await client.query(`RESET ROLE; SELECT pg_advisory_unlock(${LOCK})`).catch(() => {});
  }
}

/** Takes the lock and the owner's role, and reads the ledger: one journey where there is one and nobody is at it. */
async function enter(client: pg.ClientBase, roles: Roles, onWait?: () => void): Promise<LedgerRow[]> {
  const role = `SET ROLE ${ident(roles.owner)}`;
  const tryLock = `SELECT pg_try_advisory_lock(${LOCK}) AS got`;
  try {
    const answers = await client.query(`${tryLock}; ${role}; ${SELECT_LEDGER}`);
    const [got, , ledger] = answers as unknown as [pg.QueryResult, unknown, pg.QueryResult<LedgerRow>];
    if (got.rows[0]?.got === true) return ledger.rows;
  } catch (error) {
    if (!lacksLedger(error)) throw error;
    // The failure took back the role, and not the lock where we got it: begin again.
    await client.query(`SELECT pg_advisory_unlock(${LOCK})`);
  }
  if ((await client.query(tryLock)).rows[0]?.got !== true) {
    onWait?.();
    await client.query(`SELECT pg_advisory_lock(${LOCK})`);
  }
  await client.query(role);
  const ledger = await findLedger(client);
  if (ledger === undefined) await createLedger(client, roles);
  return ledger ?? [];
}

function stepsUp(ledger: LedgerRow[], migrations: Migration[], options: MigrateOptions): Migration[] {
  const unknown = ledger.slice(migrations.length).find((row) => row.breaking);
  if (unknown !== undefined) throw tooNew(unknown);
  const steps = migrations.slice(ledger.length, options.to).slice(0, options.steps);
  const empty = steps.find((step) => splitStatements(step.up).length === 0);
  if (empty !== undefined)
    throw new AppError(
      "bad_input",
      `migration ${empty.version} (${empty.name}) holds no statement yet: write it first`,
    );
  return steps;
}

/**
 * A step and its ledger row are one transaction: a COMMIT in the text would end it before the row is written.
 * Throws AppError bad_input.
 */
function refuseOwnTransaction({ version, name, up, down }: Migration, direction: Direction): void {
  const text = direction === "up" ? up : down;
  const own = splitStatements(text).find((statement) => OWN_TRANSACTION.test(statement.text));
  if (own === undefined) return;
  const line = text.slice(0, own.offset).split("\n").length;
  throw new AppError(
    "bad_input",
    `migration ${version} (${name}, ${direction}, line ${line}) holds ${own.text.slice(0, 30)}: a step and its ledger row are one transaction; take it out`,
  );
}

/** Not END, which bodies written as BEGIN ATOMIC have too. */
const OWN_TRANSACTION = /^(begin|start\s+transaction|commit|rollback|abort|prepare\s+transaction)\b/i;

function stepsDown(ledger: LedgerRow[], migrations: Migration[], options: MigrateOptions): Migration[] {
  if (options.steps !== undefined && options.steps > ledger.length)
    throw new AppError(
      "usage",
      `only ${ledger.length} migrations are applied: ${options.steps} can't be taken back`,
    );
  const count = options.steps ?? (options.to === undefined ? 1 : ledger.length - options.to);
  const rows = ledger.slice(Math.max(0, ledger.length - Math.max(0, count))).reverse();
  return rows.map((row) => {
    const migration = migrations[row.version - 1];
    if (migration === undefined) throw tooNew(row);
    return migration;
  });
}
