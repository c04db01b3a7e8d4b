import type pg from "pg";
import { AppError } from "../errors.ts";
import type { ServerAddress } from "./address.ts";
import { compareCatalogs, describeCatalog } from "./catalog.ts";
import { Filler } from "./fill.ts";
import { migrateDown, migrateUp } from "./migrate.ts";
import type { Branch, Migration } from "./migrations.ts";
import { ident, type Roles } from "./roles.ts";
import { withScratchDatabase } from "./scratch.ts";

export type MigrationTest = {
  branch: Branch;
  steps: number;
  /** What was filled when all was applied. */
  tables: number;
  rows: number;
  /** One line for each thing that was found wrong; empty: all is well. */
  differences: string[];
};

/**
 * Takes every migration of a branch up, down and up again in a scratch database, first each one as soon as it
 * is there and then all of them, always with rows in the tables. Compares the schemas, and looks for what a
 * way down leaves behind. The scratch database is dropped whatever happens.
 */
export async function testMigrations(
  admin: ServerAddress,
  roles: Roles,
  branch: Branch,
  migrations: Migration[],
  tell: (done: number, note: string) => void = () => {},
): Promise<MigrationTest> {
  return withScratchDatabase(admin, roles, "migrate_test", async (scratch) => {
    await scratch.query("SET synchronous_commit = off; SET jit = off"); // a scratch database has nothing to lose
    const found = await new Walk(scratch, roles, migrations, tell).run();
    return { branch, steps: migrations.length, ...found };
  });
}

class Walk {
  readonly #client: pg.ClientBase;
  readonly #roles: Roles;
  readonly #migrations: Migration[];
  readonly #tell: (done: number, note: string) => void;
  readonly #filler: Filler;
  readonly #found = new Set<string>();

  constructor(
    client: pg.ClientBase,
    roles: Roles,
    migrations: Migration[],
    tell: (done: number, note: string) => void,
  ) {
    this.#client = client;
    this.#roles = roles;
    this.#migrations = migrations;
    this.#tell = tell;
    this.#filler = new Filler(client);
  }

  async run(): Promise<{ tables: number; rows: number; differences: string[] }> {
    const size = { tables: 0, rows: 0 };
    try {
      const empty = await this.#describe();
      let before = empty;
      for (const { version, name } of this.#migrations) {
        this.#tell(version - 1, name);
        before = await this.#alone(version, name, before);
      }
      Object.assign(size, await this.#asOwner(() => this.#filler.count()));
      await this.#together(empty, before);
      this.#tell(this.#migrations.length, "done");
    } catch (error) {
      // A step that fails is what we are here to find: its message names file, line and reason.
      const said = error instanceof Error ? error.message : String(error);
      const more = error instanceof AppError ? (error.detail ?? "") : "";
      this.#found.add(said.includes(more) ? said : `${said}: ${more}`);
    }
    return { ...size, differences: [...this.#found] };
  }

  /** One step up, filled, down and up again; what it made must be the same, and what it undid too. */
  async #alone(version: number, name: string, before: string[]): Promise<string[]> {
    await this.#up({ to: version });
    await this.#fill(`after ${version} ${name}`);
    const made = await this.#describe();
    await migrateDown(this.#client, this.#roles, this.#migrations);
    this.#compare(before, await this.#describe(), `${version} ${name} down`);
    await this.#fill(`after ${version} ${name} down`);
    await this.#up({ to: version });
    const again = await this.#describe();
    this.#compare(made, again, `${version} ${name} up again`);
    await this.#fill(`after ${version} ${name} up again`);
    return again;
  }

  async #together(empty: string[], made: string[]): Promise<void> {
    await migrateDown(this.#client, this.#roles, this.#migrations, { to: 0 });
    this.#compare(empty, await this.#describe(), "all down");
    await this.#up({});
    this.#compare(made, await this.#describe(), "all up again");
    await this.#fill("at the end");
  }

  /** The schema without the ledger, which is no migration's. */
  async #describe(): Promise<string[]> {
    return (await describeCatalog(this.#client)).filter((line) => !line.includes("schema_migrations"));
  }

  async #up(options: { to?: number }): Promise<void> {
    await migrateUp(this.#client, this.#roles, this.#migrations, options);
  }

  async #fill(when: string): Promise<void> {
    for (const { table, reason } of await this.#asOwner(() => this.#filler.fill())) {
      this.#found.add(`${when}: table ${table} got no row: ${reason}`);
    }
  }

  async #asOwner<T>(work: () => Promise<T>): Promise<T> {
    await this.#client.query(`SET ROLE ${ident(this.#roles.owner)}`);
    try {
      return await work();
    } finally {
      await this.#client.query("RESET ROLE");
    }
  }

  #compare(before: string[], after: string[], when: string): void {
    for (const line of compareCatalogs(before, after)) this.#found.add(`${when}: ${line}`);
  }
}
