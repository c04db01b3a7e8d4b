import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inResults, makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { until, within } from "../../test/support/worker.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { signatureOf } from "../canonical.ts";
import { newId, sha256 } from "../ids.ts";
import { answeredBefore } from "./answered.ts";
import { type Hit, hitsUpdate } from "./entries-store.ts";
import { forgetMissing } from "./forget-missing.ts";
import { type KeepItem, keepResults, weigh } from "./keep.ts";
import { policyOf } from "./policy.ts";
import { isPresent } from "./present.ts";
import { reserve } from "./reserve.ts";
import type { Ask, Asker, CachePolicy } from "./schema.ts";
import { end, finished, POLICY, recorded, startedTask } from "./support.test.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");
const admin = await person(context, org, "admin");

const work = <T>(inside: Parameters<typeof inResults<T>>[2]) => inResults(context, org, inside);
const openly = ({ user_id }: OrgPrincipal): Asker => ({ owner_id: user_id, visibility: "organization" });
const privately = ({ user_id }: OrgPrincipal): Asker => ({ owner_id: user_id, visibility: "private" });

let questions = 0;
/** A document that no other test signs. */
const question = () => ({ task: "test", seed: ++questions });

/** One task that starts and asks, in a transaction of its own. */
function ask(asker: Asker, document: { [key: string]: string | number }, policy: CachePolicy = POLICY) {
  return work(async ({ tx }) => {
    const task: Ask = { ...(await startedTask(tx, asker)), signature: signatureOf(document) };
    const [answer] = await reserve(tx, [task], policy);
    return { task, answer, kind: answer?.kind };
  });
}

/** A result that is there. */
const made = (asker: Asker, document: object, more: object = {}) =>
  work(async ({ tx }) => recorded(tx, await startedTask(tx, asker), { document: { ...document }, ...more }));

const entriesOf = (signature: string) =>
  context.superuser<{
    cache_key: string;
    canonical_job_id: string;
    irreproducible_at: string | null;
    hit_count: string;
  }>("SELECT * FROM result_cache WHERE signature = $1 ORDER BY cache_key", [signature], org.database_name);

test("a result answers who asks the same: the organization's everybody, a private one its owner alone, not even an admin", async () => {
  const [shared, own] = [question(), question()];
  await made(openly(ann), shared);
  await made(privately(ann), own);
  for (const asker of [openly(ann), openly(bob), privately(bob), openly(admin)])
    assert.equal((await ask(asker, shared)).kind, "hit");
  assert.equal((await ask(privately(ann), own)).kind, "hit");
  for (const asker of [privately(bob), privately(admin), openly(ann)])
    assert.equal((await ask(asker, own)).kind, "run");
});

test("a hit is sure enough, young enough as the organization says now, not past its own date, and not disputed", async () => {
  const document = question();
  const { signature, job_id } = await made(openly(ann), document, { confidence_score: 0.8 });
  const kind = async (policy: Partial<CachePolicy> = {}) => {
    const { task, answer } = await ask(openly(bob), document, { ...POLICY, ...policy });
    await work(({ tx }) =>
      tx
        .updateTable("task_executions")
        .set({ signature: null })
        .where("exec_id", "=", task.exec_id)
        .execute(),
    );
    if (answer?.kind === "hit") assert.equal(answer.entry.canonical_job_id, job_id);
    return answer?.kind;
  };
  const set = (change: string) =>
    context.superuser(
      `UPDATE result_cache SET ${change} WHERE signature = $1`,
      [signature],
      org.database_name,
    );
  assert.equal(await kind(), "hit");
  assert.equal(await kind({ threshold: 0.81 }), "run");
  await set("created_at = now() - interval '36 hours'");
  assert.equal(await kind({ ttl_days: 1 }), "run");
  assert.equal(await kind({ ttl_days: 2 }), "hit");
  await set("expires_at = now() - interval '1 second'");
  assert.equal(await kind(), "run");
  await set("expires_at = NULL, irreproducible_at = now()");
  assert.equal(await kind(), "run");
});

