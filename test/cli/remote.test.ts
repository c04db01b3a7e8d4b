import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Command } from "commander";
import { insertMembership } from "../../src/access/store.ts";
import type { Cli } from "../../src/cli/cli.ts";
import { COMMANDS } from "../../src/cli/index.ts";
import { createKeyOperation } from "../../src/identity/key-operations.ts";
import { cancelJobOperation, listJobs } from "../../src/jobs/operations.ts";
import { perform } from "../../src/perform.ts";
import { ROOT } from "../house/sources.ts";
import { furnish } from "../security/world.ts";
import { makeOrg, openTestContext, person } from "../support/context.ts";
import { until } from "../support/worker.ts";
import { BothWays, type Person, plain } from "./both-ways.ts";
import { few, type Ran } from "./home.ts";

/** Every domain command asked here and at an API, against one database. */
const context = await openTestContext({ after });
const [one, two, foreign] = [await makeOrg(context), await makeOrg(context), await makeOrg(context)];
const ways = new BothWays({ after }, context);
const ann = await person(context, one, "owner");
const vic = await person(context, one, "viewer");
const bob = await person(context, foreign, "viewer");
const admin = context.admin_principal;
const MISSING = "01a1fe29-0000-7183-9923-8edaf77b1628";

before(async () => {
  await context.metadata.system((tx) =>
    insertMembership(tx, { user_id: ann.user_id, org_id: two.org_id, role: "owner" }),
  );
  await ways.open();
  await ways.signIn(ann, one.slug);
  await ways.signIn(vic);
  await ways.signIn(admin);
});

/** Commands that were compared, as `job list`. */
const compared = new Set<string>();

function note(words: string[]): void {
  const named = words.filter((word, at) => !word.startsWith("--") && words[at - 1] !== "--org");
  for (const count of [1, 2]) compared.add(named.slice(0, count).join(" "));
}

function file(name: string, content: string): string {
  const path = join(ways.folder, name);
  writeFileSync(path, content);
  return path;
}

/** Said on one machine alone, because it is true there alone. */
const differs = (text: string) =>
  text.replace(/--wait runs (it|them) in this command/, "--wait waits for $1").replace(/"url":"[^"]*",?/, "");

function assertSame(here: Ran, there: Ran, what: string): void {
  const [a, b] = [here, there].map(({ code, stdout, stderr }) => ({ code, stdout: differs(stdout), stderr }));
  assert.deepEqual(b, a, what);
  assert.doesNotMatch(here.stderr + there.stderr, /something of ours broke/, what);
}

/** What is done in both organizations, one step after the other; `keep` remembers the first id that was printed. */
type Step = { words: string[]; exit?: number; keep?: string; as?: "operator" };

const TASK = {
  task: "xtb",
  task_version: "1",
  engine: "xtb",
  after: [],
  max_attempts: 3,
  params: { task: "single_point" },
};

