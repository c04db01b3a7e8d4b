import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, beforeEach, test } from "node:test";
import { sql } from "kysely";
import { submitScript } from "../../test/support/engine.ts";
import { claimOne, openLab, projected, queueOf } from "../../test/support/worker.ts";
import { logEvents } from "../events/log.ts";
import { FACT_REFUSED } from "../events/schema.ts";
import { checkHealth } from "../health/checks.ts";
import { newId } from "../ids.ts";
import { SILENT } from "../log.ts";
import { type BirthsFact, type Fact, insertOutbox, type JobFact } from "../outbox.ts";
import { MOST_COUNT } from "./fact-rules.ts";
import { readFacts } from "./facts.ts";
import { reindexOrg } from "./reindex.ts";
import { relayOrg } from "./relay.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const AT = "2026-01-01T00:00:00.000Z";
const origin = {
  pipeline_id: null,
  pipeline_version_id: null,
  submitted_by: scientist.user_id,
  priority: 5,
  private_to: null,
  created_at: AT,
};
const job = (change: object = {}): JobFact =>
  ({ ...origin, job_id: newId(), status: "queued", seq: 1, updated_at: AT, ...change }) as JobFact;
const ready = (change: object = {}) => ({
  job_id: newId(),
  task_name: "run",
  engine: "fake",
  priority: 5,
  rank: 1,
  available_at: AT,
  fence: 0,
  ...change,
});
const births = (change: object = {}): BirthsFact =>
  ({
    ...origin,
    status: "queued",
    first_rank: 7,
    tasks: [{ task_name: "run", engine: "fake" }],
    job_ids: [newId(), newId()],
    ...change,
  }) as BirthsFact;
const [twice] = [newId()];

const LIES: [topic: string, payload: object][] = [
  ["job", {}],
  ["job", job({ job_id: "mine" })],
  ["job", job({ job_id: newId().toUpperCase() })],
  ["job", job({ status: "won" })],
  ["job", job({ priority: 10 })],
  ["job", job({ priority: 0.5 })],
  ["job", job({ seq: 2 ** 53 })],
  ["task_gone", { job_id: newId(), task_name: "run", fence: Number.MAX_SAFE_INTEGER }],
  ["job", job({ submitted_by: null })],
  ["job", job({ private_to: "me" })],
  ["job", job({ updated_at: "2026-02-30T00:00:00Z" })],
  ["job", job({ created_at: "infinity" })],
  ["task_ready", ready({ fence: -1 })],
  ["task_ready", ready({ rank: "9223372036854775807" })],
  ["task_ready", ready({ engine: "" })],
  ["task_ready", ready({ task_name: null })],
  ["task_ready", ready({ available_at: "0000-01-01T00:00:00Z" })],
  ["task_gone", { job_id: newId(), task_name: "run" }],
  ["births", births({ job_ids: ["x"] })],
  ["births", births({ job_ids: [twice, twice] })],
  ["births", births({ job_ids: 7 })],
  ["births", births({ tasks: [null] })],
  ["births", births({ status: "completed" })],
  ["births", births({ first_rank: MOST_COUNT })],
  ["facts", {}],
  ["facts", { facts: 7 }],
  ["facts", { facts: [null] }],
  ["facts", { facts: [{ topic: "audit", payload: {} }] }],
  [
    "facts",
    {
      facts: [
        { topic: "job", payload: job() },
        { topic: "job", payload: job({ seq: "1" }) },
      ],
    },
  ],
];

/** By a member's own SQL, past everything that this program checks. */
async function lie(lies: [string, object][]): Promise<void> {
  await context.results.transact(scientist, ({ tx }) =>
    sql`INSERT INTO outbox (topic, payload) SELECT l.topic, l.payload
      FROM jsonb_to_recordset(${JSON.stringify(lies.map(([topic, payload]) => ({ topic, payload })))}::jsonb)
        AS l(topic text, payload jsonb)`.execute(tx),
  );
}

test("facts that no projection can take are set aside, told of, and hold up nothing", async () => {
  const before = await submitScript(context, scientist, { relay: false });
  await lie(LIES);
  const behind = await submitScript(context, scientist, { relay: false });
  const warned: { outbox_ids?: number[] }[] = [];
  const log = { ...SILENT, warn: (fields: object) => void warned.push(fields) };
  await relayOrg(context.metadata, context.results, org.org_id, { log });
  for (const id of [before, behind]) assert.equal((await projected(context, id))?.status, "queued");
  assert.deepEqual(
    new Set((await queueOf(context, org.org_id)).map((row) => row.job_id)),
    new Set([before, behind]),
  );
  assert.equal(warned[0]?.outbox_ids?.length, LIES.length);
  const kept = await context.superuser<{ entity_id: string }>(
    "SELECT entity_id FROM event_logs WHERE error_code = 'fact_refused'",
    [],
    org.database_name,
  );
  assert.deepEqual(kept.map((row) => Number(row.entity_id)).toSorted(), warned[0]?.outbox_ids?.toSorted());
  assert.equal(await relayOrg(context.metadata, context.results, org.org_id), 0, "nothing waits");
  const { checks } = await checkHealth(context);
  const check = checks.find(({ name }) => name === `organization ${org.slug}`);
  assert.equal(check?.status, "degraded");
  assert.match(check?.detail ?? "", new RegExp(`, ${LIES.length} facts set aside in a day`));
  await reindexOrg(context, org.org_id, null);
  const forged = { event_type: "error", entity_type: "outbox", error_code: FACT_REFUSED } as const;
  await context.results.transact(scientist, ({ tx }) =>
    logEvents(tx, [{ ...forged, user_id: scientist.user_id }]),
  );
  const after = (await checkHealth(context)).checks.find(({ name }) => name === check?.name);
  assert.equal(after?.status, "ok", after?.detail);
});

