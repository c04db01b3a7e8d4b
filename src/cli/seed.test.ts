import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { documentOf, runHere } from "../../test/cli/home.ts";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { verifyPassword } from "../access/passwords.ts";
import { inOrganization } from "../access/policy.ts";
import { localPrincipal } from "../access/principal.ts";
import { deleteMolecule, listMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { readSeeds } from "../seeds/files.ts";
import type { SeedChange } from "../seeds/report.ts";
import { Cli } from "./cli.ts";
import { howAdminSignsIn, seedForUp } from "./seed.ts";
import { seedOrganization } from "./seed-organization.ts";

const context = await openTestContext({ after });
const { sample_molecules: SAMPLES } = await readSeeds();
const env = {
  DATABASE_URL: context.config.database_url ?? "",
  ALIQUOT_SECRET_KEY: context.secret.reveal(),
  ALIQUOT_HOME: context.home,
  WORKER_SLOTS: "1",
};
const seed = (words: string[] = [], more: Record<string, string> = {}) =>
  runHere(["seed", ...words], { ...env, ...more }, context.home);
type Answer = Record<string, number> & {
  organization: string;
  organization_status: string;
  changes: SeedChange[];
  admin_password: string | null;
};
const seedJson = async (words: string[] = [], more: Record<string, string> = {}) =>
  documentOf<Answer>(["seed"], await seed(["--json", ...words], more), 0);

const organizations = async () =>
  (await context.superuser<{ name: string }>("SELECT name FROM organizations ORDER BY created_at")).map(
    ({ name }) => name,
  );
const databaseOf = async (name: string) =>
  (
    await context.superuser<{ org_id: string; database_name: string }>(
      "SELECT org_id, database_name FROM organizations JOIN org_databases USING (org_id) WHERE name = $1",
      [name],
    )
  )[0] ?? { org_id: "", database_name: "" };
const samplesIn = async (name: string) =>
  context.superuser<{ name: string; tags: string[]; properties: object; source_row: number }>(
    "SELECT name, tags, properties, source_row FROM registrations ORDER BY source_row",
    [],
    (await databaseOf(name)).database_name,
  );
const hash = async () =>
  (
    await context.superuser<{ hashed_password: string | null }>(
      "SELECT hashed_password FROM users WHERE username = 'admin'",
    )
  )[0]?.hashed_password ?? null;

test("a weak ADMIN_PASSWORD and a SEED_ORG that is no name are refused before anything is made", async () => {
  const weak = await seed([], { ADMIN_PASSWORD: "hunter2" });
  assert.deepEqual([weak.code, weak.stdout], [2, ""]);
  assert.match(weak.stderr, /ADMIN_PASSWORD must have at least 12 characters/);
  assert.doesNotMatch(weak.stderr, /hunter2/);
  const missing = await seed([], { ADMIN_PASSWORD_FILE: "/no/such/file" });
  assert.deepEqual([missing.code, /ADMIN_PASSWORD_FILE names a file/.test(missing.stderr)], [2, true]);
  const named = await seed([], { SEED_ORG: "x" });
  assert.equal(named.code, 2, named.stderr);
  assert.match(named.stderr, /SEED_ORG is no name for an organization: name must not have fewer than 3/);
  assert.deepEqual([await organizations(), await hash()], [[], null]);
});

let password = "";

test("the first seeding makes the organization, its samples and a password, which it prints once", async () => {
  const ran = await seed();
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^added: 1 organization \(default\)$/m);
  assert.match(ran.stdout, /^added: 12 sample molecules \(aspirin, .*amprenavir\)$/m);
  password = /password of the user admin: (\S+)/.exec(ran.stderr)?.[1] ?? "";
  assert.ok(password.length >= 20, ran.stderr);
  assert.doesNotMatch(ran.stdout, new RegExp(password));
  assert.ok(await verifyPassword(password, await hash()));
  const samples = await samplesIn("default");
  assert.deepEqual(
    samples.map(({ name, tags, properties }) => ({ name, tags, properties })),
    SAMPLES.map(({ name, source }) => ({ name, tags: ["sample"], properties: { source } })),
  );
  const { org_id } = await databaseOf("default");
  const admin = await localPrincipal(context.metadata, "admin", org_id);
  const roles = await context.superuser(
    "SELECT r.name FROM membership_roles JOIN roles r USING (role_id) WHERE user_id = $1",
    [admin.user_id],
  );
  assert.deepEqual(roles, [{ name: "owner" }]);
});

