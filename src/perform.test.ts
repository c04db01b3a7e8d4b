import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { type Static, type TSchema, Type } from "typebox";
import { makeOrg, openTestContext, person } from "../test/support/context.ts";
import { VALID } from "../test/support/valid-inputs.ts";
import { CIRCUMSTANCES, PERMISSIONS, type Permission } from "./access/permissions.ts";
import { NOBODY, type OrgPrincipal, type Principal } from "./access/principal.ts";
import { verifyChain } from "./audit/chain.ts";
import type { MetadataTx } from "./db/metadata.ts";
import { AppError } from "./errors.ts";
import { OPERATIONS } from "./features.ts";
import { requestHash } from "./idempotency.ts";
import { sha256 } from "./ids.ts";
import { addMolecules } from "./molecules/operations.ts";
import { type Operation, operation } from "./operation.ts";
import { createOrgOperation } from "./orgs/operations.ts";
import { perform } from "./perform.ts";
import type { Services } from "./services.ts";
import { insertStructure } from "./structures/store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const colleague = await person(context, org, "scientist");

const operations = OPERATIONS as unknown as Operation[];

/** Whoever touches anything of it has gone on although the door should have been shut. */
const untouchable = new Proxy({} as Services, {
  get(_target, name) {
    throw new Error(`the use case was reached: it asked for ${String(name)}`);
  },
});

const everything: OrgPrincipal = { ...scientist, permissions: new Set(PERMISSIONS) };
/** Inputs of things that there are, where the use case looks for them beside the key. */
const AGAIN: Record<string, { [key: string]: unknown }> = {
  "org.rotate_credentials": { org: org.org_id },
};
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

test("every operation has a valid input in this test's list, a permission of the closed list and a name of its own", () => {
  assert.deepEqual(operations.map((one) => one.name).toSorted(), Object.keys(VALID).toSorted());
  for (const one of operations) {
    assert.ok(([...PERMISSIONS, ...CIRCUMSTANCES] as string[]).includes(one.permission), one.name);
    assert.match(one.name, /^[a-z]+\.[a-z_]+$/);
    if (one.http.method !== "GET" && one.http.reads !== true)
      assert.ok(one.told !== undefined, `${one.name} changes something and is not audited`);
    else assert.equal(one.told, undefined, one.name);
  }
});

/** What each circumstance refuses: a stranger, and a key that stands for a person. */
const BY_CIRCUMSTANCE: Record<string, [who: Principal, met: string][]> = {
  anyone: [],
  signed_in: [[NOBODY, "unauthenticated"]],
  in_person: [
    [NOBODY, "unauthenticated"],
    [{ ...everything, via: "key" }, "forbidden"],
  ],
};

for (const one of operations) {
  test(`${one.name} is refused to who lacks ${one.permission}, before anything is touched`, async () => {
    const refused = BY_CIRCUMSTANCE[one.permission];
    for (const [who, met] of refused ?? [])
      await assert.rejects(perform(untouchable, one, who, VALID[one.name]), kind(met));
    if (refused !== undefined) return;
    const rest = PERMISSIONS.filter((name): name is Permission => name !== one.permission);
    const principal = { ...scientist, permissions: new Set(rest) };
    await assert.rejects(perform(untouchable, one, principal, VALID[one.name]), kind("forbidden"));
    const nobody = { ...scientist, permissions: new Set<Permission>() };
    await assert.rejects(perform(untouchable, one, nobody, VALID[one.name]), kind("forbidden"));
  });

  test(`${one.name} refuses input with another field or of another shape, and names the field`, async () => {
    const valid = VALID[one.name] ?? {};
    const bad: unknown[] = [{ ...valid, unexpected: 1 }, null, [], "text", 42, undefined];
    for (const [field, value] of Object.entries(valid)) {
      bad.push({ ...valid, [field]: Array.isArray(value) ? {} : [] });
      bad.push({ ...valid, [field]: null });
      if (typeof value === "number")
        bad.push({ ...valid, [field]: -1 }, { ...valid, [field]: 0.5 }, { ...valid, [field]: 1e9 });
      if (field.endsWith("_id")) bad.push({ ...valid, [field]: "' OR true --" });
    }
    for (const input of bad) {
      await assert.rejects(
        perform(untouchable, one, everything, input),
        (error: AppError) =>
          kind("bad_input")(error) && error.fields.length > 0 && !/schema|pattern/.test(error.message),
        JSON.stringify(input),
      );
    }
  });

  if (one.tx === "results") {
    test(`${one.name} needs an organization`, async () => {
      const nowhere = { ...everything, org_id: null };
      await assert.rejects(perform(untouchable, one, nowhere, VALID[one.name]), kind("usage"));
    });
  }
}