test("what changes something does the same here and there, with the same words", async () => {
  const xyz = file("water.xyz", "3\nwater\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n");
  const smi = file("few.smi", "CCN ethylamine\nC( broken\nCCO again\n");
  const spec = file("spec.json", JSON.stringify({ version: "1", tasks: { energy: TASK } }));
  const pdb = join(ROOT, "examples", "1hpv.pdb");
  const box = ["--center", "9.4,16.1,9.2", "--size", "20,18,26"];
  const steps: Step[] = [
    { words: ["molecule", "add", "CCO", "--name", "ethanol"], keep: "molecule" },
    { words: ["--json", "molecule", "import", smi] },
    { words: ["molecule", "add", "C("], exit: 1 },
    { words: ["molecule", "delete", "{molecule}"], exit: 2 },
    { words: ["molecule", "delete", "{molecule}", "--yes"] },
    { words: ["structure", "add", xyz], keep: "structure" },
    { words: ["--json", "xtb", "C", "N"], keep: "job" },
    { words: ["xtb", "CC", smi, "--solvent", "water"] },
    { words: ["xtb", "--structure", "{structure}", "--single-point"] },
    { words: ["xtb", "[Xx]"], exit: 1 },
    { words: ["job", "submit", "--from", "{job}", "--idempotency-key", "again"] },
    { words: ["--json", "job", "submit", "--from", "{job}", "--idempotency-key", "again"] },
    { words: ["job", "cancel", "{job}"] },
    { words: ["job", "watch", "{job}"], exit: 1 },
    { words: ["job", "retry", "{job}"], exit: 4 },
    { words: ["job", "cancel", "{job}", MISSING], exit: 3 },
    { words: ["job", "retry", "--failed"] },
    { words: ["batch", "create", "xtb-singlepoint", "CCC", "CCCC"], keep: "batch" },
    { words: ["--json", "batch", "create", "xtb-singlepoint", smi] },
    { words: ["batch", "create", "xtb-singlepoint", "C("], exit: 1 },
    { words: ["batch", "pause", "{batch}"] },
    { words: ["batch", "resume", "{batch}"] },
    { words: ["batch", "seal", "{batch}"] },
    { words: ["batch", "retry", "{batch}"] },
    { words: ["batch", "cancel", "{batch}"], exit: 2 },
    { words: ["batch", "cancel", "{batch}", "--yes"] },
    { words: ["batch", "watch", "{batch}"], exit: 1 },
    { words: ["pipeline", "create", "mine", "--spec", spec] },
    { words: ["pipeline", "create", "dry", "--spec", spec, "--dry-run"] },
    { words: ["pipeline", "validate", "--spec", spec] },
    { words: ["pipeline", "publish", "mine", "--yes"] },
    { words: ["pipeline", "run", "xtb-singlepoint", "CCCCC"] },
    { words: ["receptor", "prepare", pdb, "--keep-water", "201"], keep: "receptor" },
    { words: ["site", "create", "--receptor", "{receptor}", "--name", "pocket", ...box], keep: "site" },
    { words: ["dock", "CCO", "--site", "pocket"] },
    { words: ["--json", "dock", "CC(O)F", "--site", "pocket", "--seed", "7"] },
    { words: ["site", "validate", "pocket"], exit: 1 },
    { words: ["org", "settings", "--set", "cache_ttl_days=90"] },
    { words: ["--json", "org", "settings", "--unset", "cache_ttl_days"] },
    { words: ["cache", "prune", "--all", "--yes"] },
    { words: ["failures", "--retry", "--code", "timeout"] },
    { words: ["org", "create", "Another lab"], exit: 4 },
    { words: ["org", "suspend", "{slug}"], exit: 4 },
    { words: ["role", "create", "reader", "--permission", "jobs:read"] },
    { words: ["--json", "role", "update", "reader", "--permission", "jobs:read,events:read"] },
    { words: ["role", "delete", "reader", "--yes"] },
    { words: ["key", "create", "robot", "--days", "3", "--scope", "jobs:read"], keep: "key" },
    { words: ["--json", "key", "list"], keep: "key" },
    { words: ["key", "revoke", "{key}", "--yes"] },
    { words: ["member", "add", bob.username, "--role", "viewer"], exit: 3 },
    { words: ["member", "add", bob.username, "--role", "viewer"], as: "operator" },
    { words: ["--json", "member", "roles", bob.username, "--role", "scientist"] },
    { words: ["member", "remove", bob.username, "--yes"] },
    { words: ["--json", "member", "invite", "new@example.org", "--role", "viewer"], keep: "invitation" },
    { words: ["member", "revoke", "{invitation}", "--yes"] },
    { words: ["user", "create", "eve", "--email", "eve@example.org"], exit: 4 },
    {
      words: ["user", "create", "e-{slug}", "--email", "{slug}@example.org", "--token"],
      as: "operator",
      keep: "user",
    },
    { words: ["--json", "user", "disable", "e-{slug}", "--yes"], as: "operator" },
    { words: ["user", "enable", "e-{slug}"], as: "operator" },
    { words: ["user", "reset", "e-{slug}", "--yes"], as: "operator" },
    { words: ["user", "show", "e-{slug}"], as: "operator" },
    { words: ["user", "erase", "e-{slug}", "--yes"], as: "operator" },
    { words: ["org", "suspend", "{slug}"], as: "operator" },
    { words: ["xtb", "CCCCCC"], exit: 4 },
    { words: ["--json", "org", "resume", "{slug}"], as: "operator" },
  ];
  const sides = [
    {
      run: (who: Person, words: string[]) => ways.here(who, words),
      org: one,
      kept: new Map([["slug", one.slug]]),
    },
    {
      run: (who: Person, words: string[]) => ways.there(who, words),
      org: two,
      kept: new Map([["slug", two.slug]]),
    },
  ];
  for (const { words, exit = 0, keep, as } of steps) {
    note(words);
    const [here, there] = await Promise.all(
      sides.map(async ({ run, org, kept }) => {
        const filled = words.map((word) =>
          word.replace(/\{(\w+)\}/g, (_, name: string) => kept.get(name) ?? ""),
        );
        const ran = await run(as === undefined ? ann : admin, ["--org", org.slug, ...filled]);
        assert.equal(ran.code, exit, `${filled.join(" ")}: ${ran.stderr}${ran.stdout}`);
        if (keep !== undefined)
          kept.set(keep, /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(ran.stdout)?.[0] ?? "");
        return plain(ran, namesOf(org));
      }),
    );
    assertSame(here as Ran, there as Ran, words.join(" "));
  }
});

