import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inResults, makeOrg, openTestContext, person } from "../../test/support/context.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import { signatureOf } from "../canonical.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { addMolecules } from "../molecules/operations.ts";
import { perform } from "../perform.ts";
import { hitsUpdate } from "./entries-store.ts";
import { resultJobIds, underAskingJobs } from "./links-store.ts";
import { cacheStatsOperation, explainCacheOperation, pruneCacheOperation } from "./operations.ts";
import { pruneExpired } from "./prune.ts";
import { reserve } from "./reserve.ts";
import type { Asker } from "./schema.ts";
import { end, POLICY, recorded, startedTask } from "./support.test.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");
const admin = await person(context, org, "admin");

const work = <T>(inside: Parameters<typeof inResults<T>>[2]) => inResults(context, org, inside);
const openly = ({ user_id }: OrgPrincipal): Asker => ({ owner_id: user_id, visibility: "organization" });
const privately = ({ user_id }: OrgPrincipal): Asker => ({ owner_id: user_id, visibility: "private" });
const explain = (who: OrgPrincipal, job_id: string, more: object = {}) =>
  perform(context, explainCacheOperation, who, { job_id, ...more });
const stats = (who: OrgPrincipal) => perform(context, cacheStatsOperation, who, {});
const prune = (who: OrgPrincipal, wish: object = {}) => perform(context, pruneCacheOperation, who, wish);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const sqlIn = (text: string, values: unknown[] = []) => context.superuser(text, values, org.database_name);

const base = { task: "xtb.optimize", method: "gfn2", accuracy: "1.000000", arguments: ["--acc", "1"] };
const made = (asker: Asker, document: object, job: object = {}, more: object = {}) =>
  work(async ({ tx }) =>
    recorded(tx, await startedTask(tx, asker, job), { document: { ...document }, ...more }),
  );

/** A job that the cache answers. */
const answered = (asker: Asker, document: object) =>
  work(async ({ tx }) => {
    const task = { ...(await startedTask(tx, asker)), signature: signatureOf({ ...document } as never) };
    const [answer] = await reserve(tx, [task], POLICY);
    assert.ok(answer?.kind === "hit");
    await end(tx, task.exec_id, { signature: task.signature, cached_from: answer.entry.canonical_exec_id });
    await hitsUpdate([{ ...answer.entry, visibility: asker.visibility }])?.execute(tx);
    const { job_id } = await tx
      .selectFrom("task_executions")
      .select("job_id")
      .where("exec_id", "=", task.exec_id)
      .executeTakeFirstOrThrow();
    return job_id;
  });

test("a job is told what was signed, that it was answered and by which job, or the nearest entry and where it differs", async () => {
  const water = { ...base, seed: 42 };
  const first = await made(openly(ann), water);
  assert.deepEqual((await explain(bob, first.job_id)).nearest, null);
  const far = await made(openly(ann), { ...base, seed: 42, method: "gfn1", accuracy: "2.000000" });
  const near = await made(openly(bob), { ...base, seed: 43 });
  await made(openly(bob), { ...base, task: "vina.dock", seed: 43 });
  const told = await explain(bob, near.job_id);
  assert.equal(told.signature, near.signature);
  assert.deepEqual(told.document, { ...base, seed: 43 });
  assert.equal(told.nearest?.job_id, first.job_id);
  assert.equal(told.nearest?.differences, 1);
  assert.deepEqual(told.first_difference, { path: "/seed", here: 43, there: 42 });
  assert.deepEqual([told.reason, told.hit, told.is_entry], ["computed", null, true]);
  assert.equal((await explain(bob, far.job_id)).nearest?.differences, 2);
  const hit = await explain(ann, await answered(openly(ann), water));
  assert.equal(hit.reason, "answered");
  assert.equal(hit.hit?.job_id, first.job_id);
  assert.deepEqual(hit.document, water);
  assert.deepEqual([hit.nearest, hit.first_difference], [null, null]);
});