const Named = Type.Object({ name: Type.String() }, { additionalProperties: false });
type Told = NonNullable<Extract<Operation, { tx: "results" }>["told"]>;

/** An operation of this test: keeps a structure, and may fail after it. */
function keeping(told: Told, failing = false): Operation<typeof Named, TSchema> {
  return operation<typeof Named, TSchema>({
    name: "test.keep",
    summary: "",
    permission: "structures:write",
    http: { method: "POST", path: "/test" },
    tx: "results",
    input: Named,
    output: Type.Unknown(),
    told: (input, answer) => told(input, answer),
    async run({ scope, principal }, { name }) {
      const row = await insertStructure(scope.tx, {
        molecule_id: null,
        kind: "conformer",
        name,
        format: "xyz",
        uri: `object:${sha256(name)}`,
        size_bytes: 1,
        checksum: `sha256:${sha256(name)}`,
        charge: 0,
        multiplicity: 1,
        geometry_hash: null,
        preparation: {},
        source: "test",
        owner_id: principal.user_id,
        visibility: "organization",
      });
      if (failing) throw new AppError("conflict", "it failed after it wrote");
      return { structure_id: row.structure_id };
    },
  });
}

const kept = async (name: string) =>
  (await context.superuser("SELECT structure_id FROM structures WHERE name = $1", [name], org.database_name))
    .length;
const audited = async (entity_id: string) =>
  (await context.superuser("SELECT 1 FROM audit_logs WHERE entity_id = $1", [entity_id])).length;

test("a change in an organization's database and its audit row are one transaction, and the row reaches the chain", async () => {
  const done = keeping((input) => ({
    entity_type: "structure",
    entity_id: (input as Static<typeof Named>).name,
  }));
  await perform(context, done, scientist, { name: "kept" });
  assert.equal(await kept("kept"), 1);
  assert.equal(await audited("kept"), 1);
  const [row] = await context.superuser(
    "SELECT org_id, user_id, action, metadata FROM audit_logs WHERE entity_id = 'kept'",
  );
  assert.deepEqual(row, {
    org_id: org.org_id,
    user_id: scientist.user_id,
    action: "test.keep",
    metadata: {},
  });
});

test("what can't be audited does not happen, and what failed is not audited", async () => {
  const broken = keeping(() => {
    throw new Error("no audit entry");
  });
  await assert.rejects(perform(context, broken, scientist, { name: "unaudited" }));
  assert.equal(await kept("unaudited"), 0);
  const failing = keeping(() => ({ entity_type: "structure", entity_id: "failed" }), true);
  await assert.rejects(perform(context, failing, scientist, { name: "failed" }), kind("conflict"));
  assert.equal(await kept("failed"), 0);
  assert.equal(await audited("failed"), 0);
});