function namesOf({ name, slug, database_name }: { name: string; slug: string; database_name: string }) {
  return { [name]: "NAME", [slug]: "SLUG", [database_name]: "DATABASE" };
}

test("what is asked gets the same answer here and there, to the letter, and the same errors", async () => {
  await ways.here(ann, ["org", "use", one.slug]);
  const had = await furnish(
    context,
    { who: ann, boss: ann },
    { mark: "shown", smiles: "CCOCC", visibility: "organization" },
  );
  const reads: string[][] = [
    ["molecule", "list"],
    ["molecule", "list", "--limit", "1"],
    ["molecule", "list", "--name", "nobody"],
    ["molecule", "show", had.molecule],
    ["structure", "list"],
    ["structure", "show", had.structure],
    ["receptor", "list"],
    ["receptor", "show", had.receptor],
    ["receptor", "show", had.receptor, "--pdbqt"],
    ["site", "list"],
    ["site", "show", "shown site"],
    ["job", "list"],
    ["job", "list", "--batch", had.batch],
    ["job", "list", "--param", "solvent=water", "--param", "vertical=false"],
    ["job", "list", "--param", 'solvent="water"', "--since", "7d", "--mine"],
    ["job", "show", had.job],
    ["batch", "list"],
    ["batch", "show", had.batch],
    ["batch", "items", had.batch],
    ["failures"],
    ["failures", "--batch", had.batch],
    ["events", "--limit", "5"],
    ["events", "--entity", `job:${had.job}`],
    ["cache", "stats"],
    ["cache", "explain", had.job],
    ["cache", "prune", "--dry-run", "--all"],
    ["protocol", "list"],
    ["protocol", "show", had.protocol],
    ["pipeline", "list"],
    ["pipeline", "show", "dock"],
    ["pipeline", "show", "screen", "--diff", "--template", "dock"],
    ["query", "docking", "--site", "shown site"],
    ["query", "docking", "--job", had.job],
    ["query", "docking", "--site", "shown site", "--sdf", "-"],
    ["query", "calculations", "--min-gap", "1.5"],
    ["org", "list"],
    ["org", "show"],
    ["org", "settings"],
    ["role", "list"],
    ["key", "list"],
    ["member", "list"],
    ["member", "invitations"],
    ["audit", "list", "--limit", "5"],
    ["audit", "list", "--action", "molecule.add"],
    ["audit", "verify"],
  ];
  const errors: [words: string[], exit: number][] = [
    [["job", "show", MISSING], 3],
    [["job", "show", "no-id"], 2],
    [["job", "logs", had.job], 3],
    [["job", "logs", had.job, "--task", "nope"], 3],
    [["job", "watch", MISSING], 3],
    [["batch", "show", MISSING], 3],
    [["molecule", "list", "--cursor", "not-ours"], 1],
    [["molecule", "show", MISSING], 3],
    [["site", "show", "a/b?c#d%20"], 3],
    [["pipeline", "show", "nothing"], 3],
    [["failures", "--code", "nope"], 2],
    [["job", "list", "--pipeline", "nothing"], 3],
    [["org", "show", foreign.slug], 3],
    [["org", "show", "no such"], 3],
    [["--org", foreign.slug, "job", "list"], 3],
    [["--org", "no such", "molecule", "list"], 3],
    [["molecule", "import", "/does/not/exist"], 1],
    [["user", "list"], 4],
    [["user", "show", vic.username], 4],
  ];
  const questions = [
    ...reads.map((words) => ({ words, exit: 0 })),
    ...errors.map(([words, exit]) => ({ words, exit })),
  ].flatMap(({ words, exit }) => [
    { words, exit },
    ...(words.includes("-") ? [] : [{ words: ["--json", ...words], exit }]),
  ]);
  await few(questions, async ({ words, exit }) => {
    note(words);
    const here = await ways.here(ann, words);
    const what = words.join(" ");
    assert.equal(here.code, exit, `${what}: ${here.stderr}${here.stdout}`);
    assertSame(here, await ways.there(ann, words), what);
  });
  for (const words of [
    ["xtb", "C"],
    ["molecule", "add", "C"],
    ["org", "settings", "--set", "cache_ttl_days=90"],
    ["batch", "cancel", had.batch, "--yes"],
  ]) {
    const here = await ways.here(vic, ["--json", ...words]);
    assert.equal(here.code, 4, here.stdout);
    assertSame(here, await ways.there(vic, ["--json", ...words]), words.join(" "));
  }
});

