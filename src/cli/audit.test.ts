import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { newId } from "../ids.ts";
import { register } from "./audit.ts";
import type { AskOptions, Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";

type Asked = { name: string; input: object; how: AskOptions };

/** The command before somebody who answers always the same. */
async function run(words: string[], answer: object): Promise<{ asked: Asked[]; said: string }> {
  const asked: Asked[] = [];
  const said: string[] = [];
  const cli = {
    ask: async ({ name }: { name: string }, input: object, how: AskOptions) => {
      asked.push({ name, input, how });
      return answer;
    },
    out: { result: <T>(value: T, text: (value: T) => string) => void said.push(text(value)) },
  } as unknown as Cli;
  const program = new Command().exitOverride();
  register(program, cli);
  await program.parseAsync(["audit", ...words], { from: "user" });
  return { asked, said: said.join("\n") };
}

const ORG = newId();
const JOB = newId();
const chain = (first_bad_seq: number | null, org_id: string | null = ORG) => ({
  ...{ org_id, rows: 3, head: "a".repeat(64), first_bad_seq },
});

test("audit verify says how much is as written, of whom it was asked", async () => {
  const whole = { ok: true, items: [chain(null), chain(null, null)] };
  const { asked, said } = await run(["verify", "--all"], whole);
  assert.deepEqual(asked, [{ name: "audit.verify", input: { all: true }, how: { outside: true } }]);
  assert.equal(said, "6 rows in 2 chains: as written");
  const own = await run(["verify"], { ok: true, items: [{ ...chain(null), rows: 1 }] });
  assert.deepEqual([own.asked[0]?.input, own.asked[0]?.how], [{}, {}]);
  assert.equal(own.said, "1 row in 1 chain: as written");
});

test("audit verify ends with 1 where a row is not as it was", async () => {
  const broken = { ok: false, items: [chain(null), chain(2), chain(7, null)] };
  await assert.rejects(
    run(["verify", "--all"], broken),
    (error) => error instanceof ExitWith && error.code === 1,
  );
});

test("audit list asks for what its options name, and shows a line a row", async () => {
  const row = {
    ...{ seq: 9, audit_id: newId(), ts: "2026-11-21T08:00:00.123Z", user_id: newId(), username: null },
    ...{ action: "job.cancel", entity_type: "job", entity_id: JOB, job_id: JOB, pipeline_id: null },
    ...{ metadata: { jobs: 2, why: "text" }, names: {}, hash: "b".repeat(64) },
  };
  const words = [
    "--action",
    "job",
    "--entity",
    `job:${JOB}`,
    "--job",
    JOB,
    "--since",
    "2026-11-20",
    "--system",
  ];
  const { asked, said } = await run(["list", ...words], { items: [row], next_cursor: "more" });
  assert.deepEqual(asked, [
    {
      name: "audit.list",
      input: {
        ...{ action: "job", entity_type: "job", entity_id: JOB, job_id: JOB, system: true },
        since: "2026-11-20T00:00:00.000Z",
      },
      how: { outside: true },
    },
  ]);
  for (const part of [row.user_id, `job ${JOB}`, "jobs=2 why=text", "more: --cursor more"])
    assert.ok(said.includes(part), part);
});

test("audit list says the names of roles and people where they are known, and ids of those that are gone", async () => {
  const [ann, viewer, gone] = [newId(), newId(), newId()];
  const row = {
    ...{ seq: 9, audit_id: newId(), ts: "2026-11-21T08:00:00.123Z", user_id: newId(), username: "bob" },
    ...{ action: "member.roles", entity_type: "member", entity_id: ann, job_id: null, pipeline_id: null },
    ...{ metadata: { role_ids: [viewer], given: [gone], taken: [] }, hash: "b".repeat(64) },
    names: { [ann]: "ann", [viewer]: "viewer" },
  };
  const { said } = await run(["list"], { items: [row], next_cursor: null });
  assert.ok(said.includes(`member ${ann} (ann)`), said);
  assert.ok(said.includes(`roles=viewer given=["${gone}"] taken=[]`), said);
});
