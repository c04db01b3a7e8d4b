import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import { insertMembership } from "../../src/access/store.ts";
import type { Io } from "../../src/cli/out.ts";
import { runCli } from "../../src/cli/run.ts";
import { buildServer } from "../../src/http/server.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { type Cleaner, makeOrg, openTestContext, person, type TestContext } from "../support/context.ts";
import { PASSWORD, setPassword } from "../support/identity.ts";
import { type Ran, Text } from "./home.ts";

/** Nobody listens there: a command that asks an API and opens a database fails. */
const NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none";

type Started = { said: () => string; ended: Promise<Ran> };
type More = { env?: Record<string, string>; stdin?: string };

export type Person = Pick<OrgPrincipal, "user_id" | "username">;

/** Runs command lines twice: on a context's database, and through an API on the same one. */
export class BothWays {
  readonly context: TestContext;
  readonly folder: string;
  /** How often each path was asked. */
  readonly asked = new Map<string, number>();
  #app: FastifyInstance | undefined;
  url = "";

  constructor(t: Cleaner, context: TestContext) {
    this.context = context;
    this.folder = mkdtempSync(join(tmpdir(), "aliquot-ways-"));
    t.after(async () => {
      await this.close();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Starts the API, also again at the same place. */
  async open(): Promise<void> {
    const app = await buildServer(this.context);
    app.server.on("request", ({ url = "" }) => {
      const path = url.split("?")[0] ?? "";
      this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    });
    const port = this.url === "" ? 0 : Number(new URL(this.url).port);
    this.url = await app.listen({ port, host: "127.0.0.1" });
    this.#app = app;
  }

  async close(): Promise<void> {
    this.#app?.server.closeAllConnections();
    await this.#app?.close();
    this.#app = undefined;
  }

  /** A home of a person's own, where their credentials are. */
  homeOf({ username }: Person): string {
    const home = join(this.folder, username);
    mkdirSync(home, { recursive: true });
    return home;
  }

  /** On the context of the test: what opening one costs is no part of a question. */
  here(who: Person, words: string[]): Promise<Ran> {
    const { config, home } = this.context;
    const env = { DATABASE_URL: config.database_url ?? "", ALIQUOT_HOME: home };
    return this.#run(["--as", who.username, ...words], env, { context: this.context }).ended;
  }

  there(who: Person, words: string[], more: More = {}): Promise<Ran> {
    return this.started(who, words, more).ended;
  }

  /** The same while it runs. */
  started(who: Person, words: string[], more: More = {}): Started {
    const home = this.homeOf(who);
    const env = { DATABASE_URL: NO_DATABASE, ALIQUOT_URL: this.url, ALIQUOT_HOME: home, ...more.env };
    const stdin = Readable.from(more.stdin === undefined ? [] : [more.stdin]);
    return this.#run(words, env, { stdin });
  }

  #run(words: string[], env: Record<string, string>, more: Partial<Pick<Io, "context" | "stdin">>): Started {
    const [stdout, stderr] = [new Text(), new Text()];
    const io = { env, cwd: this.folder, stdout, stderr, stdin: Readable.from([]), ...more };
    const ended = runCli(words, io).then((code) => ({ code, stdout: stdout.text, stderr: stderr.text }));
    return { said: () => stderr.text, ended };
  }

  /** Gives a person a password and signs them in through the command. */
  async signIn(who: Person, org?: string): Promise<Ran> {
    await setPassword(this.context, who.user_id, PASSWORD);
    const words = ["login", "--username", who.username, ...(org === undefined ? [] : ["--org", org])];
    const ran = await this.there(who, words, { stdin: `${PASSWORD}\n` });
    assert.equal(ran.code, 0, ran.stderr);
    return ran;
  }
}

type Ways = {
  context: TestContext;
  ways: BothWays;
  one: Org;
  two: Org;
  ann: OrgPrincipal;
  vic: OrgPrincipal;
};

/** A database, an API on it, and two who are signed in there: ann, who owns two organizations, and vic, a viewer. */
export async function openWays(t: Cleaner): Promise<Ways> {
  const context = await openTestContext(t);
  const [one, two] = [await makeOrg(context), await makeOrg(context)];
  const ways = new BothWays(t, context);
  const [ann, vic] = [await person(context, one, "owner"), await person(context, one, "viewer")];
  await context.metadata.system((tx) =>
    insertMembership(tx, { user_id: ann.user_id, org_id: two.org_id, role: "owner" }),
  );
  await ways.open();
  await ways.signIn(ann, one.slug);
  await ways.signIn(vic);
  return { context, ways, one, two, ann, vic };
}

/** What differs between two organizations that the same was done in: ids, times, their names. */
export function plain({ code, stdout, stderr }: Ran, names: Record<string, string>): Ran {
  const known = new Map<string, string>();
  const clean = (text: string): string =>
    Object.entries(names)
      .reduce((said, [name, other]) => said.replaceAll(name, other), text)
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
        if (!known.has(id)) known.set(id, `<${known.size}>`);
        return known.get(id) ?? "";
      })
      .replace(/\b\d+ s\b/g, "<seconds>")
      .replace(/\berased-[0-9a-f]{12}\b/g, "erased-<id>")
      .replace(/\bal[a-z]_[\w-]+|(?<="prefix":")\w+/g, "<secret>")
      .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>");
  return { code, stdout: clean(stdout), stderr: clean(stderr) };
}