test("again nothing changes, no password is told, and one in the environment does not replace it", async () => {
  const before = [await samplesIn("default"), await hash(), await organizations()];
  const ran = await seed();
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, "everything was there\n", ""]);
  const forced = await seedJson(["--force"], { ADMIN_PASSWORD: "another password" });
  assert.deepEqual([forced.changes, forced.admin_password, forced.organization], [[], null, "default"]);
  assert.equal(forced["sample_molecules"], 0);
  const told = await seed([], { ADMIN_PASSWORD: "another password" });
  assert.match(told.stderr, /^ADMIN_PASSWORD is not the password of admin, who has one already: it stays\n$/);
  assert.equal(howAdminSignsIn(`up\n${told.stderr}more`, true), told.stderr.trim());
  assert.deepEqual([await samplesIn("default"), await hash(), await organizations()], before);
});

test("a renamed sample differs, keeps its name without force and its tags always; a deleted one comes back", async () => {
  const { database_name, org_id } = await databaseOf("default");
  const sql = (text: string) => context.superuser(text, [], database_name);
  await sql("UPDATE registrations SET name = 'my caffeine', tags = '{mine}' WHERE name = 'caffeine'");
  const admin = inOrganization(await localPrincipal(context.metadata, "admin", org_id));
  const { items } = await perform(context, listMolecules, admin, { limit: 100 });
  const gone = items.find(({ name }) => name === "diazepam")?.molecule_id;
  await perform(context, deleteMolecule, admin, { molecule_id: gone });
  const told = await seedJson();
  assert.deepEqual(told.changes, [
    { kind: "sample_molecule", name: "diazepam", change: "added", what: [] },
    { kind: "sample_molecule", name: "caffeine", change: "differs", what: ["name", "tags"] },
  ]);
  assert.ok((await samplesIn("default")).some(({ name }) => name === "my caffeine"));
  const forced = await seed(["--force"]);
  assert.equal(forced.stdout, "put back: 1 sample molecule (caffeine: name tags)\n");
  const caffeine = (await samplesIn("default")).filter(({ source_row }) => source_row === 2);
  assert.deepEqual(
    caffeine.map(({ name, tags }) => [name, tags]),
    [["caffeine", ["mine", "sample"]]],
  );
  const audit = await context.superuser(
    "SELECT metadata FROM audit_logs WHERE action = 'seed' AND org_id = $1",
    [org_id],
  );
  assert.deepEqual(audit, [{ metadata: { sample_molecules: 1 } }]);
});

test("what people registered in the organization stays as it is, with force too", async () => {
  const { org_id, database_name } = await databaseOf("default");
  const scientist = await person(context, { org_id }, "scientist");
  await context.superuser(
    "UPDATE registrations SET owner_id = $1, name = 'theirs', tags = '{}' WHERE name = 'nicotine'",
    [scientist.user_id],
    database_name,
  );
  assert.deepEqual(
    (await seedJson(["--force"])).changes.map(({ name, change }) => [name, change]),
    [["nicotine", "added"]],
  );
  const rows = await samplesIn("default");
  assert.deepEqual(
    rows
      .filter(({ source_row }) => source_row === 7)
      .map(({ name }) => name)
      .sort(),
    ["nicotine", "theirs"],
  );
});

test("SEED_ORG names another one; two seedings at once make one of it; a suspended one is left alone", async () => {
  const both = await Promise.all([
    seed(["--json"], { SEED_ORG: "The Lab" }),
    seed(["--json"], { SEED_ORG: "The Lab" }),
  ]);
  for (const ran of both) assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(await organizations(), ["default", "The Lab"]);
  assert.equal((await samplesIn("The Lab")).length, SAMPLES.length);
  await context.superuser(
    "UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE name = 'The Lab'",
  );
  const left = await seed([], { SEED_ORG: "the lab" });
  assert.equal(left.stdout, "everything was there\norganization the lab is suspended: it was left alone\n");
});

