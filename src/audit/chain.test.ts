import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { testServer } from "../../test/support/server.ts";
import type { Principal } from "../access/principal.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { cursorMark } from "../paging.ts";
import { perform } from "../perform.ts";
import { verifyChain } from "./chain.ts";
import { type AuditEntry, auditBody, auditEntry, SYSTEM_CHAIN } from "./entry.ts";
import { listAuditOperation, verifyAuditOperation } from "./operations.ts";
import { appendAudit } from "./store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const owner = await person(context, org, "owner");
const scientist = await person(context, org, "scientist");
const operator = { ...context.admin_principal };
const server = await testServer();

const kind = (name: string) => (error: unknown) => error instanceof AppError && error.kind === name;
const JOB = newId();
const PIPELINE = newId();

function entryOf(n: number): AuditEntry {
  return auditEntry({
    org_id: org.org_id,
    user_id: n % 3 === 0 ? owner.user_id : scientist.user_id,
    action: n % 2 === 0 ? "job.cancel" : "jobs_of.test",
    entity_type: n % 4 === 0 ? "job" : "molecule",
    entity_id: `thing ${n}`,
    job_id: n % 5 === 0 ? JOB : null,
    pipeline_id: n % 7 === 0 ? PIPELINE : null,
    metadata: { n, deep: { ü: 'é"\\', list: [1, null, true] } },
  });
}

const append = (entries: AuditEntry[]) => context.metadata.system((tx) => appendAudit(tx, entries));
await append(Array.from({ length: 40 }, (_, n) => entryOf(n)));
const ORG = `'${org.org_id}'`;
const rowsOf = async () =>
  (
    await context.superuser<{ n: number }>(`SELECT count(*)::int AS n FROM audit_logs WHERE org_id = ${ORG}`)
  )[0]?.n ?? 0;
const ROWS = await rowsOf();

type Client = Parameters<Parameters<typeof withClient>[2]>[0];

/** As somebody who owns the server, whom no trigger stops. */
function asOwnerOfServer<T>(
  work: (tamper: (statements: string[]) => Promise<void>) => Promise<T>,
): Promise<T> {
  const address = { ...server.superuser, database: context.database };
  return withClient(address, "aliquot tests", (client) =>
    work((statements) => inOne(client, ["SET LOCAL session_replication_role = replica", ...statements])),
  );
}

async function inOne(client: Client, statements: string[]): Promise<void> {
  for (const statement of ["BEGIN", ...statements, "COMMIT"]) await client.query(statement);
}

const KEPT = `CREATE TABLE IF NOT EXISTS public.kept_logs AS SELECT * FROM audit_logs WHERE org_id = ${ORG}`;
const KEPT_HEAD = `CREATE TABLE IF NOT EXISTS public.kept_heads AS SELECT * FROM audit_heads WHERE chain_id = ${ORG}`;
const BACK = [
  `DELETE FROM audit_logs WHERE org_id = ${ORG}`,
  "INSERT INTO audit_logs SELECT * FROM kept_logs",
  `DELETE FROM audit_heads WHERE chain_id = ${ORG}`,
  "INSERT INTO audit_heads SELECT * FROM kept_heads",
];

const verify = () => context.metadata.system((tx) => verifyChain(tx, org.org_id));
const HEAD = (await verify()).head;
const at = (seq: number) => `WHERE org_id = ${ORG} AND seq = ${seq}`;

/** Ways to tamper with the row at a place, and whether a hash that fits is put beside it. */
const EDITS: { [name: string]: string } = {
  action: "action = action || 's'",
  nobody: "user_id = NULL",
  "another person": "user_id = new_id()",
  kind: "entity_type = 'person'",
  thing: "entity_id = coalesce(entity_id, '') || ' '",
  job: "job_id = new_id()",
  pipeline: "pipeline_id = new_id()",
  particulars: `metadata = metadata || '{"n": 41}'`,
  "a part of a number": `metadata = metadata || '{"n": 0.5}'`,
  // Every row has some, also that of the organization's making.
  "no particulars": "metadata = '{}'",
  time: "ts = ts + interval '1 millisecond'",
  fact: "source_id = new_id()",
  hash: "hash = encode(sha256(hash::bytea), 'hex')",
  "hash before": "prev_hash = encode(sha256(prev_hash::bytea), 'hex')",
};

