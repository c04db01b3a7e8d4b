import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  assertKeys,
  assertRefused,
  documentOf,
  openCliHome,
  type Refusal,
  type Runner,
  UUID,
} from "./home.ts";

/** The commands of an organization's life on one home, with the shapes and exit codes that scripts lean on. */
const home = openCliHome({ after });
// In this process: test/cli/contract.test.ts spawns `org` as a person would.
const run: Runner = (words, env) => home.here(words, env);
const json = async <T>(words: string[], code = 0): Promise<T> =>
  documentOf<T>(words, await run(["--json", ...words]), code);
type Row = Record<string, unknown>;
type List = { items: Row[]; next_cursor: string | null };

before(async () => {
  for (const name of ["Lab One", "Lab Two", "Lab Three"]) await json(["org", "create", name]);
  await home.open();
  const made = `with u as (insert into users (username, email) values ('ann', 'ann@example.org') returning user_id),
      o as (select org_id from organizations where slug = 'lab-one'),
      m as (insert into memberships (user_id, org_id) select user_id, org_id from u, o returning user_id, org_id)
    insert into membership_roles (user_id, org_id, role_id)
    select user_id, m.org_id, role_id from m, roles where name = 'owner' and roles.org_id is null`;
  await home.rows(made, "--metadata");
});

test("org list comes in pages, by status", async () => {
  const first = await json<List>(["org", "list", "--limit", "2"]);
  assert.deepEqual(
    first.items.map((row) => row["name"]),
    ["Lab Three", "Lab Two"],
  );
  const next = await json<List>(["org", "list", "--limit", "2", "--cursor", first.next_cursor ?? ""]);
  assert.deepEqual([next.items.map((row) => row["name"]), next.next_cursor], [["Lab One"], null]);
  assert.deepEqual(await json(["org", "list", "--status", "suspended"]), { items: [], next_cursor: null });
  const plain = await run(["org", "list", "--limit", "1"]);
  assert.match(plain.stdout, /^more: --cursor \S+$/m);
  assert.match((await run(["org", "list", "--status", "deleted"])).stdout, /^no organization is deleted$/m);
  const own = await json<List>(["--as", "ann", "--org", "lab-one", "org", "list"]);
  assert.deepEqual(
    own.items.map((row) => row["name"]),
    ["Lab One"],
  );
});

test("org settings shows, sets and takes back", async () => {
  const set = await json<List & Row>([
    "org",
    "settings",
    "lab-one",
    "--set",
    "cache_ttl_days=90",
    "--set",
    "members=5",
  ]);
  assertKeys(set, "org_id", "name", "items", "next_cursor");
  const of = (list: List, key: string) => list.items.find((row) => row["key"] === key) ?? {};
  assertKeys(of(set, "members"), "value", "default", "source", "unit", "set_by", "about");
  assert.deepEqual([of(set, "cache_ttl_days")["value"], of(set, "members")["value"]], [90, 5]);
  const back = await json<List>(["org", "settings", "lab-one", "--unset", "members"]);
  assert.deepEqual([of(back, "members")["source"], of(back, "cache_ttl_days")["value"]], ["default", 90]);
  assert.deepEqual(await json(["--org", "lab-one", "org", "settings"]), back);
  assert.match((await run(["org", "settings", "lab-one"])).stdout, /^cache_ttl_days +90 +set here/m);
});

