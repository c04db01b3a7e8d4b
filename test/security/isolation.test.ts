/** Every operation asked over HTTP by who may not, with what is not theirs: no answer may tell that it exists. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import { insertMembership } from "../../src/access/store.ts";
import { FOLLOWS, OPERATIONS } from "../../src/features.ts";
import { buildServer } from "../../src/http/server.ts";
import { createKeyOperation } from "../../src/identity/operations.ts";
import type { Operation } from "../../src/operation.ts";
import { perform } from "../../src/perform.ts";
import { makeOrg, openTestContext, person } from "../support/context.ts";
import { SOME_ID, VALID } from "../support/valid-inputs.ts";
import { type Answer, askAs, forgeries, signIn } from "./asking.ts";
import { fuzz } from "./fuzzing.ts";
import {
  type Belongings,
  fingerprint,
  furnish,
  idsIn,
  nothing,
  sharedIds,
  thingsIn,
  withoutLimits,
  withThings,
} from "./world.ts";

/** Streams are asked as questions are: what may not be seen is refused before the first event. */
const streams = FOLLOWS.map((one) => ({ ...one, http: { ...one.http } })) as unknown as Operation[];
const questions = OPERATIONS as unknown as Operation[];
const operations = [...questions, ...streams];
const context = await openTestContext({ after });
const server = await buildServer(context);
after(() => server.close());

const org = await makeOrg(context);
const other = await makeOrg(context);
const people = {
  scientist: await person(context, org, "scientist"),
  viewer: await person(context, org, "viewer"),
  owner: await person(context, org, "owner"),
  colleague: await person(context, org, "scientist"),
  foreigner: await person(context, other, "scientist"),
  foreign_owner: await person(context, other, "owner"),
};
/** Of both organizations, and signed in to the first. */
const both = await person(context, org, "scientist");
const MARKS = {
  own: "mark-own",
  private: "mark-private-of-colleague",
  foreign: "mark-of-other-organization",
};

let own: Belongings;
let hidden: Belongings;
let foreign: Belongings;
let secrets: Set<string>;
const tokens = new Map<string, string>();
let attempts = 0;

before(async () => {
  for (const one of [org, other]) await withoutLimits(context, one);
  const give = (who: OrgPrincipal, mark: string, smiles: string, visibility: "private" | "organization") => {
    const boss = who.org_id === org.org_id ? people.owner : people.foreign_owner;
    return furnish(context, { who, boss }, { mark, smiles, visibility });
  };
  own = await give(people.scientist, MARKS.own, "CCCCO", "organization");
  const before = await idsIn(context, org);
  hidden = await give(people.colleague, MARKS.private, "CCCCN", "private");
  const mine = await idsIn(context, org);
  foreign = await give(people.foreigner, MARKS.foreign, "CCCCF", "organization");
  const theirs = await idsIn(context, other);
  // What a colleague's private work brought, and all that another organization has; not what both have.
  secrets = new Set([
    ...[...mine].filter((id) => !before.has(id)),
    ...[...theirs].filter((id) => !mine.has(id)),
  ]);
  // Who is in the organization, its roles and invitations are no secret there; a colleague's key is.
  for (const id of await sharedIds(context, org.org_id)) if (id !== hidden.key) secrets.delete(id);
  // What numbers were computed with is the organization's: it says nothing of what they were computed of.
  secrets.delete(hidden.protocol);
  for (const [name, who] of Object.entries(people)) tokens.set(name, await signIn(context, server, who));
  const made = await perform(context, createKeyOperation, people.scientist, { name: "of a program" });
  tokens.set("key", made.key ?? "");
  await context.metadata.system((tx) =>
    insertMembership(tx, { user_id: both.user_id, org_id: other.org_id, role: "owner" }),
  );
  tokens.set("both", await signIn(context, server, both));
  const theirs_too = await perform(context, createKeyOperation, both, { name: "of who is in both" });
  tokens.set("key_of_both", theirs_too.key ?? "");
});

/** Asks and counts; whatever is answered must not hold an id or a name that the asker may not know. */
async function attempt(operation: Operation, input: object, token: string | undefined): Promise<Answer> {
  attempts++;
  const answer = await askAs(server, operation, input, token);
  assert.ok(
    answer.status < 500,
    `${operation.name} ${JSON.stringify(input)}: ${answer.status} ${answer.text}`,
  );
  return answer;
}

function assertTellsNothing(operation: Operation, input: object, { text }: Answer, hiding = secrets): void {
  const asked = JSON.stringify(input);
  const told = text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
  // What the asker brought may be said back; nothing else of it.
  const leaked = told.filter((id) => hiding.has(id) && !asked.includes(id));
  assert.deepEqual(leaked, [], `${operation.name} ${asked}`);
  const marks = hiding === secrets ? [MARKS.private, MARKS.foreign] : [MARKS.own, MARKS.private];
  for (const mark of marks)
    if (!asked.includes(mark)) assert.ok(!text.includes(mark), `${operation.name} ${asked}: ${text}`);
}

/** An answer less what is of this one request: what was asked for, and its number. */
function likeness({ status, text }: Answer, asked: Belongings): string {
  let plain = text.replace(/"request_id":"[^"]*"/, "");
  for (const id of Object.values(asked)) plain = plain.replaceAll(id, "·");
  return `${status} ${plain}`;
}