test("identical tasks in flight run once; who may not see the result runs its own", async () => {
  const document = question();
  const first = await ask(privately(ann), document);
  assert.equal(first.kind, "run");
  assert.deepEqual((await ask(privately(ann), document)).answer, {
    kind: "wait",
    exec_id: first.task.exec_id,
  });
  const shared = await ask(openly(bob), document);
  assert.equal(shared.kind, "run", "nobody waits for what one will not see");
  assert.deepEqual((await ask(privately(admin), document)).answer, {
    kind: "wait",
    exec_id: shared.task.exec_id,
  });
  const [again] = await work(({ tx }) => reserve(tx, [shared.task], POLICY));
  assert.equal(again?.kind, "run", "who has reserved may ask again");
  await work(({ tx }) => recorded(tx, shared.task, { document }));
  assert.equal((await ask(openly(ann), document)).kind, "hit");
});

test("within one call the organization's task runs and all others of the same question wait for it", async () => {
  const signature = signatureOf(question());
  const answers = await work(async ({ tx }) => {
    const asks: Ask[] = [];
    for (const asker of [privately(ann), openly(bob), openly(ann)])
      asks.push({ ...(await startedTask(tx, asker)), signature });
    return { asks, kinds: await reserve(tx, asks, POLICY) };
  });
  const exec_id = answers.asks[1]?.exec_id;
  assert.deepEqual(answers.kinds, [{ kind: "wait", exec_id }, { kind: "run" }, { kind: "wait", exec_id }]);
});

/** Two asks of the same, the first of which commits only when the second stands in line. */
async function race(one: Asker, other: Asker) {
  const signature = signatureOf(question());
  const tasks = await work(async ({ tx }) => [
    { ...(await startedTask(tx, one)), signature },
    { ...(await startedTask(tx, other)), signature },
  ]);
  const go = Promise.withResolvers<void>();
  const [first, second] = tasks as [Ask, Ask];
  const reserved = Promise.withResolvers<void>();
  const leading = work(async ({ tx }) => {
    const [answer] = await reserve(tx, [first], POLICY);
    reserved.resolve();
    await go.promise;
    return answer;
  });
  await within(reserved.promise);
  const following = work(async ({ tx }) => {
    const [answer] = await reserve(tx, [second], POLICY);
    // The transaction still works: what follows in it is recorded.
    await tx.updateTable("tasks").set({ max_attempts: 9 }).execute();
    return answer;
  });
  await until("the second stands in line", async () => {
    const rows = await context.superuser(
      "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
    );
    return rows.length > 0;
  });
  go.resolve();
  return { kinds: [(await leading)?.kind, (await following)?.kind], answer: await following, first };
}

test("two that ask at the same moment: one runs, the other waits for it, and no transaction is aborted", async () => {
  for (const [one, other] of [
    [openly(ann), openly(bob)],
    [privately(ann), privately(ann)],
    [openly(ann), privately(bob)],
  ] as const) {
    const { kinds, answer, first } = await race(one, other);
    assert.deepEqual(kinds, ["run", "wait"]);
    assert.deepEqual(answer, { kind: "wait", exec_id: first.exec_id });
  }
  for (const [one, other] of [
    [privately(ann), privately(bob)],
    [privately(ann), openly(ann)],
  ] as const)
    assert.deepEqual((await race(one, other)).kinds, ["run", "run"]);
});

test("a hit whose entry is replaced or pruned meanwhile links to the rows that answered, and is counted where it stands", async () => {
  const document = question();
  const { job_id, signature } = await made(openly(ann), document);
  const { task, answer } = await ask(openly(bob), document);
  assert.ok(answer?.kind === "hit");
  const better = await made(openly(ann), document, { checks_passed: 2 });
  await work(async ({ tx }) => {
    await end(tx, task.exec_id, { signature, cached_from: answer.entry.canonical_exec_id });
    await hitsUpdate([shown(answer.entry.cache_key), shown(sha256("pruned"))])?.execute(tx);
  });
  const [entry] = await entriesOf(signature);
  assert.equal(entry?.canonical_job_id, better.job_id);
  assert.equal(Number(entry?.hit_count), 1);
  assert.equal(answer.entry.canonical_job_id, job_id);
});

const shown = (cache_key: string): Hit => ({ cache_key, visibility: "organization" });

