import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { NOBODY, type Principal } from "../access/principal.ts";
import { verifyChain } from "../audit/chain.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { countRequest } from "../limits/count-request.ts";
import { perform } from "../perform.ts";
import { configureOrgOperation, showSettingsOperation } from "./operations.ts";
import { type OrgSettings, SETTABLE, SETTING_KEYS, SETTING_NAMES } from "./setting-keys.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const owner = await person(context, org, "owner");
const scientist = await person(context, org, "scientist");
const stranger = await person(context, other, "owner");
const operator = context.admin_principal;

type Wish = { set?: { [key: string]: unknown }; unset?: string[] };
const show = (who: Principal) => perform(context, showSettingsOperation, who, { org: org.org_id });
const configure = (who: Principal, wish: Wish) =>
  perform(context, configureOrgOperation, who, { org: org.org_id, ...wish } as never);
const item = (settings: OrgSettings, key: string) => settings.items.find((one) => one.key === key);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

test("every key is shown with value, default and unit, whatever the organization says of it", async () => {
  const settings = await show(scientist);
  assert.deepEqual(
    settings.items.map((one) => one.key),
    SETTING_NAMES,
  );
  assert.deepEqual(item(settings, "cache_threshold"), {
    key: "cache_threshold",
    value: 0.8,
    default: 0.8,
    source: "default",
    unit: "share of passed checks",
    set_by: "organization",
    about: SETTING_KEYS.cache_threshold.about,
  });
  for (const one of settings.items) assert.equal(one.source, "default", one.key);
});

test("an owner sets and takes back settings; what was not named stays", async () => {
  await configure(owner, { set: { cache_threshold: 0.95, cache_ttl_days: 90 } });
  const changed = await configure(owner, {
    set: { backup_schedule: "weekly sun 03:30" },
    unset: ["cache_ttl_days", "rate_limit_per_minute"],
  });
  assert.deepEqual(
    ["cache_threshold", "cache_ttl_days", "backup_schedule"].map((key) => {
      const { value, source } = item(changed, key) ?? {};
      return [value, source];
    }),
    [
      [0.95, "organization"],
      [null, "default"],
      ["weekly sun 03:30", "organization"],
    ],
  );
  assert.deepEqual(await show(scientist), changed);
  const [row] = await context.superuser("SELECT config FROM org_settings WHERE org_id = $1", [org.org_id]);
  assert.deepEqual(row?.["config"], { cache_threshold: 0.95, backup_schedule: "weekly sun 03:30" });
  const rows = await context.superuser(
    "SELECT user_id, metadata FROM audit_logs WHERE org_id = $1 AND action = 'org.configure' ORDER BY seq",
    [org.org_id],
  );
  assert.deepEqual(rows[0], {
    user_id: owner.user_id,
    metadata: { set: { cache_threshold: "0.95", cache_ttl_days: "90" }, unset: [] },
  });
  assert.equal((await context.metadata.system((tx) => verifyChain(tx, org.org_id))).first_bad_seq, null);
});

test("quotas are the operator's, settings the owner's and the admins', and nobody else sees or sets them", async () => {
  await assert.rejects(configure(owner, { set: { concurrent_tasks: 9 } }), kind("forbidden"));
  await assert.rejects(
    configure(owner, { set: { cache_ttl_days: 5 }, unset: ["members"] }),
    kind("forbidden"),
  );
  assert.equal(item(await show(owner), "cache_ttl_days")?.value, null, "nothing of it was done");
  await assert.rejects(configure(scientist, { set: { cache_ttl_days: 5 } }), kind("forbidden"));
  for (const refused of [() => show(stranger), () => configure(stranger, { set: { cache_ttl_days: 5 } })])
    await assert.rejects(
      refused,
      (error: AppError) => kind("not_found")(error) && error.message === "no such organization",
    );
  const settings = await configure(operator, { set: { concurrent_tasks: 9, storage_bytes: 5e12 } });
  assert.deepEqual(
    [item(settings, "concurrent_tasks")?.value, item(settings, "storage_bytes")?.value],
    [9, 5e12],
  );
  const [row] = await context.superuser("SELECT quotas FROM organizations WHERE org_id = $1", [org.org_id]);
  assert.deepEqual(row?.["quotas"], { concurrent_tasks: 9, storage_bytes: 5e12 });
});