type Mutation = { name: string; statements: string[]; first_bad_seq: number };

const place = fc.integer({ min: 1, max: ROWS });
const edited = fc.tuple(fc.constantFrom(...Object.keys(EDITS)), place).map(
  ([name, seq]): Mutation => ({
    name: `${name} of ${seq}`,
    statements: [`UPDATE audit_logs SET ${EDITS[name]} ${at(seq)}`],
    first_bad_seq: seq,
  }),
);
const removed = place.map(
  (seq): Mutation => ({
    name: `${seq} taken out`,
    statements: [`DELETE FROM audit_logs ${at(seq)}`],
    first_bad_seq: seq,
  }),
);
const renumbered = place.map(
  (seq): Mutation => ({
    name: `${seq} and those after it moved down`,
    statements: [
      `UPDATE audit_logs SET seq = -seq WHERE org_id = ${ORG} AND seq >= ${seq}`,
      `UPDATE audit_logs SET seq = -seq + 1 WHERE org_id = ${ORG} AND seq < 0`,
      `UPDATE audit_heads SET seq = seq + 1 WHERE chain_id = ${ORG}`,
    ],
    first_bad_seq: seq,
  }),
);
const closedUp = place.map(
  (seq): Mutation => ({
    name: `${seq} taken out, and those after it moved up`,
    statements: [
      `DELETE FROM audit_logs ${at(seq)}`,
      `UPDATE audit_logs SET seq = -seq WHERE org_id = ${ORG} AND seq > ${seq}`,
      `UPDATE audit_logs SET seq = -seq - 1 WHERE org_id = ${ORG} AND seq < 0`,
      `UPDATE audit_heads SET seq = seq - 1 WHERE chain_id = ${ORG}`,
    ],
    // Of the last one nothing is missing but what the head says.
    first_bad_seq: seq,
  }),
);
const swapped = fc
  .tuple(place, place)
  .filter(([a, b]) => a !== b)
  .map(
    ([a, b]): Mutation => ({
      name: `${a} and ${b} change places`,
      statements: [
        `UPDATE audit_logs SET seq = -seq WHERE org_id = ${ORG} AND seq IN (${a}, ${b})`,
        `UPDATE audit_logs SET seq = ${a + b} + seq WHERE org_id = ${ORG} AND seq < 0`,
      ],
      first_bad_seq: Math.min(a, b),
    }),
  );
const cut = fc.integer({ min: 0, max: ROWS - 1 }).map(
  (seq): Mutation => ({
    name: `cut after ${seq}`,
    statements: [`DELETE FROM audit_logs WHERE org_id = ${ORG} AND seq > ${seq}`],
    first_bad_seq: seq + 1,
  }),
);
const inserted = place.map(
  (seq): Mutation => ({
    name: `a copy of ${seq} put at the end`,
    statements: [copyTo(seq, ROWS + 1)],
    first_bad_seq: ROWS + 1,
  }),
);
const slipped = place.map(
  (seq): Mutation => ({
    name: `a copy of ${seq} put in after it`,
    statements: [
      `UPDATE audit_logs SET seq = -seq WHERE org_id = ${ORG} AND seq > ${seq}`,
      copyTo(seq, seq + 1),
      `UPDATE audit_logs SET seq = -seq + 1 WHERE org_id = ${ORG} AND seq < 0`,
      `UPDATE audit_heads SET seq = seq + 1 WHERE chain_id = ${ORG}`,
    ],
    first_bad_seq: seq + 1,
  }),
);
const head = fc.constantFrom("hash = repeat('a', 64)", "seq = seq + 1").map(
  (set): Mutation => ({
    name: `the head's ${set}`,
    statements: [`UPDATE audit_heads SET ${set} WHERE chain_id = ${ORG}`],
    first_bad_seq: ROWS + 1,
  }),
);