/** Each operation with each of its fields that names a thing, that thing being somebody else's. */
async function foreignThings(
  whose: Belongings,
  token: string,
  ofWhom: Belongings,
  hiding = secrets,
): Promise<void> {
  const missing = nothing();
  for (const one of operations) {
    const input = VALID[one.name] ?? {};
    const things = thingsIn(one);
    for (const [field, kind] of things) {
      const rest = new Map([...things].filter(([name]) => name !== field && name in input));
      const base = withThings(input, rest, ofWhom);
      const only = new Map([[field, kind]]);
      const asked = withThings(base, only, whose);
      const answer = await attempt(one, asked, token);
      assertTellsNothing(one, asked, answer, hiding);
      const absent = await attempt(one, withThings(base, only, missing), token);
      assert.equal(
        likeness(answer, whose),
        likeness(absent, missing),
        `${one.name}.${field}: there or not must look alike`,
      );
    }
  }
}

test("another organization's things and things that are not there look alike to a scientist, an owner, a key, and who is of both, whatever is asked of them", async () => {
  const before = await fingerprint(context, other);
  for (const name of ["scientist", "owner", "key", "both", "key_of_both"])
    await foreignThings(foreign, tokens.get(name) ?? "", own);
  assert.deepEqual(await fingerprint(context, other), before, "and nothing of theirs has changed");
});

test("a colleague's private things and things that are not there look alike", async () => {
  // Of these an organization's people know: who is in it, its roles and whom its owner invited.
  const { protocol, user, role, invitation } = nothing();
  const theirs = { ...hidden, protocol, user, role, invitation };
  for (const name of ["scientist", "viewer"]) await foreignThings(theirs, tokens.get(name) ?? "", own);
});

test("the other way round too: who is of another organization finds nothing of this one", async () => {
  const theirs = await idsIn(context, other);
  const ofThisOne = new Set([...(await idsIn(context, org))].filter((id) => !theirs.has(id)));
  for (const name of ["foreigner", "foreign_owner"])
    await foreignThings(own, tokens.get(name) ?? "", foreign, ofThisOne);
});

test("lists and reads show a member nothing of other organizations, nor of a colleague's private work", async () => {
  for (const name of ["scientist", "viewer", "key_of_both"]) {
    for (const one of questions.filter(({ told }) => told === undefined)) {
      const input = VALID[one.name] ?? {};
      const asked = withThings(
        { ...input, ...(input["limit"] === undefined ? {} : { limit: 100 }) },
        thingsIn(one),
        own,
      );
      for (const wish of [
        asked,
        Object.fromEntries(Object.entries(asked).filter(([field]) => one.http.path.includes(`{${field}}`))),
      ]) {
        const answer = await attempt(one, wish, tokens.get(name));
        assertTellsNothing(one, wish, answer);
      }
    }
  }
});

test("a viewer changes nothing", async () => {
  const before = await fingerprint(context, org);
  for (const one of operations.filter(
    // An export is told of, and yet it only reads.
    ({ told, permission }) => told !== undefined && permission.includes(":") && !permission.endsWith(":read"),
  )) {
    const input = VALID[one.name] ?? {};
    const answer = await attempt(one, withThings(input, thingsIn(one), own), tokens.get("viewer"));
    assert.equal(answer.status, 403, `${one.name}: ${answer.status} ${answer.text}`);
  }
  assert.deepEqual(await fingerprint(context, org), before);
});

test("nobody, and whoever brings a token that is expired, forged, of another issuer or of no algorithm, gets the same 401", async () => {
  const bad: [string, string | undefined][] = [
    ["none", undefined],
    ...Object.entries(await forgeries(context, people.scientist)),
  ];
  for (const one of operations.filter(({ permission }) => permission !== "anyone")) {
    const input = VALID[one.name] ?? {};
    const asked = withThings(input, thingsIn(one), own);
    for (const [name, token] of bad) {
      const answer = await attempt(one, asked, token);
      assert.equal(answer.status, 401, `${one.name} with ${name}: ${answer.status} ${answer.text}`);
      assertTellsNothing(one, asked, answer);
    }
  }
});

test("another organization by name, slug or id is as missing as one that is not there", async () => {
  for (const one of operations.filter(
    ({ input, permission }) =>
      "org" in ((input as { properties?: object }).properties ?? {}) && permission !== "anyone",
  )) {
    const input = VALID[one.name] ?? {};
    for (const name of ["scientist", "viewer", "key_of_both"]) {
      const absent = await attempt(one, { ...input, org: SOME_ID }, tokens.get(name));
      for (const named of [other.org_id, other.slug, other.name]) {
        const answer = await attempt(one, { ...input, org: named }, tokens.get(name));
        const plain = (text: string, id: string) =>
          text.replaceAll(id, "·").replace(/"request_id":"[^"]*"/, "");
        assert.equal(
          `${answer.status} ${plain(answer.text, named)}`,
          `${absent.status} ${plain(absent.text, SOME_ID)}`,
          `${one.name} as ${name}`,
        );
      }
    }
  }
});

test("a fuzzer in a process of its own, which knows nothing but the OpenAPI document, finds nothing", async () => {
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  const { status, said } = await fuzz(url, tokens.get("owner") ?? "", { requests: 450, seed: 1 });
  assert.equal(status, 0, said);
  assert.match(said, /^450 requests to \d{2,} of \d{2,} endpoints, seed 1: 0 findings$/m);
});

test("all of it was tried", () => {
  const fields = operations.reduce((sum, one) => sum + thingsIn(one).size, 0);
  assert.ok(fields >= 60, `${fields} fields name things`);
  // Each by eight askers, twice.
  assert.ok(attempts >= 16 * fields, `${attempts} attempts`);
});

after(() => console.log(`# isolation: ${attempts} attempts, none told of anything`));