/** Compared elsewhere in this file, or without an answer to compare: what is said there is for one person. */
const APART = [
  "login",
  "logout",
  "whoami",
  "org create",
  "org use",
  "org delete",
  "user password",
  "user export",
  "member accept",
  "demo",
];

test("no command is forgotten: each is compared, or works on the server's own machine", async () => {
  const all: string[] = [];
  for (const { name, here = [], load } of COMMANDS) {
    if (here === true) continue;
    const program = new Command();
    (await load()).register(program, {} as Cli);
    const second = program.commands[0]?.commands.map((command) => `${name} ${command.name()}`) ?? [];
    const elsewhere = here.map((word) => `${name} ${word}`);
    all.push(...(second.length === 0 ? [name] : second).filter((one) => !elsewhere.includes(one)));
  }
  assert.ok(all.length > 60);
  assert.deepEqual(
    all.filter((name) => !compared.has(name) && !APART.includes(name)),
    [],
  );
});

test("whoami says who acts, here and there", async () => {
  type Who = {
    user: { username: string };
    org: { org_id: string };
    roles: string[];
    permissions: string[];
    via: string;
  };
  const [here, there] = [
    await ways.here(ann, ["--json", "whoami"]),
    await ways.there(ann, ["--json", "whoami"]),
  ];
  const [a, b] = [here, there].map(({ stdout }) => JSON.parse(stdout) as Who) as [Who, Who];
  assert.deepEqual([a.user, a.org, a.roles, a.permissions], [b.user, b.org, b.roles, b.permissions]);
  assert.deepEqual([a.via, b.via, b.org.org_id, b.roles], ["local", "session", one.org_id, ["owner"]]);
  assert.match(
    (await ways.there(ann, ["whoami"])).stdout,
    /signed in, until .*\n.*organization .*\n.*roles +owner/,
  );
});

