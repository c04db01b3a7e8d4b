// Writes src/db/tables/{metadata,results}.ts from the schema as the migrations make it (`make types`).
// Needs nothing but the packages: it starts a PostgreSQL of its own in a temporary folder and deletes it.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServerAddress } from "../src/db/address.ts";
import { withClient } from "../src/db/connect.ts";
import { ensureServer, purgeServer } from "../src/db/embedded/server.ts";
import { migrateUp } from "../src/db/migrate.ts";
import { BRANCHES, type Branch, readMigrations } from "../src/db/migrations.ts";
import { ensureGroupRoles, ident, rolesOf } from "../src/db/roles.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CODEGEN = join(ROOT, "node_modules/kysely-codegen/dist/cli/bin.js");
/** As the pool parses them (src/db/connect.ts). */
const TYPE_MAPPING = { timestamptz: "string", int8: "number" };

/** Writes `<folder>/metadata.ts` and `<folder>/results.ts`. Rejects where a migration or the generator fails. */
export async function generateTypes(folder: string): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "aliquot-types-"));
  // Started as root, the server runs as another account, which must be able to enter.
  chmodSync(base, 0o755);
  const home = join(base, "home");
  mkdirSync(home);
  const options = { home, systemRoot: join(base, "system"), fast: true };
  try {
    const { admin } = await ensureServer(options);
    for (const branch of BRANCHES) {
      const database = await makeSchema(admin, branch);
      runCodegen({ ...admin, database }, join(folder, `${branch}.ts`), base);
    }
  } finally {
    await purgeServer(options);
    rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** A new database with the newest schema of a branch. Returns its name. */
async function makeSchema(admin: ServerAddress, branch: Branch): Promise<string> {
  const roles = rolesOf("aliquot_");
  const database = `types_${branch}`;
  await withClient(admin, "generate-types", async (client) => {
    await ensureGroupRoles(client, roles);
    await client.query(
      `CREATE DATABASE ${ident(database)} OWNER ${ident(roles.owner)} TEMPLATE template0 ENCODING 'UTF8'`,
    );
  });
  const migrations = await readMigrations(branch);
  await withClient({ ...admin, database }, "generate-types", (client) =>
    migrateUp(client, roles, migrations),
  );
  return database;
}

function runCodegen(address: ServerAddress, outFile: string, cwd: string): void {
  const url = new URL("postgresql://localhost");
  url.username = encodeURIComponent(address.user);
  url.password = encodeURIComponent(address.password);
  url.pathname = `/${address.database}`;
  url.searchParams.set("host", address.host);
  url.port = String(address.port);
  const args = ["--dialect", "postgres", "--url", "env(CODEGEN_URL)", "--out-file", outFile];
  // In a folder of its own: the generator would read a .env and a configuration that lie about.
  const run = spawnSync(
    process.execPath,
    [CODEGEN, ...args, "--type-mapping", JSON.stringify(TYPE_MAPPING)],
    {
      cwd,
      env: { ...process.env, CODEGEN_URL: url.href },
      encoding: "utf8",
    },
  );
  if (run.status !== 0) throw new Error(`kysely-codegen failed: ${run.stderr || run.stdout || run.error}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await generateTypes(join(ROOT, "src/db/tables"));
  console.log("wrote src/db/tables/metadata.ts and src/db/tables/results.ts");
}
