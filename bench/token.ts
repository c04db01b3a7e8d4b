import { principalOf } from "../src/access/authenticate.ts";
import { hashPassword } from "../src/access/passwords.ts";
import { NOBODY } from "../src/access/principal.ts";
import { createKeyOperation, login } from "../src/identity/operations.ts";
import { perform } from "../src/perform.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, type Item, item, median, percentile } from "./measure.ts";

const PASSWORD = "correct horse battery staple";
const GOAL_MS = 0.2;

export const benchmark: Benchmark = {
  name: "token",
  about: "who asks: an access token and an API key that are remembered, and the first look at one",
  async run({ quick, say }) {
    await using lab = await openLab();
    const times = quick ? 2000 : 20_000;
    const items: Item[] = [];
    for (const [what, credential] of Object.entries(await credentials(lab))) {
      const remembered = await measure(lab, credential, times);
      const first = await measure(lab, credential, times / 100, () => lab.context.access.forget(userOf(lab)));
      const goal = { of: "value", most: GOAL_MS } as const;
      say(
        `${what}: ${(median(remembered) * 1000).toFixed(0)} µs remembered, ${median(first).toFixed(2)} ms first`,
      );
      items.push(
        item(`${what}, remembered`, "ms", median(remembered), null, goal),
        item(`${what}, remembered, p99`, "ms", percentile(remembered, 0.99), null, goal),
        item(`${what}, looked up`, "ms", median(first)),
      );
    }
    // Passwords are checked in the threads that everything shares: a token must not wait for them.
    const { access_token = "" } = await credentials(lab);
    let going = true;
    const load = Array.from({ length: 16 }, async () => {
      while (going) await lab.context.passwords.verify(PASSWORD, null).catch(() => undefined);
    });
    const beside = await measure(lab, access_token, times / 10, () => new Promise(setImmediate));
    going = false;
    await Promise.all(load);
    items.push(item("access token while 16 sign in, p99", "ms", percentile(beside, 0.99)));
    return items;
  },
};

const userOf = ({ principal }: Lab): string => principal.user_id;

async function credentials({ context, principal }: Lab): Promise<Record<string, string>> {
  const hash = await hashPassword(PASSWORD);
  await context.metadata.system((tx) =>
    tx.updateTable("users").set({ hashed_password: hash }).where("user_id", "=", principal.user_id).execute(),
  );
  const asker = { ...NOBODY, address: "192.0.2.1" };
  const session = await perform(context, login, asker, { username: "admin", password: PASSWORD });
  const { key } = await perform(context, createKeyOperation, principal, { name: "bench" });
  return { access_token: session.access_token, api_key: key ?? "" };
}

/** How long each check took, with what comes before it left out. */
async function measure(
  { context }: Lab,
  credential: string,
  times: number,
  before: () => unknown = () => undefined,
): Promise<number[]> {
  const asking = { authorization: `Bearer ${credential}`, address: "192.0.2.1", request_id: "bench" };
  for (let n = 0; n < times / 10; n++) await principalOf(context, asking);
  const taken: number[] = [];
  for (let n = 0; n < times; n++) {
    await before();
    const began = performance.now();
    await principalOf(context, asking);
    taken.push(performance.now() - began);
  }
  return taken;
}