test("in the metadata database a change and its audit row are one transaction too", async () => {
  const note = (failing: boolean): Operation<typeof Named, TSchema> =>
    operation<typeof Named, TSchema>({
      name: "test.note",
      summary: "",
      permission: "structures:write",
      http: { method: "POST", path: "/test" },
      tx: "metadata",
      input: Named,
      output: Type.Unknown(),
      told: (input) => {
        if (failing) throw new Error("no audit entry");
        return { entity_type: "note", entity_id: input.name };
      },
      async run({ tx, principal }, { name }) {
        await tx
          .insertInto("idempotency_keys")
          .values({
            principal_id: principal.user_id,
            operation: "note",
            key: name,
            request_hash: sha256(name),
          })
          .execute();
        return { name };
      },
    });
  const noted = async (name: string) =>
    (await context.superuser("SELECT 1 FROM idempotency_keys WHERE operation = 'note' AND key = $1", [name]))
      .length;
  await perform(context, note(false), scientist, { name: "one" });
  assert.deepEqual([await noted("one"), await audited("one")], [1, 1]);
  await assert.rejects(perform(context, note(true), scientist, { name: "two" }));
  assert.deepEqual([await noted("two"), await audited("two")], [0, 0]);
  const report = await context.metadata.system((tx) => verifyChain(tx, org.org_id));
  assert.equal(report.first_bad_seq, null);
});

const done = keeping((input) => ({
  entity_type: "structure",
  entity_id: (input as Static<typeof Named>).name,
}));

test("the same key gets the same answer and does nothing again; without a key everything is done anew", async () => {
  const options = { idempotencyKey: "k1" };
  const first = await perform(context, done, scientist, { name: "once" }, options);
  assert.deepEqual(await perform(context, done, scientist, { name: "once" }, options), first);
  assert.deepEqual([await kept("once"), await audited("once")], [1, 1]);
  await perform(context, done, scientist, { name: "once" });
  assert.equal(await kept("once"), 2);
});

test("the same key with another request is refused; another person's key is another key", async () => {
  const options = { idempotencyKey: "k2" };
  await perform(context, done, scientist, { name: "mine" }, options);
  await assert.rejects(
    perform(context, done, scientist, { name: "not mine" }, options),
    kind("idempotency_mismatch"),
  );
  await perform(context, done, colleague, { name: "not mine" }, options);
  assert.deepEqual([await kept("mine"), await kept("not mine")], [1, 1]);
});

test("the same request five times at once is done once, and all get its answer", async () => {
  const answers = await Promise.all(
    Array.from({ length: 5 }, () =>
      perform(context, done, scientist, { name: "at once" }, { idempotencyKey: "k3" }),
    ),
  );
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  assert.equal(await kept("at once"), 1);
});

test("a request that failed may be asked again under its key, and a key lives 24 hours", async () => {
  const failing = keeping(() => ({ entity_type: "structure" }), true);
  const options = { idempotencyKey: "k4" };
  await assert.rejects(perform(context, failing, scientist, { name: "later" }, options), kind("conflict"));
  await perform(context, done, scientist, { name: "later" }, options);
  assert.equal(await kept("later"), 1);
  await context.superuser(
    "UPDATE idempotency_keys SET expires_at = now() - interval '1 s'",
    [],
    org.database_name,
  );
  await perform(context, done, scientist, { name: "another after a day" }, options);
  assert.equal(await kept("another after a day"), 1);
});

test("org.create under a key answers the same organization again", async () => {
  const create = (name: string) =>
    perform(context, createOrgOperation, context.admin_principal, { name }, { idempotencyKey: "org-1" });
  const first = await create("Keyed lab");
  assert.deepEqual(await create("Keyed lab"), first);
  await assert.rejects(create("Other lab"), kind("idempotency_mismatch"));
});

test("the first write of a day makes the months that are missing", async () => {
  const fresh = await makeOrg(context);
  const writer = await person(context, fresh, "scientist");
  const ask = (text: string) => context.superuser<{ part: string }>(text, [], fresh.database_name);
  const [month] = await ask(
    "SELECT 'job_events_' || to_char((now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYY_MM') AS part",
  );
  await ask(`DROP TABLE ${month?.part}`);
  const add = () =>
    perform(context, addMolecules, writer, { records: [{ text: "CCO", format: "smiles" as const }] });
  await add();
  assert.deepEqual(await ask(`SELECT to_regclass('${month?.part}')::text AS part`), [month]);
  await ask(`DROP TABLE ${month?.part}`);
  await add();
  assert.deepEqual(await ask(`SELECT to_regclass('${month?.part}')::text AS part`), [{ part: null }], "once");
});