/** By somebody who knows how hashes are made, and forgot the head. */
const forged = place.map((n): Mutation => {
  const entry = { ...entryOf(n), metadata: {}, job_id: null, pipeline_id: null };
  const hash = sha256(`${HEAD}\n${auditBody(entry)}`);
  return {
    name: "a row with a hash that fits, behind the last",
    statements: [
      `INSERT INTO audit_logs (chain_id, seq, org_id, user_id, action, entity_type, entity_id, ts, source_id, prev_hash, hash)
       VALUES (${ORG}, ${ROWS + 1}, ${ORG}, '${entry.user_id}', '${entry.action}', '${entry.entity_type}',
         '${entry.entity_id}', '${entry.ts}', '${entry.source_id}', '${HEAD}', '${hash}')`,
    ],
    first_bad_seq: ROWS + 1,
  };
});

function copyTo(from: number, to: number): string {
  return `INSERT INTO audit_logs SELECT (jsonb_populate_record(a, jsonb_build_object('seq', ${to}, 'audit_id', new_id(),
    'source_id', new_id(), 'prev_hash', a.hash))).* FROM audit_logs a ${at(from)}`;
}

test("whatever is done to a chain is found, at its place, and nothing where nothing was done", async () => {
  const unguard = "ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_seq_check";
  const mutation = fc.oneof(
    { arbitrary: edited, weight: 4 },
    ...[removed, renumbered, closedUp, swapped, cut, inserted, slipped, forged, head],
  );
  await asOwnerOfServer(async (tamper) => {
    await tamper([KEPT, KEPT_HEAD, unguard]);
    const rule = async ({ name, statements, first_bad_seq }: Mutation) => {
      await tamper(statements);
      const report = await verify();
      await tamper(BACK);
      assert.deepEqual([report.first_bad_seq, report.rows], [first_bad_seq, first_bad_seq - 1], name);
    };
    await fc.assert(fc.asyncProperty(mutation, rule), { numRuns: 60 });
  });
  assert.deepEqual(await verify(), { chain_id: org.org_id, rows: ROWS, head: HEAD, first_bad_seq: null });
});

test("a chain that is longer than a page, and grows while it is walked, is whole", async () => {
  const long = await makeOrg(context);
  const entry = (n: number) => ({ ...entryOf(n), org_id: long.org_id });
  await append(Array.from({ length: 1200 }, (_, n) => entry(n)));
  const walk = () => context.metadata.system((tx) => verifyChain(tx, long.org_id));
  const walks = { left: 10 };
  const growing = (async () => {
    let grown = 0;
    for (; walks.left > 0; grown++) await append([entry(3000 + grown)]);
    return grown;
  })();
  for (; walks.left > 0; walks.left--) assert.equal((await walk()).first_bad_seq, null);
  const grown = await growing;
  const report = await walk();
  assert.deepEqual([report.first_bad_seq, report.rows], [null, 1201 + grown]);
});

const ask = (who: Principal, input: object = {}) => perform(context, verifyAuditOperation, who, input);