test("commands of the server's own machine say so where an API is asked, and do nothing", async () => {
  const second: Record<string, string[]> = {
    migrate: ["status"],
    "org reindex": ["--all"],
    "org rotate-credentials": ["--all"],
  };
  const kinds = COMMANDS.flatMap(({ name, here = [] }) =>
    here === true
      ? [[name, ...(second[name] ?? [])]]
      : here.map((word) => [name, word, ...(second[`${name} ${word}`] ?? [])]),
  );
  assert.ok(kinds.length > 10);
  for (const words of kinds) {
    const { code, stderr } = await ways.there(ann, words);
    assert.equal(code, 2, words.join(" "));
    assert.match(stderr, /^aliquot: aliquot [a-z -]+ works on the server's own machine/, words.join(" "));
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  }
  const acted = await ways.there(ann, ["--as", "admin", "job", "list"]);
  assert.deepEqual([acted.code, /--as is for the server's own machine/.test(acted.stderr)], [2, true]);
  for (const word of ["login", "logout"]) {
    const { code, stderr } = await ways.there(ann, [word], { env: { ALIQUOT_URL: "" } });
    assert.deepEqual([code, stderr], [2, "aliquot: this needs an API: say where it is with ALIQUOT_URL\n"]);
  }
});

const credentialsOf = (who: typeof ann) => join(ways.homeOf(who), "credentials.json");
const asked = (path: string) => ways.asked.get(`/v1${path}`) ?? 0;

/** Changes what is kept of the one session there is. */
function edit(who: typeof ann, change: (kept: { tokens: object; refresh_token: string }) => object): void {
  const all = JSON.parse(readFileSync(credentialsOf(who), "utf8"));
  writeFileSync(
    credentialsOf(who),
    JSON.stringify({ [ways.url]: { ...all[ways.url], ...change(all[ways.url]) } }),
  );
}

test("what signing in left is the owner's alone; another organization is switched to once, and not chosen by it", async () => {
  assert.equal(statSync(credentialsOf(ann)).mode & 0o777, 0o600);
  const before = [asked("/auth/refresh"), asked("/auth/switch")];
  edit(ann, () => ({ tokens: {} }));
  for (const org of [one.slug, two.slug, two.org_id, two.name.toUpperCase(), one.name])
    assert.equal((await ways.there(ann, ["--org", org, "job", "list"])).code, 0);
  const since = [asked("/auth/refresh"), asked("/auth/switch")].map((count, at) => count - (before[at] ?? 0));
  // The session was in one of them when it was refreshed.
  assert.deepEqual(since, [1, 1]);
  edit(ann, () => ({ tokens: {} }));
  const meant = await ways.there(ann, ["--json", "org", "show"]);
  assert.equal(JSON.parse(meant.stdout).org_id, one.org_id, "the session was in the other one last");
  const used = await ways.there(ann, ["org", "use", two.slug]);
  assert.equal(used.code, 0, used.stderr);
  assert.equal(JSON.parse((await ways.there(ann, ["--json", "org", "show"])).stdout).org_id, two.org_id);
  await ways.there(ann, ["org", "use", one.slug]);
});

test("of commands that find their tokens ended at once one refreshes, and all go on with what it got", async () => {
  const [before, switched] = [asked("/auth/refresh"), asked("/auth/switch")];
  edit(ann, () => ({ tokens: {} }));
  // What a command that was killed left behind.
  writeFileSync(`${credentialsOf(ann)}.lock`, "999999999");
  const ran = await Promise.all(Array.from({ length: 6 }, () => ways.there(ann, ["job", "list"])));
  assert.deepEqual(
    ran.map(({ code, stderr }) => [code, stderr]),
    ran.map(() => [0, ""]),
  );
  assert.equal(asked("/auth/refresh") - before, 1);
  assert.ok(asked("/auth/switch") - switched <= 1, "and one switches to what is meant");
  // A token that the API refuses is renewed too, though it looks good here.
  edit(ann, ({ tokens }) => ({
    tokens: Object.fromEntries(
      Object.entries(tokens).map(([org, kept]) => [org, { ...kept, access_token: `${kept.access_token}x` }]),
    ),
  }));
  assert.equal((await ways.there(ann, ["job", "list"])).code, 0);
  assert.equal(asked("/auth/refresh") - before, 2);
});

test("a session that has ended says so; signing out leaves nothing; nobody is told how to sign in", async () => {
  await ways.signIn(vic);
  const out = await ways.there(vic, ["logout", "--everywhere"]);
  assert.deepEqual([out.code, /sessions? at|signed out/.test(out.stdout)], [0, true], out.stderr);
  assert.deepEqual(JSON.parse(readFileSync(credentialsOf(vic), "utf8")), {});
  const nobody = await ways.there(vic, ["job", "list"]);
  assert.deepEqual(
    [nobody.code, /nobody is signed in.*`aliquot login`/.test(nobody.stderr)],
    [4, true],
    nobody.stderr,
  );
  await ways.signIn(vic);
  edit(vic, () => ({ tokens: {}, refresh_token: "alr_nothing" }));
  const ended = await ways.there(vic, ["job", "list"]);
  assert.deepEqual([ended.code, /your session has ended/.test(ended.stderr)], [4, true], ended.stderr);
  const wrong = await ways.there(vic, ["login", "--username", vic.username], {
    stdin: "not this one at all\n",
  });
  assert.deepEqual([wrong.code, wrong.stderr], [4, "aliquot: the name or the password is wrong\n"]);
  const empty = await ways.there(vic, ["login", "--username", vic.username]);
  assert.deepEqual([empty.code, /there is no password/.test(empty.stderr)], [2, true]);
});

test("an API key says who asks, in its organization alone", async () => {
  const { key } = await perform(context, createKeyOperation, ann, {
    name: "of a test",
    scopes: ["jobs:read", "orgs:read"],
  });
  const nobody = { username: "nobody", user_id: "" };
  const run = (...words: string[]) => ways.there(nobody, words, { env: { ALIQUOT_API_KEY: key ?? "" } });
  assert.equal((await run("job", "list")).code, 0);
  assert.equal((await run("--org", one.slug, "job", "list")).code, 0);
  for (const [words, exit, says] of [
    [["--org", two.slug, "job", "list"], 2, /this API key is of/],
    [["org", "use", one.slug], 2, /an API key is of one organization/],
    [["login", "--username", "ann"], 2, /ALIQUOT_API_KEY says who asks/],
    [["molecule", "list"], 4, /molecules:read/],
  ] as const) {
    const { code, stderr } = await run(...words);
    assert.deepEqual([code, says.test(stderr)], [exit, true], stderr);
  }
  const bad = await ways.there(nobody, ["job", "list"], { env: { ALIQUOT_API_KEY: "alq_not_a_key" } });
  assert.equal(bad.code, 4);
});

test("the guide's ten lines do what they say", async () => {
  const [, code = ""] =
    /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, "docs", "client.md"), "utf8")) ?? [];
  const program = file("guide.ts", code.replace("aliquot/client", join(ROOT, "src", "client", "index.ts")));
  const { key } = await perform(context, createKeyOperation, ann, { name: "of the guide" });
  const env = { ALIQUOT_URL: ways.url, ALIQUOT_API_KEY: key ?? "" };
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  const ended = once(child, "close");
  await until("the first event", async () => printed.includes("1 submitted"));
  const { items } = await perform(context, listJobs, ann, { limit: 1 });
  await perform(context, cancelJobOperation, ann, { job_id: items[0]?.job_id ?? "" });
  assert.deepEqual(await ended, [0, null]);
  assert.match(printed, /^1 submitted\n2 cancelled\n/);
});