test("org suspend, resume, delete and what stands between", async () => {
  const suspended = await json<Row>(["org", "suspend", "lab-two"]);
  assert.deepEqual([suspended["status"], suspended["changed"]], ["suspended", true]);
  assert.equal((await json<Row>(["org", "suspend", "lab-two"]))["changed"], false);
  assert.equal((await run(["--org", "lab-two", "job", "list"])).code, 0);
  await assertRefused(run, {
    words: ["--org", "lab-two", "molecule", "add", "CCO"],
    exit: 4,
    code: "conflict",
    message: /Lab Two is suspended/,
  });
  assert.equal((await run(["org", "use", "lab-two"])).code, 0);
  // It is meant although another one is active: nothing goes elsewhere unasked.
  assert.equal((await json<Row>(["org", "show"]))["name"], "Lab Two");
  const deleting = await json<Row>(["org", "delete", "lab-two", "--grace", "2", "--yes"]);
  assert.equal(deleting["status"], "deleting");
  assert.match(String(deleting["delete_after"]), /^\d{4}-\d\d-\d\dT/);
  assert.match((await run(["org", "list"])).stdout, /deleting after \d{4}-/);
  assert.equal((await json<Row>(["org", "show", "lab-two"]))["delete_after"], deleting["delete_after"]);
  await assertRefused(run, {
    words: ["org", "use", "lab-two"],
    exit: 4,
    code: "conflict",
    message: /is deleting: it can't be chosen/,
  });
  assert.equal((await json<Row>(["org", "resume", "lab-two"]))["status"], "suspended");
  assert.equal((await json<Row>(["org", "resume", "lab-two"]))["status"], "active");
  assert.equal((await json<Row>(["org", "delete", "lab-two", "--now", "--yes"]))["status"], "deleted");
  const { items } = await json<List>(["org", "list", "--status", "deleted"]);
  assert.deepEqual(
    items.map((row) => row["name"]),
    ["Lab Two"],
  );
  assert.notEqual((await json<Row>(["org", "create", "Lab Two"]))["org_id"], items[0]?.["org_id"]);
  assert.equal((await run(["org", "use", "lab-one"])).code, 0);
});

test("a person sees their own organizations and no other's name, whatever the home has chosen", async () => {
  await home.rows(
    "insert into users (username, email) values ('bob', 'bob@example.org') returning user_id",
    "--metadata",
  );
  assert.equal((await run(["--as", "bob", "org", "list"])).code, 4, "he is in none");
  const join = (slug: string) =>
    home.rows(
      `with m as (insert into memberships (user_id, org_id) select user_id, org_id from users, organizations
         where username = 'bob' and slug = '${slug}' and status = 'active' returning user_id, org_id)
       insert into membership_roles (user_id, org_id, role_id)
       select user_id, m.org_id, role_id from m, roles where name = 'viewer' and roles.org_id is null returning user_id`,
      "--metadata",
    );
  await join("lab-two");
  assert.equal((await run(["org", "use", "lab-one"])).code, 0);
  const names = async () =>
    (await json<List>(["--as", "bob", "org", "list"])).items.map((row) => row["slug"]);
  assert.deepEqual(await names(), ["lab-two"]);
});

test("org reindex and rotate-credentials, one and all", async () => {
  const one = await json<Row>(["org", "reindex", "lab-one"]);
  assertKeys(
    ...([one, "org_id", "jobs_added", "jobs_changed", "jobs_removed"] as const),
    ...(["queue_added", "queue_changed", "queue_removed", "leases_kept", "audit_added"] as const),
  );
  const all = await json<List>(["org", "reindex", "--all"]);
  assert.equal(all.items.length, 3);
  assert.match((await run(["org", "reindex"])).stdout, /the job index was right/);
  const rotated = await json<Row>(["org", "rotate-credentials", "lab-one"]);
  assert.equal(rotated["credential_version"], 2);
  assert.equal((await json<List>(["org", "rotate-credentials", "--all"])).items.length, 3);
  assert.equal((await run(["--org", "lab-one", "job", "list"])).code, 0, "it is let in with the new one");
});

test("org discover finds what the directory lost, and --adopt brings it back", async () => {
  assert.equal(
    (await json<Row>(["--org", "lab-three", "molecule", "add", "CCO"]))["items"] !== undefined,
    true,
  );
  const known = await json<List>(["org", "discover"]);
  assert.ok(known.items.every((row) => row["status"] === "known"));
  const [three] = await home.rows<Row>(
    "delete from organizations where slug = 'lab-three' returning org_id",
    "--metadata",
  );
  const lost = (await json<List>(["org", "discover"])).items.find((row) => row["status"] === "unknown") ?? {};
  assert.match(String(three?.["org_id"]), UUID);
  assert.equal(lost["org_id"], three?.["org_id"]);
  const database = String(lost["database_name"]);
  await assertRefused(run, {
    words: ["org", "discover", "--adopt", database],
    exit: 2,
    code: "usage",
    message: /Say --yes/,
  });
  const adopted = await json<Row>(["org", "discover", "--adopt", database, "--name", "Lab Back", "--yes"]);
  assert.deepEqual(
    [adopted["org_id"], adopted["name"], adopted["status"]],
    [three?.["org_id"], "Lab Back", "active"],
  );
  const molecules = await json<List>(["--org", "lab-back", "molecule", "list"]);
  assert.equal(molecules.items.length, 1);
  assert.deepEqual(await json(["org", "discover", "--all", "--yes"]), { items: [], next_cursor: null });
});