const BAD: [wish: Wish, message: RegExp][] = [
  [{}, /nothing was named/],
  [{ set: { cache_ttl_days: 1 }, unset: ["cache_ttl_days"] }, /cache_ttl_days is named twice/],
  [{ unset: ["members", "members"] }, /members is named twice/],
  [{ set: { cache_threshold: 1.01 } }, /set.cache_threshold/],
  [{ set: { cache_threshold: -0.1 } }, /set.cache_threshold/],
  [{ set: { cache_threshold: Number.NaN } }, /set.cache_threshold/],
  [{ set: { cache_threshold: Number.POSITIVE_INFINITY } }, /set.cache_threshold/],
  [{ set: { rate_limit_per_minute: 9 } }, /set.rate_limit_per_minute/],
  [{ set: { rate_limit_organization_per_minute: 59 } }, /set.rate_limit_organization_per_minute/],
  [{ set: { cache_ttl_days: 0 } }, /set.cache_ttl_days/],
  [{ set: { cache_ttl_days: 1.5 } }, /set.cache_ttl_days/],
  [{ set: { cache_ttl_days: "90" } }, /set.cache_ttl_days/],
  [{ set: { storage_bytes: 2 ** 60 } }, /set.storage_bytes/],
  [{ set: { backup_schedule: "daily 25:00" } }, /backup_schedule is a time of day/],
  [{ set: { backup_schedule: "daily 03:00\n" } }, /backup_schedule is a time of day/],
  [{ set: { storage_prefix: "elsewhere" } }, /set/],
  [{ set: { colour: "blue" } }, /set/],
  [{ unset: ["colour"] }, /unset/],
];

for (const [wish, message] of BAD) {
  test(`refused: ${JSON.stringify(wish)}`, async () => {
    const before = await show(operator);
    await assert.rejects(
      configure(operator, wish),
      (error: AppError) => (kind("usage")(error) || kind("bad_input")(error)) && message.test(error.message),
    );
    assert.deepEqual(await show(operator), before);
  });
}

test("two at once lose nothing of each other", async () => {
  const keys = ["cache_ttl_days", "events_retention_days", "outputs_retention_days", "rate_limit_per_minute"];
  await Promise.all(keys.map((key) => configure(owner, { set: { [key]: 30 } })));
  const settings = await show(owner);
  for (const key of keys) assert.equal(item(settings, key)?.value, 30, key);
});

test("a repeated request gets the first answer, and every settable key can be taken back", async () => {
  const ask = () =>
    perform(
      context,
      configureOrgOperation,
      operator,
      { org: org.org_id, unset: [...SETTABLE] },
      { idempotencyKey: "unset-all" },
    );
  const first = await ask();
  assert.ok(first.items.every((one) => one.source === "default"));
  await configure(owner, { set: { cache_ttl_days: 3 } });
  assert.deepEqual(await ask(), first);
  assert.equal(item(await show(owner), "cache_ttl_days")?.value, 3, "it was not done again");
});

test("the limits that an organization sets are those of its requests; where they can't be read, the defaults hold", async () => {
  await configure(owner, { set: { rate_limit_per_minute: 10, rate_limit_organization_per_minute: 60 } });
  const session = { ...owner, via: "session" as const, session_id: newId() };
  const asked = [];
  for (let n = 0; n < 11; n++) asked.push(await countRequest(context, session, "192.0.2.1"));
  assert.deepEqual(
    asked.map(({ allowed }) => allowed),
    [...Array<boolean>(10).fill(true), false],
  );
  assert.equal(asked[0]?.policy, '"each";q=10;w=60, "organization";q=60;w=60');
  const away = { system: async () => Promise.reject(new AppError("unavailable", "away")) };
  const doors = { cache: context.cache, metadata: away as unknown as typeof context.metadata };
  const { allowed, policy } = await countRequest(doors, { ...session, session_id: newId() }, "192.0.2.1");
  assert.deepEqual([allowed, policy], [true, '"each";q=600;w=60, "organization";q=6000;w=60']);
  const nobody = await countRequest(context, NOBODY, "192.0.2.1");
  assert.equal(nobody.policy, '"each";q=60;w=60');
});