test("what somebody asks in private counts on that person's own entry, and on none that all read", async () => {
  const document = question();
  const { signature } = await made(openly(ann), document);
  const quiet = question();
  await made(privately(bob), quiet);
  const [own] = await entriesOf(signatureOf(quiet));
  const keys = [signature, own?.cache_key ?? ""];
  const hits = keys.map((cache_key): Hit => ({ cache_key, visibility: "private" }));
  await work(async ({ tx }) => hitsUpdate([...hits, shown(signature)])?.execute(tx));
  const counted = [...(await entriesOf(signature)), ...(await entriesOf(signatureOf(quiet)))];
  assert.deepEqual(
    counted.map((row) => Number(row.hit_count)),
    [1, 1],
  );
});

test("hits are counted exactly by many at once, also the same one twice in a call", async () => {
  const { signature } = await made(openly(ann), question());
  await Promise.all(
    Array.from({ length: 8 }, () =>
      work(async ({ tx }) => hitsUpdate([shown(signature), shown(signature)])?.execute(tx)),
    ),
  );
  assert.equal(Number((await entriesOf(signature))[0]?.hit_count), 16);
});

test("an own run takes the place of an ingested one, more checks of fewer, surer of less sure; else the older stays", () => {
  const old = {
    result_hash: "a",
    irreproducible: false,
    expired: false,
    source: "run" as const,
    checks_passed: 5,
    confidence_score: 0.9,
  };
  const next = { result_hash: "a", source: "run" as const, checks_passed: 5, confidence_score: 0.9 };
  assert.equal(weigh(old, next), "keep");
  assert.equal(weigh({ ...old, source: "ingested" }, { ...next, checks_passed: 1 }), "replace");
  assert.equal(weigh(old, { ...next, source: "ingested", checks_passed: 9 }), "keep");
  assert.equal(weigh(old, { ...next, checks_passed: 6, confidence_score: 0.1 }), "replace");
  assert.equal(weigh(old, { ...next, checks_passed: 4, confidence_score: 1 }), "keep");
  assert.equal(weigh(old, { ...next, confidence_score: 0.91 }), "replace");
  assert.equal(weigh({ ...old, expired: true }, { ...next, checks_passed: 1 }), "replace");
  assert.equal(weigh(old, { ...next, result_hash: "b" }), "dispute");
  assert.equal(weigh({ ...old, irreproducible: true }, next), "replace");
  assert.equal(weigh({ ...old, irreproducible: true }, { ...next, result_hash: "b" }), "dispute");
});

test("another result of the same signature is told with both executions, serves nobody, and is settled by two that agree", async () => {
  const document = question();
  const first = await made(openly(ann), document, { found: "one" });
  const second = await made(openly(bob), document, { found: "two" });
  assert.deepEqual(
    second.irreproducible.map(({ job_id, other_job_id }) => ({ job_id, other_job_id })),
    [{ job_id: second.job_id, other_job_id: first.job_id }],
  );
  const logged = await context.superuser<{
    context: { exec_id: string; other_exec_id: string };
    private_to: null;
  }>(
    "SELECT context, private_to FROM event_logs WHERE event_type = 'error' AND entity_id = $1",
    [second.job_id],
    org.database_name,
  );
  assert.equal(logged.length, 1);
  assert.equal(logged[0]?.context.other_exec_id, second.irreproducible[0]?.other_exec_id);
  const asked = await ask(openly(ann), document);
  assert.equal(asked.kind, "run");
  const third = await work(({ tx }) => recorded(tx, asked.task, { document, found: "one" }));
  assert.equal(third.irreproducible.length, 1, "the last two disagree still");
  const fourth = await made(openly(ann), document, { found: "one" });
  assert.equal(fourth.irreproducible.length, 0);
  assert.equal((await entriesOf(first.signature))[0]?.irreproducible_at, null);
  assert.equal((await ask(openly(bob), document)).kind, "hit");
});