test("one's own chain is anybody's with audit:read, all of them are the operator's", async () => {
  const own = await ask(owner);
  assert.equal(own.ok, true);
  assert.deepEqual(own.items, [
    { org_id: org.org_id, rows: ROWS, head: (await verify()).head, first_bad_seq: null },
  ]);
  assert.deepEqual(await ask(owner, { org: org.slug }), own);
  await assert.rejects(ask(scientist), kind("forbidden"));
  await assert.rejects(ask(owner, { org: other.slug }), kind("not_found"));
  await assert.rejects(ask(owner, { all: true }), kind("forbidden"));
  await assert.rejects(ask(operator, { all: true, org: org.slug }), kind("usage"));
  const nowhere = { ...owner, org_id: null };
  await assert.rejects(ask(nowhere), kind("forbidden"));
  const system = await ask(operator);
  assert.deepEqual([system.ok, system.items.map(({ org_id }) => org_id)], [true, [null]]);
  assert.deepEqual(await ask({ ...operator, org_id: org.org_id }, { system: true }), system);
  await assert.rejects(ask(owner, { system: true }), kind("forbidden"));
  const all = await ask(operator, { all: true });
  const ids = all.items.map(({ org_id }) => org_id);
  assert.equal(ids[0], null);
  for (const id of [org.org_id, other.org_id]) assert.ok(ids.includes(id));
});

test("one bad chain of many makes the whole not ok, and leaves the others as they are", async () => {
  const { ok, items } = await asOwnerOfServer(async (tamper) => {
    await tamper([KEPT, KEPT_HEAD, `UPDATE audit_logs SET action = 'harmless' ${at(7)}`]);
    const report = await ask(operator, { all: true });
    await tamper(BACK);
    return report;
  });
  assert.equal(ok, false);
  assert.deepEqual(
    items.flatMap(({ org_id, first_bad_seq }) => (first_bad_seq === null ? [] : [[org_id, first_bad_seq]])),
    [[org.org_id, 7]],
  );
});

const list = (who: Principal, input: object = {}) => perform(context, listAuditOperation, who, input);