test("a job that was told to run has its like of the same signature beside it, and differs in nothing", async () => {
  const document = { ...base, task: "no cache" };
  const first = await made(openly(ann), document);
  const anew = await made(openly(ann), document, { reuse: false });
  await sqlIn("UPDATE task_executions SET signature = NULL WHERE job_id = $1", [anew.job_id]);
  const told = await explain(ann, anew.job_id);
  assert.equal(told.reason, "no_cache");
  assert.equal(told.signature, first.signature);
  assert.deepEqual(told.document, document);
  assert.deepEqual(
    [told.nearest?.job_id, told.nearest?.differences, told.first_difference],
    [first.job_id, 0, null],
  );
});

test("the nearest is found among all of its molecule, however many others came since", async () => {
  const { items } = await perform(context, addMolecules, ann, { records: [{ text: "O", format: "smiles" }] });
  const molecule_id = items[0]?.molecule_id ?? "";
  const task = "of a molecule";
  const like = await made(openly(ann), { ...base, task, accuracy: "3" }, { molecule_id });
  await sqlIn(
    "UPDATE result_cache SET task_name = 'elsewhere', created_at = '2020-01-01' WHERE canonical_job_id = $1",
    [like.job_id],
  );
  await made(openly(ann), { ...base, task, accuracy: "4", method: "gfn1" });
  const asked = await made(openly(ann), { ...base, task, accuracy: "5" }, { molecule_id });
  assert.equal((await explain(ann, asked.job_id)).nearest?.job_id, like.job_id);
});

test("what has not run, or failed, is told so; a private entry is nobody's nearest; a private job is not there", async () => {
  const own = await made(privately(ann), { ...base, task: "private", seed: 1 });
  const open = await made(openly(bob), { ...base, task: "private", seed: 2 });
  assert.equal((await explain(bob, open.job_id)).nearest, null);
  assert.equal((await explain(admin, own.job_id)).document, null, "a private entry is its owner's alone");
  await assert.rejects(explain(bob, own.job_id), kind("not_found"));
  await assert.rejects(explain(bob, newId()), kind("not_found"));
  await assert.rejects(explain(bob, open.job_id, { task_name: "another" }), /it has run/);
  const { job_id } = await work(async ({ tx }) => {
    const { exec_id } = await startedTask(tx, openly(bob));
    return tx
      .selectFrom("task_executions")
      .select("job_id")
      .where("exec_id", "=", exec_id)
      .executeTakeFirstOrThrow();
  });
  const early = await explain(bob, job_id);
  assert.deepEqual([early.reason, early.signature, early.document], ["not_run", null, null]);
  await sqlIn("UPDATE tasks SET status = 'failed' WHERE job_id = $1", [job_id]);
  assert.equal((await explain(bob, job_id)).reason, "no_result");
});

test("statistics count what one may see: entries, hits, what they saved, by pipeline and task", async () => {
  const before = await stats(bob);
  const document = { ...base, task: "counted" };
  const bytes = await context.objects.put(org.org_id, Buffer.from("12345"));
  const { job_id } = await made(openly(ann), document, { pipeline: "counted" }, { uri: bytes.uri });
  await sqlIn(
    `INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum)
      SELECT $1, key, $2, 'text/plain', 5, $3 FROM unnest(ARRAY['run/out', 'run/again']) AS key`,
    [job_id, bytes.uri, bytes.checksum],
  );
  await made(privately(ann), document, { pipeline: "counted" });
  await answered(openly(bob), document);
  await answered(openly(bob), document);
  const [hers, his] = [await stats(ann), await stats(bob)];
  assert.equal(his.entries, before.entries + 1);
  assert.equal(hers.items.find(({ pipeline }) => pipeline === "counted")?.entries, 2);
  const row = his.items.find(({ pipeline }) => pipeline === "counted");
  assert.deepEqual(
    [row?.entries, row?.hits, row?.cpu_seconds_saved, row?.wall_seconds_saved, row?.expired],
    [1, 2, 6, 8, 0],
  );
  assert.equal(his.size_bytes, before.size_bytes + 5, "a file counts once");
  assert.equal(his.hit_rate, his.hits / (his.hits + his.entries));
});