test("a private result that differs from the organization's is told to its owner and marks only itself", async () => {
  const document = question();
  const shared = await made(openly(ann), document, { found: "one" });
  const own = await made(privately(bob), document, { found: "two" });
  assert.equal(own.irreproducible[0]?.other_job_id, shared.job_id);
  const [theirs, his] = await entriesOf(shared.signature);
  assert.equal(theirs?.irreproducible_at, null);
  assert.notEqual(his?.irreproducible_at, null);
  const [logged] = await context.superuser<{ private_to: string }>(
    "SELECT private_to FROM event_logs WHERE entity_id = $1",
    [own.job_id],
    org.database_name,
  );
  assert.equal(logged?.private_to, bob.user_id);
});

test("the same twice in one group is compared with itself, and two that record the same at once make one entry", async () => {
  const document = question();
  const twice = await work(async ({ tx }) => {
    const items: KeepItem[] = [];
    for (const found of ["one", "two"])
      items.push(await finished(tx, await startedTask(tx, openly(ann)), { document, found }));
    return { items, ...(await keepResults(tx, items, POLICY)) };
  });
  assert.deepEqual(
    twice.irreproducible.map(({ job_id, other_job_id }) => [job_id, other_job_id]),
    [[twice.items[1]?.job_id, twice.items[0]?.job_id]],
  );
  const other = question();
  const both = await Promise.all([made(openly(ann), other), made(openly(bob), other)]);
  assert.deepEqual(
    both.flatMap(({ irreproducible }) => irreproducible),
    [],
  );
  assert.equal((await entriesOf(both[0].signature)).length, 1);
});

test("an entry whose bytes are gone is taken out, unless another took its place", async () => {
  const document = question();
  const { uri } = await context.objects.put(org.org_id, Buffer.from("bytes"));
  const { signature } = await made(openly(ann), document, { uri });
  const hit = async () => {
    const { answer } = await ask(openly(bob), document);
    assert.ok(answer?.kind === "hit");
    return answer.entry;
  };
  const entry = await hit();
  assert.equal(await isPresent(context, org.org_id, entry), true);
  const lost = { ...entry, artifact_map: { "run/out": `object:${sha256("lost")}` } };
  assert.equal(await isPresent(context, org.org_id, { ...lost, canonical_exec_id: newId() }), false);
  assert.equal((await entriesOf(signature)).length, 1);
  assert.equal(await isPresent(context, org.org_id, lost), false);
  assert.equal((await entriesOf(signature)).length, 0);
});

test("a completed job answers the same question where each of its results may, and by the program that workers have", async () => {
  const signature = sha256("a question");
  const document = question();
  const { job_id } = await work(async ({ tx }) =>
    recorded(tx, await startedTask(tx, openly(ann), { input_signature: signature }), {
      document,
      confidence_score: 0.9,
    }),
  );
  const answers = async (who: OrgPrincipal, asker: Asker, policy: Partial<CachePolicy> = {}) =>
    (
      await context.results.transact(who, ({ tx }) =>
        answeredBefore(tx, [signature, sha256("another")], asker, { ...POLICY, ...policy }),
      )
    ).map((row) => row.job_id);
  assert.deepEqual(await answers(bob, openly(bob)), [job_id]);
  assert.equal(Number((await entriesOf(signatureOf(document)))[0]?.hit_count), 1, "it is counted");
  assert.deepEqual(await answers(bob, privately(bob)), [job_id]);
  assert.equal(
    Number((await entriesOf(signatureOf(document)))[0]?.hit_count),
    1,
    "nobody reads of a private one",
  );
  assert.deepEqual(await answers(bob, openly(bob), { threshold: 0.91 }), []);
  assert.deepEqual(await answers(bob, openly(bob), { programs: { xtb: "xtb 6.5.1" } }), [job_id]);
  assert.deepEqual(
    await answers(bob, openly(bob), { programs: { xtb: "xtb 6.7.0" } }),
    [],
    "it was upgraded",
  );
  await context.superuser(
    "UPDATE result_cache SET irreproducible_at = now() WHERE canonical_job_id = $1",
    [job_id],
    org.database_name,
  );
  assert.deepEqual(await answers(bob, openly(bob)), []);
});