test("rows are listed by page, the last first, each once, with who did it", async () => {
  const seen: number[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await list(owner, { limit: 7, ...(typeof cursor === "string" ? { cursor } : {}) });
    seen.push(...page.items.map(({ seq }) => seq));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(
    seen,
    Array.from({ length: ROWS }, (_, n) => ROWS - n),
  );
  const [last] = (await list(owner, { limit: 1 })).items;
  assert.deepEqual(
    [last?.action, last?.entity_id, last?.user_id, last?.username],
    ["jobs_of.test", "thing 39", owner.user_id, owner.username],
  );
});

test("roles and people of a row are named as they are called now, those of others and those that are gone are not", async () => {
  const [role] = await context.superuser<{ role_id: string }>(
    "SELECT role_id FROM roles WHERE name = 'viewer' AND org_id IS NULL",
  );
  const stranger = await person(context, other, "viewer");
  const gone = newId();
  const given = [role?.role_id ?? "", gone];
  const metadata = { given, taken: [], owner_id: stranger.user_id };
  const org_id = (await makeOrg(context)).org_id;
  const ruler = await person(context, { ...org, org_id }, "owner");
  const about = {
    entity_type: "member",
    entity_id: ruler.user_id,
    job_id: null,
    pipeline_id: null,
    metadata,
  };
  await append([{ ...entryOf(1), org_id, ...about }]);
  const [row] = (await list(ruler, { limit: 1 })).items;
  assert.deepEqual(row?.names, { [role?.role_id ?? ""]: "viewer", [ruler.user_id]: ruler.username });
});

test("each filter leaves what it names, and together they leave what all of them name", async () => {
  const of = async (filter: object) =>
    (await list(owner, { limit: 1000, ...filter })).items.flatMap(({ metadata }) =>
      typeof metadata["n"] === "number" ? [metadata["n"]] : [],
    );
  const where = (keep: (n: number) => boolean) =>
    Array.from({ length: 40 }, (_, n) => 39 - n).filter((n) => keep(n));
  assert.deepEqual(
    await of({ user: owner.username.toUpperCase() }),
    where((n) => n % 3 === 0),
  );
  assert.deepEqual(
    await of({ user: scientist.user_id }),
    where((n) => n % 3 !== 0),
  );
  assert.deepEqual(
    await of({ action: "job.cancel" }),
    where((n) => n % 2 === 0),
  );
  assert.deepEqual(
    await of({ action: "job" }),
    where((n) => n % 2 === 0),
    "and not jobs_of",
  );
  assert.deepEqual(
    await of({ entity_type: "job" }),
    where((n) => n % 4 === 0),
  );
  assert.deepEqual(await of({ entity_type: "molecule", entity_id: "thing 7" }), [7]);
  assert.deepEqual(
    await of({ job_id: JOB }),
    where((n) => n % 5 === 0),
  );
  assert.deepEqual(
    await of({ pipeline_id: PIPELINE, action: "job" }),
    where((n) => n % 14 === 0),
  );
  assert.deepEqual(await of({ user: owner.username, entity_id: "nothing such" }), []);
  const { items } = await list(owner, { limit: 2 });
  const ts = items[1]?.ts ?? "";
  assert.ok((await of({ since: ts })).includes(38));
  assert.ok(!(await of({ until: ts })).includes(38), "until is before it");
});

test("a question about what there never is says so, and with what there is", async () => {
  const refused = (name: string, says: RegExp, path: string) => (error: unknown) =>
    error instanceof AppError &&
    error.kind === name &&
    says.test(error.message) &&
    error.fields[0]?.path === path;
  await assert.rejects(list(owner, { user: "nobody-such" }), refused("not_found", /no such user/, "/user"));
  await assert.rejects(list(owner, { user: newId() }), refused("not_found", /no such user/, "/user"));
  const foreign = await person(context, other, "owner");
  await assert.rejects(list(owner, { user: foreign.username }), refused("not_found", /no such/, "/user"));
  const jobs = /job\.cancel, job\.list/;
  await assert.rejects(
    list(owner, { action: "frob" }),
    refused("bad_input", /batch, calculation/, "/action"),
  );
  await assert.rejects(list(owner, { action: "job.frob" }), refused("bad_input", jobs, "/action"));
  await assert.rejects(list(owner, { entity_type: "foo" }), refused("bad_input", /batch, /, "/entity_type"));
  const idle = await person(context, org, "viewer");
  for (const filter of [{ user: idle.username }, { user: idle.user_id }, { action: "cache.prune" }])
    assert.deepEqual((await list(owner, filter)).items, [], JSON.stringify(filter));
  assert.ok((await list(operator, { action: "seed" })).items.every(({ action }) => action === "seed"));
});

test("the log is read by who may, of their own organization; cursors that are made up do no harm", async () => {
  await assert.rejects(list(scientist), kind("forbidden"));
  const foreign = await person(context, other, "owner");
  assert.ok(
    (await list(foreign, { limit: 1000 })).items.every(({ metadata }) => metadata["n"] === undefined),
  );
  const system = (await list(operator, { limit: 1000 })).items;
  assert.ok(system.length > 0 && system.every(({ metadata }) => metadata["n"] === undefined));
  assert.deepEqual(
    (await list({ ...operator, org_id: org.org_id }, { system: true, limit: 1000 })).items,
    system,
  );
  await assert.rejects(list({ ...owner, org_id: null }), kind("forbidden"));
  await assert.rejects(list(owner, { system: true }), kind("forbidden"));
  for (const number of ["1e+300", "-5", "0.5", "7"]) {
    const place = Buffer.from(JSON.stringify([number, newId()])).toString("base64url");
    await list(owner, { cursor: `${cursorMark("audit.list", {})}.${place}` });
    await assert.rejects(list(owner, { cursor: place }), kind("bad_input"));
  }
  await assert.rejects(list(owner, { cursor: "x" }), kind("bad_input"));
  await assert.rejects(list(owner, { since: "2026-02-30" }), kind("bad_input"));
  assert.equal((await context.metadata.system((tx) => verifyChain(tx, SYSTEM_CHAIN))).first_bad_seq, null);
});