test("pruning takes entries and leaves results; the expired where nothing is named; each sees and takes only what is theirs", async () => {
  const { job_id, signature } = await made(
    openly(ann),
    { ...base, task: "pruned" },
    {},
    { uri: `object:${"0".repeat(64)}` },
  );
  const own = await made(privately(ann), { ...base, task: "pruned" });
  await assert.rejects(prune(ann, { all: true }), kind("forbidden"));
  const set = (change: string) =>
    sqlIn(`UPDATE result_cache SET ${change} WHERE canonical_job_id = $1`, [job_id]);
  const counted = async (wish: object) => (await prune(admin, { ...wish, dry_run: true })).entries;
  assert.equal(await counted({}), 0);
  await set("expires_at = now() - interval '1 hour'");
  assert.equal(await counted({}), 1);
  assert.equal(await counted({ irreproducible: true }), 0);
  await set("expires_at = NULL, irreproducible_at = now()");
  assert.deepEqual([await counted({}), await counted({ irreproducible: true })], [0, 1]);
  await set("irreproducible_at = NULL, last_used_at = now() - interval '10 days'");
  assert.deepEqual([await counted({ unused_days: 9 }), await counted({ unused_days: 11 })], [1, 0]);
  assert.equal(await counted({ missing: true }), 1);
  const gone = await prune(admin, { missing: true });
  assert.deepEqual([gone.entries, gone.missing, gone.dry_run], [1, 1, false]);
  const left = await sqlIn("SELECT cache_key FROM result_cache WHERE signature = $1", [signature]);
  assert.deepEqual(left, [{ cache_key: `${own.signature}:${ann.user_id}` }]);
  assert.equal((await sqlIn("SELECT 1 FROM task_results WHERE job_id = $1", [job_id])).length, 1);
  await prune(admin, { all: true });
  assert.deepEqual(
    (await sqlIn("SELECT DISTINCT private_to FROM result_cache")).map(({ private_to }) => private_to),
    [ann.user_id],
    "an admin takes out what all share",
  );
  await sqlIn("UPDATE result_cache SET created_at = now() - interval '3 days'");
  assert.equal(await work(({ tx }) => pruneExpired(tx, { ttl_days: 4 })), 0);
  assert.ok((await work(({ tx }) => pruneExpired(tx, { ttl_days: 2 }))) > 0, "the upkeep takes everybody's");
});

test("many entries go in portions, and nobody who takes some out waits for one that is in use", async () => {
  const { job_id, signature } = await made(openly(ann), { ...base, task: "many" });
  await sqlIn(
    `INSERT INTO result_cache (cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id, confidence_score)
     SELECT s, s, '1', 'run', c.canonical_job_id, c.canonical_exec_id, 1
     FROM (SELECT encode(sha256(n::text::bytea), 'hex') AS s FROM generate_series(1, 2100) n) x,
       (SELECT * FROM result_cache WHERE canonical_job_id = $1) c`,
    [job_id],
  );
  const pruned = await work(async ({ tx }) => {
    await hitsUpdate([{ cache_key: signature, visibility: "organization" }])?.execute(tx);
    return prune(admin, { all: true });
  });
  assert.equal(pruned.entries, 2100);
  assert.deepEqual(await sqlIn("SELECT cache_key FROM result_cache WHERE private_to IS NULL"), [
    { cache_key: signature },
  ]);
});

test("rows of a job that was answered are those behind it, under its own id and marked", async () => {
  const document = { ...base, task: "linked" };
  const { job_id: from } = await made(openly(ann), document);
  const job_id = await answered(openly(bob), document);
  const links = await context.results.read(bob, ({ tx }) => resultJobIds(tx, [job_id, from, newId()]));
  assert.deepEqual(
    links.map((link) => [link.job_id, link.from_job_id, link.from_task_name]),
    [[job_id, from, "run"]],
  );
  const row = { job_id: from, task_name: "run", value: 1, created_at: "2026-01-01T00:00:00Z" };
  const rows = [row];
  const own = { ...row, cached_from_job_id: null };
  const taken = { ...row, job_id, cached_from_job_id: from };
  const of = (ids: string[], isOf = true) => underAskingJobs(ids, rows, links, () => isOf);
  assert.deepEqual(of([job_id]), [taken]);
  assert.deepEqual(of([from, job_id.toUpperCase(), job_id]), [own, taken]);
  assert.deepEqual(of([job_id], false), []);
});