test("a row that is larger than any of ours is not read, whatever it says", async () => {
  const [told] = [job()];
  const filling = randomBytes(1.2e6).toString("base64");
  await lie([["facts", { facts: [{ topic: "job", payload: told }], filling }]]);
  assert.equal(await relayOrg(context.metadata, context.results, org.org_id), 1);
  assert.equal(await projected(context, told.job_id), undefined);
});

test("a fact of the right shape that a table refuses all the same is found among the others", async () => {
  // The shapes know the tables; this is for the day on which they do not.
  await context.superuser("ALTER TABLE task_queue ADD CONSTRAINT no_seven CHECK (rank <> 7)");
  try {
    const id = newId();
    const facts: Fact[] = [
      { topic: "job", payload: job({ job_id: id }) },
      { topic: "births", payload: births() },
      { topic: "task_ready", payload: ready({ job_id: id }) },
    ];
    for (const fact of facts)
      await context.results.forMachinery(org.org_id, ({ tx }) => insertOutbox(tx, [fact]));
    await relayOrg(context.metadata, context.results, org.org_id);
    assert.equal((await projected(context, id))?.status, "queued");
    assert.deepEqual(
      (await queueOf(context, org.org_id)).map((row) => row.job_id),
      [id],
    );
  } finally {
    await context.superuser("ALTER TABLE task_queue DROP CONSTRAINT no_seven");
  }
});

test("the greatest numbers that a fact may hold leave room for the next claim", async () => {
  await lie([["task_ready", ready({ fence: MOST_COUNT, rank: MOST_COUNT })]]);
  const other = await submitScript(context, scientist);
  await context.results.relay(org.org_id);
  const claims = [await claimOne(context), await claimOne(context)];
  assert.ok(claims.some((claim) => claim?.job_id === other));
});

test("one call is one row, in order; births come before what follows, and of a task the last word counts", async () => {
  const [a, b] = [newId(), newId()];
  const facts: Fact[] = [
    { topic: "births", payload: births({ job_ids: [a, b] }) },
    { topic: "job", payload: job({ job_id: a, seq: 2, status: "running" }) },
    { topic: "task_gone", payload: { job_id: a, task_name: "run", fence: 1 } },
    { topic: "task_ready", payload: ready({ job_id: a, fence: 2 }) },
    { topic: "task_ready", payload: ready({ job_id: b, fence: 2 }) },
    { topic: "task_gone", payload: { job_id: b, task_name: "run", fence: 3 } },
  ];
  await context.results.forMachinery(org.org_id, ({ tx }) => insertOutbox(tx, facts));
  const rows = await context.superuser<{ outbox_id: number; topic: string; payload: unknown }>(
    "SELECT outbox_id, topic, payload FROM outbox WHERE relayed_at IS NULL ORDER BY outbox_id",
    [],
    org.database_name,
  );
  assert.deepEqual(
    rows.map((row) => row.topic),
    ["births", "facts"],
  );
  const { told, refused } = readFacts(rows, org.org_id);
  assert.deepEqual(refused, []);
  assert.deepEqual([told.ready.map((fact) => fact.job_id), told.gone.map((fact) => fact.job_id)], [[a], [b]]);
  await relayOrg(context.metadata, context.results, org.org_id);
  assert.equal((await projected(context, a))?.status, "running");
  assert.equal((await projected(context, b))?.status, "queued");
  assert.deepEqual(
    (await queueOf(context, org.org_id)).map(({ job_id, fence }) => [job_id, fence]),
    [[a, 2]],
  );
});

test("births of more jobs than a row holds are several rows with the ranks that follow", async () => {
  const ids = Array.from({ length: 2500 }, () => newId());
  await context.results.forMachinery(org.org_id, ({ tx }) =>
    insertOutbox(tx, [{ topic: "births", payload: births({ job_ids: ids, first_rank: 100 }) }]),
  );
  assert.equal(await relayOrg(context.metadata, context.results, org.org_id), 2500);
  const rows = await context.superuser<{ job_id: string; rank: number }>(
    "SELECT job_id, rank FROM task_queue ORDER BY rank",
  );
  assert.deepEqual(
    rows.map((row) => row.job_id),
    ids,
  );
  assert.deepEqual([rows[0]?.rank, rows.at(-1)?.rank], [100, 2599]);
});