test("what waits says that no worker is there, and outlives an API that is started again", async () => {
  const smiles = "CCCCCCCCCO";
  const waiting = ways.started(ann, ["--json", "xtb", smiles, "--wait", "--no-cache"]);
  await until("a word of the worker that is missing", async () =>
    /no worker with xtb is running/.test(waiting.said()),
  );
  const { items } = await perform(context, listJobs, ann, { limit: 1 });
  const job_id = items[0]?.job_id ?? "";
  const watching = ways.started(ann, ["job", "watch", job_id]);
  const events = asked("/jobs/events");
  await until("somebody who watches", async () => asked("/jobs/events") > events);
  await ways.close();
  for (const { said } of [waiting, watching])
    await until("a word of the API that is away", async () =>
      /the API went away: waiting for it/.test(said()),
    );
  await ways.open();
  await perform(context, cancelJobOperation, ann, { job_id });
  const ended = await waiting.ended;
  assert.equal(ended.code, 1, ended.stderr);
  assert.deepEqual(
    JSON.parse(ended.stdout).jobs.map((job: { job_id: string; status: string }) => [job.job_id, job.status]),
    [[job_id, "cancelled"]],
  );
  const watched = await watching.ended;
  assert.deepEqual([watched.code, /submitted.*cancelled/s.test(watched.stdout)], [1, true], watched.stderr);
  await ways.close();
  const away = await ways.there(ann, ["job", "list"]);
  assert.deepEqual(
    [away.code, /can't reach .*nobody listens there/.test(away.stderr)],
    [5, true],
    away.stderr,
  );
});