test("a job that was answered itself answers by the result behind it; a private one its owner's private questions only", async () => {
  const document = question();
  const { signature } = await made(openly(ann), document, { confidence_score: 0.9 });
  const asked = sha256("a private question");
  const job_id = await work(async ({ tx }) => {
    const task = await startedTask(tx, privately(bob), { input_signature: asked });
    const [answer] = await reserve(tx, [{ ...task, signature }], POLICY);
    assert.ok(answer?.kind === "hit");
    await end(tx, task.exec_id, { signature, cached_from: answer.entry.canonical_exec_id });
    const row = await tx
      .selectFrom("task_executions")
      .select("job_id")
      .where("exec_id", "=", task.exec_id)
      .executeTakeFirstOrThrow();
    return row.job_id;
  });
  const answers = (who: OrgPrincipal, asker: Asker, policy = POLICY) =>
    context.results.transact(who, ({ tx }) => answeredBefore(tx, [asked], asker, policy));
  assert.deepEqual(await answers(bob, privately(bob)), [{ input_signature: asked, job_id }]);
  assert.deepEqual(await answers(bob, privately(bob), { ...POLICY, threshold: 0.95 }), []);
  assert.deepEqual(await answers(bob, openly(bob)), []);
  assert.deepEqual(await answers(admin, privately(admin)), []);
});

test("an open job whose answer only a private entry would give answers private questions of that owner, and no open one", async () => {
  const document = question();
  const asked = sha256("an open question");
  const { job_id, signature } = await work(async ({ tx }) =>
    recorded(tx, await startedTask(tx, openly(ann), { input_signature: asked }), { document }),
  );
  await made(privately(ann), document);
  await context.superuser("DELETE FROM result_cache WHERE cache_key = $1", [signature], org.database_name);
  // As the machinery asks for batches, which sees every row.
  const answers = async (asker: Asker) =>
    (await work(({ tx }) => answeredBefore(tx, [asked], asker, POLICY))).map((row) => row.job_id);
  assert.deepEqual(await answers(openly(ann)), []);
  assert.deepEqual(await answers(privately(bob)), []);
  assert.deepEqual(await answers(privately(ann)), [job_id]);
  assert.equal(Number((await entriesOf(signature))[0]?.hit_count), 1, "on one's own it counts");
});

test("before a submission the entries behind its answers whose bytes are gone are taken out, and no others", async () => {
  const [kept, lost] = [question(), question()];
  const { uri } = await context.objects.put(org.org_id, Buffer.from("kept"));
  const asked = { kept: sha256("kept"), lost: sha256("lost") };
  const job = (input_signature: string, document: object, at: string) =>
    work(async ({ tx }) =>
      recorded(tx, await startedTask(tx, openly(ann), { input_signature }), {
        document: { ...document },
        uri: at,
      }),
    );
  await job(asked.kept, kept, uri);
  await job(asked.lost, lost, `object:${sha256("never stored")}`);
  const answers = async () =>
    (await work(({ tx }) => answeredBefore(tx, Object.values(asked), openly(bob), POLICY))).map(
      (row) => row.input_signature,
    );
  assert.equal((await answers()).length, 2);
  await forgetMissing({ services: context, principal: bob }, Object.values(asked));
  assert.deepEqual(await answers(), [asked.kept]);
});

test("an organization's settings and the programs that workers found are believed for a while", async () => {
  const other = await makeOrg(context);
  await context.superuser(
    `UPDATE org_settings SET config = '{"cache_threshold": 0, "cache_ttl_days": 30}' WHERE org_id = $1`,
    [other.org_id],
  );
  await context.superuser(
    "UPDATE task_services SET version = '6.5.1', status = 'available' WHERE name = 'xtb'",
  );
  assert.deepEqual(await policyOf(context, other.org_id), {
    threshold: 0,
    ttl_days: 30,
    programs: { xtb: "xtb 6.5.1" },
  });
  await context.superuser("UPDATE task_services SET version = NULL, status = 'unknown' WHERE name = 'xtb'");
  await context.superuser("UPDATE org_settings SET config = '{}' WHERE org_id = $1", [other.org_id]);
  assert.equal((await policyOf(context, other.org_id)).ttl_days, 30);
  assert.deepEqual(await policyOf(context, org.org_id), { threshold: 0.8, ttl_days: null, programs: {} });
});