test("org.create that failed half-way is finished under the same key", {}, async () => {
  const create = () =>
    perform(
      context,
      createOrgOperation,
      context.admin_principal,
      { name: "Half lab" },
      { idempotencyKey: "org-2" },
    );
  const { provisionIntent } = context.provisioner;
  context.provisioner.provisionIntent = async (intent) => {
    await intent;
    throw new AppError("unavailable", "the server went away");
  };
  await assert.rejects(create(), kind("unavailable"));
  context.provisioner.provisionIntent = provisionIntent;
  assert.equal((await create())?.status, "active");
});

test("a request's hash does not depend on the order of its keys, and tells any two requests apart", () => {
  const value = fc.jsonValue();
  const shuffled = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(shuffled);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(
      Object.entries(item)
        .reverse()
        .map(([key, field]) => [key, shuffled(field)]),
    );
  };
  const hashOf = (item: unknown) => requestHash(item, { fingerprint: sha256 });
  fc.assert(fc.property(value, (item) => hashOf(item) === hashOf(shuffled(item))));
  const plain = fc.dictionary(
    fc.constantFrom("a", "b"),
    fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant("1")),
  );
  fc.assert(
    fc.property(plain, plain, (a, b) => {
      let same = true;
      try {
        assert.deepStrictEqual({ ...a }, { ...b });
      } catch {
        same = false;
      }
      return (hashOf(a) === hashOf(b)) === same;
    }),
  );
});

for (const one of operations.filter(({ tx, told }) => tx === "own" && told !== undefined)) {
  test(`${one.name} answers a request that comes again from what was kept, or takes no key`, async () => {
    const key = `again-${one.name}`;
    const principal: Principal = { ...everything, is_admin: true };
    const input = AGAIN[one.name] ?? VALID[one.name];
    const kept = { kept: one.name };
    const count = async () =>
      (await context.superuser("SELECT 1 FROM idempotency_keys WHERE key = $1", [key])).length;
    if (one.repeats === false) {
      await perform(context, one, principal, input, { idempotencyKey: key }).catch(() => {});
      assert.equal(await count(), 0, "it holds no key");
      return;
    }
    await context.superuser(
      `INSERT INTO idempotency_keys (principal_id, operation, key, request_hash, answer) VALUES ($1, $2, $3, $4, $5)`,
      [
        principal.user_id,
        one.name,
        key,
        requestHash({ org_id: principal.org_id, input }, context.tokens),
        JSON.stringify(kept),
      ],
    );
    let replays = 0;
    const replayed = () => void replays++;
    const answer = await perform({ ...context, answered: () => {} }, one, principal, input, {
      idempotencyKey: key,
      replayed,
    });
    assert.deepEqual([answer, replays], [kept, 1]);
  });
}

test("an operation with transactions of its own gives up where nobody waits, and takes back what it wrote", async () => {
  const configure = operations.find(({ name }) => name === "org.configure") as Operation;
  const principal: Principal = { ...everything, is_admin: true };
  const input = { org: org.org_id, set: { cache_threshold: 0.77 } };
  const kept = async () =>
    (
      await context.superuser(
        "SELECT 1 FROM org_settings WHERE org_id = $1 AND config ->> 'cache_threshold' = '0.77'",
        [org.org_id],
      )
    ).length;
  const why = new Error("left");
  await assert.rejects(
    perform(context, configure, principal, input, { signal: AbortSignal.abort(why) }),
    why,
  );
  assert.equal(await kept(), 0);
  // Whoever leaves while it works: after its first statement, before its commit.
  const late = new AbortController();
  const { metadata } = context;
  const leaving: Services = {
    ...context,
    metadata: {
      system: (work: (tx: MetadataTx) => Promise<unknown>) =>
        metadata.system((tx) => {
          const answer = work(tx);
          late.abort(why);
          return answer;
        }),
    } as unknown as Services["metadata"],
  };
  await assert.rejects(perform(leaving, configure, principal, input, { signal: late.signal }), why);
  assert.equal(await kept(), 0);
  await perform(context, configure, principal, input);
  assert.equal(await kept(), 1);
});
