import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person, submitSmiles } from "../../test/support/context.ts";
import { AppError } from "../errors.ts";
import { deleteMolecule } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { logEvents } from "./log.ts";
import { Meter } from "./meter.ts";
import { listEvents } from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const [scientist, colleague, admin] = [
  await person(context, org, "scientist"),
  await person(context, org, "scientist"),
  await person(context, org, "admin"),
];

test("a molecule is told of when it is new to its owner, once, and when it is taken back", async () => {
  await submitSmiles(context, scientist, ["CCO", "CCC"]);
  await submitSmiles(context, scientist, "CCO");
  const told = async (type: "molecule_created" | "molecule_deleted") =>
    (await perform(context, listEvents, scientist, { type })).items;
  const created = await told("molecule_created");
  assert.equal(created.length, 2);
  assert.ok(
    created.every((event) => event.entity_type === "molecule" && event.user_id === scientist.user_id),
  );
  const id = created[0]?.entity_id ?? "";
  await perform(context, deleteMolecule, scientist, { molecule_id: id });
  assert.deepEqual(
    (await told("molecule_deleted")).map((event) => event.entity_id),
    [id],
  );
});

test("what is told of a private thing is its owner's and the admins', and of a colleague nobody can write", async () => {
  await submitSmiles(context, scientist, "CCCCN", { visibility: "private" });
  const seenBy = async (who: typeof scientist) =>
    (await perform(context, listEvents, who, { type: "molecule_created" })).items.length;
  assert.deepEqual([await seenBy(scientist), await seenBy(colleague), await seenBy(admin)], [3, 2, 3]);
  const forged = { event_type: "error", entity_type: "job", user_id: colleague.user_id } as const;
  await assert.rejects(context.results.transact(scientist, ({ tx }) => logEvents(tx, [forged])));
});

test("events come newest first, by kind, thing and time, in pages; a day that no calendar has is refused", async () => {
  const of = (n: number) => ({ event_type: "error", entity_type: "job", entity_id: `j${n}` }) as const;
  await context.results.forMachinery(org.org_id, ({ tx }) =>
    logEvents(
      tx,
      Array.from({ length: 5 }, (_, n) => ({ ...of(n), duration_ms: n + 0.5, context: { n } })),
    ),
  );
  const seen: unknown[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: { context: unknown }[]; next_cursor: string | null } = await perform(
      context,
      listEvents,
      colleague,
      { type: "error", since: "2026-01-01", limit: 2, ...(cursor === null ? {} : { cursor }) },
    );
    seen.push(...page.items.map((event) => (event.context as { n: number }).n));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(seen.toSorted(), [0, 1, 2, 3, 4]);
  const one = await perform(context, listEvents, colleague, { entity_type: "job", entity_id: "j3" });
  assert.deepEqual(
    one.items.map((event) => event.duration_ms),
    [3.5],
  );
  assert.deepEqual((await perform(context, listEvents, colleague, { since: "2999-01-01" })).items, []);
  for (const since of ["2026-02-30", "2026-13-01T00:00:00Z", "yesterday"])
    await assert.rejects(
      perform(context, listEvents, colleague, { since }),
      (error: unknown) => error instanceof AppError && error.kind === "bad_input",
      since,
    );
});

test("a meter sums up what it counted when its time is over, with the median and the largest of each stage", () => {
  const waiting = new Meter("relay", 60_000);
  waiting.add("o", { facts: 1 }, { read: 5 });
  assert.deepEqual(waiting.due("o"), []);
  const meter = new Meter("relay", 0);
  for (const ms of [5, 1, 100]) meter.add("o", { facts: 2 }, { read: ms });
  assert.deepEqual(meter.due("another"), []);
  const [event] = meter.due("o");
  assert.deepEqual(event?.context, {
    facts: 6,
    stages: { read: { median_ms: 5, largest_ms: 100, count: 3 } },
  });
  assert.deepEqual(meter.due("o"), [], "the next window begins empty");
});
