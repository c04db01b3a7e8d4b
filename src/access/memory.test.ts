import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCESS_BELIEVED_MS, AccessMemory } from "./memory.ts";
import { NOBODY, type Principal } from "./principal.ts";

const who = (user_id: string, org_id: string | null = "lab"): Principal => ({ ...NOBODY, user_id, org_id });

function make(most = 100) {
  const clock = { ms: 0 };
  const memory = new AccessMemory({ now: () => clock.ms, most });
  let looked = 0;
  const ask = (credential: string, user = "ann", org: string | null = "lab") =>
    memory.of(credential, async () => {
      looked++;
      return who(user, org);
    });
  return { clock, memory, ask, looked: () => looked };
}

test("a credential is looked up once in ten seconds, also by many at once", async () => {
  const { clock, ask, looked } = make();
  await Promise.all(Array.from({ length: 50 }, () => ask("one")));
  clock.ms += ACCESS_BELIEVED_MS - 1;
  await ask("one");
  assert.equal(looked(), 1);
  clock.ms += 1;
  await ask("one");
  await ask("two");
  assert.equal(looked(), 3);
});

test("a credential that was good is known to have been, until it is refused or forgotten", async () => {
  const { clock, memory, ask } = make();
  assert.equal(memory.knew("one"), false);
  await ask("one");
  clock.ms += ACCESS_BELIEVED_MS;
  assert.equal(memory.knew("one"), true);
  await assert.rejects(
    memory.of("one", () => Promise.reject(new Error("revoked"))),
    /revoked/,
  );
  assert.equal(memory.knew("one"), false);
  await ask("one");
  memory.forget("ann");
  assert.equal(memory.knew("one"), false);
});

test("what fails is not remembered", async () => {
  const { memory, ask, looked } = make();
  const broken = () => memory.of("one", () => Promise.reject(new Error("away")));
  await Promise.all([assert.rejects(broken(), /away/), assert.rejects(broken(), /away/)]);
  await ask("one");
  assert.equal(looked(), 1);
});

test("a person is forgotten, or an organization, and nobody else", async () => {
  const { memory, ask, looked } = make();
  await ask("anns", "ann");
  await ask("bobs", "bob");
  await ask("elsewhere", "ann", "other");
  memory.forget("bob");
  await ask("anns", "ann");
  assert.equal(looked(), 3);
  await ask("bobs", "bob");
  assert.equal(looked(), 4);
  memory.forgetOrganization("lab");
  await ask("elsewhere", "ann", "other");
  assert.equal(looked(), 4);
  await ask("anns", "ann");
  assert.equal(looked(), 5);
});

test("what was being read when somebody was forgotten is not kept, and not shared with who asks after", async () => {
  const { memory } = make();
  const answers: ((principal: Principal) => void)[] = [];
  const look = () => new Promise<Principal>((resolve) => answers.push(resolve));
  const before = memory.of("one", look);
  memory.forget("ann");
  const after = memory.of("one", look);
  assert.equal(answers.length, 2);
  answers[1]?.(who("now"));
  answers[0]?.(who("then"));
  assert.deepEqual([(await before).user_id, (await after).user_id], ["then", "now"]);
  assert.equal((await memory.of("one", look)).user_id, "now");
});

test("its memory is bounded: the oldest goes", async () => {
  const { ask, looked } = make(3);
  for (const credential of ["1", "2", "3", "4"]) await ask(credential);
  await ask("4");
  await ask("2");
  assert.equal(looked(), 4);
  await ask("1");
  assert.equal(looked(), 5);
});