test("a seeding that was killed on the way is finished by the next one", async () => {
  const admin = await localPrincipal(context.metadata, "admin", null);
  const org = await makeOrg(context, "Cut Short");
  await context.superuser("ALTER TABLE organizations DISABLE TRIGGER USER");
  await context.superuser("ALTER TABLE org_databases DISABLE TRIGGER USER");
  await context.superuser("UPDATE organizations SET status = 'provisioning' WHERE org_id = $1", [org.org_id]);
  await context.superuser("UPDATE org_databases SET state = 'grants' WHERE org_id = $1", [org.org_id]);
  await context.superuser("ALTER TABLE organizations ENABLE TRIGGER USER");
  await context.superuser("ALTER TABLE org_databases ENABLE TRIGGER USER");
  context.results.forget(org.org_id);
  // As `up` does it: nobody asked, and yet what was begun is finished.
  const done = await seedOrganization(context, admin, { name: "Cut Short", asked: false, force: false });
  assert.equal(done?.status, "active");
  assert.equal((await samplesIn("Cut Short")).length, SAMPLES.length);
});

test("unasked, no default organization is made beside others, and deleted samples do not come back", async () => {
  const admin = await localPrincipal(context.metadata, "admin", null);
  await context.superuser(
    "UPDATE organizations SET name = 'Renamed', slug = 'renamed' WHERE name = 'default'",
  );
  const before = await organizations();
  assert.equal(await seedOrganization(context, admin, { name: undefined, asked: false, force: false }), null);
  assert.deepEqual(await organizations(), before);
  const { database_name } = await databaseOf("Cut Short");
  await context.superuser("DELETE FROM registrations WHERE name <> 'aspirin'", [], database_name);
  const done = await seedOrganization(context, admin, { name: "Cut Short", asked: false, force: false });
  assert.deepEqual(done?.changes, []);
  assert.equal((await samplesIn("Cut Short")).length, 1);
});

test("with --json a drawn password is in the document and nowhere else; a given one is in neither", async () => {
  await context.superuser("UPDATE users SET hashed_password = NULL");
  const words = ["seed", "--json"];
  const drawn = await seed(["--json"], { SEED_ORG: "Cut Short" });
  const { admin_password } = documentOf<Answer>(words, drawn, 0);
  assert.ok(await verifyPassword(admin_password ?? "", await hash()));
  assert.equal(drawn.stderr, "");
  await context.superuser("UPDATE users SET hashed_password = NULL");
  const given = await seed(["--json"], { SEED_ORG: "Cut Short", ADMIN_PASSWORD: "chosen by hand" });
  assert.equal(documentOf<Answer>(words, given, 0).admin_password, null);
  assert.doesNotMatch(given.stdout + given.stderr, /chosen by hand/);
  assert.ok(await verifyPassword("chosen by hand", await hash()));
});

test("up goes on where the default organization can't be had now, says so, and draws no password for a log", async () => {
  await context.superuser("UPDATE users SET hashed_password = NULL");
  const { database_name } = await databaseOf("Cut Short");
  await context.superuser(`ALTER DATABASE ${database_name} ALLOW_CONNECTIONS false`);
  const said = new PassThrough();
  const io = {
    env: { ...env, SEED_ORG: "Cut Short" },
    cwd: context.home,
    stdout: said,
    stderr: said,
    stdin: said,
  };
  const cli = new Cli(io, {});
  try {
    await seedForUp(cli);
  } finally {
    await cli[Symbol.asyncDispose]();
    await context.superuser(`ALTER DATABASE ${database_name} ALLOW_CONNECTIONS true`);
  }
  const log = String(said.read());
  assert.match(howAdminSignsIn(log, false), /no password yet: `aliquot seed` draws one/);
  const [about, password, ...more] = log.trimEnd().split("\n");
  assert.match(about ?? "", /^the default organization is not ready: \S/);
  assert.match(password ?? "", /^the user admin has no password yet: `aliquot seed` draws one/);
  assert.deepEqual([more, await hash()], [[], null]);
});

test("a lost password of admin is drawn anew by who says so, and shown once", async () => {
  const words = ["--reset-admin-password"];
  const refused = await seed(words);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /Say --yes/);
  assert.equal((await seed([...words, "--force", "--yes"])).code, 2);
  const { done, admin_password } = documentOf<{ done: boolean; admin_password: string }>(
    ["seed"],
    await seed(["--json", "--yes", ...words]),
    0,
  );
  assert.equal(done, true);
  assert.ok(await verifyPassword(admin_password, await hash()));
  const told = await seed(["--yes", ...words]);
  const shown = /password of the user admin: (\S+)/.exec(told.stderr)?.[1] ?? "";
  assert.ok(await verifyPassword(shown, await hash()));
});
