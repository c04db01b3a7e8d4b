import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Command } from "commander";
import type { Cli } from "../../src/cli/cli.ts";
import { COMMANDS } from "../../src/cli/index.ts";
import { sha256 } from "../../src/ids.ts";
import { ROOT } from "../house/sources.ts";
import { furnish } from "../security/world.ts";
import { makeOrg, person, submitSmiles } from "../support/context.ts";
import { damage, leaveOutput } from "../support/outputs.ts";
import { openWays, type Person, plain } from "./both-ways.ts";
import { few, type Ran } from "./home.ts";

/** Every domain command asked here and at an API, against one database. */
const { context, ways, one, two, ann, vic } = await openWays({ after });
const foreign = await makeOrg(context);
const bob = await person(context, foreign, "viewer");
const admin = context.admin_principal;
const MISSING = "01a1fe29-0000-7183-9923-8edaf77b1628";

before(() => ways.signIn(admin));

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

test("what an API says of fields and operations a command says of flags and commands", async () => {
  const { code, stderr } = await ways.there(ann, [
    "--org",
    one.slug,
    "query",
    "calculations",
    "--min-energy",
    "-5",
  ]);
  assert.deepEqual(
    [code, stderr],
    [1, "aliquot: total energies are compared within one molecule: name it with --molecule\n"],
  );
  const large = await ways.here(ann, ["--org", one.slug, "xtb", "C".repeat(99)]);
  assert.deepEqual([large.code, /say --large to run it/.test(large.stderr + large.stdout)], [1, true]);
});

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
    { words: ["key", "create", "not ours", "--for", "nobody"], exit: 3 },
    { words: ["user", "create", "service-{slug}", "--service", "--role", "viewer"] },
    { words: ["key", "create", "of a service", "--for", "service-{slug}"] },
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
    ["job", "files", had.job],
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
    ["query", "calculations", "--job", had.job],
    ["org", "list"],
    ["org", "show"],
    ["org", "settings"],
    ["role", "list"],
    ["role", "show", "viewer"],
    ["key", "list"],
    ["member", "list"],
    ["member", "show", ann.username],
    ["member", "invitations"],
    ["audit", "list", "--limit", "5"],
    ["audit", "list", "--action", "molecule.add"],
    ["audit", "verify"],
  ];
  const errors: [words: string[], exit: number][] = [
    [["job", "show", MISSING], 3],
    [["job", "show", "no-id"], 2],
    [["job", "files", MISSING], 3],
    [["job", "files", had.job, "nothing", "--to", join(ways.folder, "never.xyz")], 3],
    [["job", "files", had.job, "--to", "somewhere"], 2],
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

test("a file that a job left comes whole to the terminal or into a file, here and there, and over none without --yes", async () => {
  const { jobs } = await submitSmiles(context, ann, "CCOC");
  const job_id = jobs[0]?.job_id ?? "";
  const left = { key: "optimize/xtbopt.xyz", bytes: Buffer.from("3\nwater, at last\n") };
  const uri = await leaveOutput(context, one, { job_id, ...left });
  const words = ["job", "files", job_id, left.key];
  const sides = [
    { name: "here", run: (...more: string[]) => ways.here(ann, [...words, ...more]) },
    { name: "there", run: (...more: string[]) => ways.there(ann, [...words, ...more]) },
  ];
  for (const { name, run } of sides) {
    const printed = await run();
    assert.deepEqual([printed.code, printed.stdout], [0, left.bytes.toString()], printed.stderr);
    const to = join(ways.folder, `${name}.xyz`);
    const made = await run("--json", "--to", to);
    assert.equal(made.code, 0, made.stderr);
    assert.deepEqual(JSON.parse(made.stdout), {
      key: left.key,
      file: to,
      size_bytes: left.bytes.length,
      checksum: `sha256:${sha256(left.bytes)}`,
    });
    writeFileSync(to, "somebody's week");
    const refused = await run("--to", to);
    assert.deepEqual([refused.code, /write over it\? Say --yes/.test(refused.stderr)], [2, true]);
    assert.equal(readFileSync(to, "utf8"), "somebody's week");
    assert.equal((await run("--to", to, "--yes")).code, 0);
    assert.deepEqual(readFileSync(to), left.bytes);
    assert.deepEqual([(await run("--json")).code, (await run("--to", ways.folder, "--yes")).code], [2, 1]);
  }
  damage(join(context.home, "objects"), one.org_id, uri, left.bytes.length);
  for (const { name, run } of sides) {
    const to = join(ways.folder, `${name}-damaged.xyz`);
    const { code, stderr } = await run("--to", to);
    const says = /a stored file is damaged .*`aliquot job submit --from` with --no-cache/.test(stderr);
    assert.deepEqual([code, says, existsSync(to)], [1, true, false], stderr);
  }
  assert.deepEqual(
    readdirSync(ways.folder).filter((each) => each.endsWith(".part")),
    [],
  );
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
    /signed in, until .*\n.*organization .*\n.*also in .*\n.*roles +owner/,
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