const none = (words: string[]): Refusal => ({
  words,
  exit: 3,
  code: "not_found",
  message: /^no such organization$/,
});
const usage = (words: string[], message: RegExp): Refusal => ({ words, exit: 2, code: "usage", message });

const REFUSED: Refusal[] = [
  ...["show", "use", "settings", "suspend", "resume", "reindex", "rotate-credentials"].map((word) =>
    none(["org", word, "nowhere"]),
  ),
  none(["org", "delete", "nowhere", "--yes"]),
  none(["--as", "ann", "org", "show", "lab-two"]),
  none(["--as", "ann", "org", "delete", "lab-two", "--yes"]),
  none(["--as", "ann", "org", "settings", "nowhere"]),
  {
    words: ["--as", "ann", "org", "suspend", "lab-one"],
    exit: 4,
    code: "forbidden",
    message: /orgs:operate/,
  },
  {
    words: ["--as", "ann", "org", "reindex", "lab-one"],
    exit: 4,
    code: "forbidden",
    message: /orgs:operate/,
  },
  {
    words: ["--as", "ann", "--org", "lab-one", "org", "rotate-credentials", "--all"],
    exit: 4,
    code: "forbidden",
    message: /orgs:operate/,
  },
  {
    words: ["--as", "ann", "--org", "lab-one", "org", "discover"],
    exit: 4,
    code: "forbidden",
    message: /operate/,
  },
  {
    words: ["--as", "ann", "org", "settings", "lab-one", "--set", "members=9"],
    exit: 4,
    code: "forbidden",
    message: /orgs:operate/,
  },
  {
    words: ["--as", "ann", "org", "delete", "lab-one", "--now", "--yes"],
    exit: 4,
    code: "forbidden",
    message: /orgs:operate/,
  },
  {
    words: ["org", "create", "x".repeat(101)],
    exit: 1,
    code: "bad_input",
    message: /name must not have more than 100/,
  },
  { words: ["org", "create", "ab"], exit: 1, code: "bad_input", message: /name must not have fewer than 3/ },
  {
    words: ["org", "create", "LAB ONE"],
    exit: 4,
    code: "conflict",
    message: /exists already: choose another name/,
  },
  { words: ["org", "list", "--cursor", "x"], exit: 1, code: "bad_input", message: /this cursor is not one/ },
  usage(["org", "list", "--limit", "0"], /from 1 to 1000/),
  usage(["org", "list", "--status", "happy"], /Allowed choices/),
  usage(["org", "settings", "lab-one", "--set", "cache_tresh=1"], /did you mean cache_threshold\?/),
  usage(["org", "settings", "lab-one", "--set", "qqqqqqqqqqqqqq=1"], /there are concurrent_tasks, /),
  usage(["org", "settings", "lab-one", "--set", "members"], /takes key=value/),
  usage(["org", "settings", "lab-one", "--set", "members=many"], /takes a number/),
  usage(["org", "settings", "lab-one", "--set", "members=1", "--set", "members=2"], /set twice/),
  usage(["org", "settings", "lab-one", "--set", "members=1", "--unset", "members"], /named twice/),
  usage(["org", "settings", "lab-one", "--unset", "storage_bucket"], /can't be set/),
  usage(["org", "delete", "lab-one"], /deletes organization Lab One .* Say --yes/),
  usage(["org", "delete", "lab-one", "--grace", "0", "--yes"], /from 1 to 365/),
  usage(["org", "delete", "lab-one", "--grace", "3", "--now", "--yes"], /either --now or --grace/),
  usage(["org", "reindex", "lab-one", "--all"], /either --all or one/),
  usage(["org", "discover", "--adopt", "x", "--all"], /either --adopt/),
  usage(["org", "discover", "--name", "Lab"], /for one database/),
  {
    words: ["org", "discover", "--adopt", "postgres", "--yes"],
    exit: 3,
    code: "not_found",
    message: /no results/,
  },
];

test("what is refused says so in one line, with its exit code, and changes nothing", async () => {
  const shown = () => json(["org", "settings", "lab-one"]);
  const before = [await json(["org", "list"]), await shown()];
  for (const refusal of REFUSED) await assertRefused(run, refusal);
  assert.deepEqual([await json(["org", "list"]), await shown()], before);
});
