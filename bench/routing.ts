import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type pg from "pg";
import type { OrgPrincipal } from "../src/access/principal.ts";
import type { Context } from "../src/context.ts";
import type { ServerAddress } from "../src/db/address.ts";
import { withClient } from "../src/db/connect.ts";
import { createOrgOperation } from "../src/orgs/operations.ts";
import type { Org } from "../src/orgs/schema.ts";
import { perform } from "../src/perform.ts";
import { derivePassword } from "../src/secrets.ts";
import { type Lab, openLab } from "./lab.ts";
import { alternate, type Benchmark, item, median } from "./measure.ts";

const QUERY = "SELECT job_id FROM jobs ORDER BY job_id DESC LIMIT 1";

export const benchmark: Benchmark = {
  name: "routing",
  about: "a read in an organization's database, beside the same statements on a bare connection",
  async run({ quick, say }) {
    await using lab = await openLab();
    // ORGS=1000 for the crowd of the goal; making them takes minutes.
    const count = Number(process.env["ORGS"] ?? (quick ? 12 : 40));
    const orgs: Org[] = [];
    for (let at = 0; at < count; at++) {
      const input = { name: `Routing ${at}` };
      orgs.push(await perform(lab.context, createOrgOperation, lab.principal, input));
    }
    const [warm, cold] = [await measureWarm(lab, quick ? 3 : 9), await measureCold(lab, orgs)];
    const crowd = await visitAll(
      lab.context,
      Array.from({ length: quick ? 4 : 10 }, () => orgs.map((org) => org.org_id)).flat(),
      64,
    );
    say(
      `${crowd.visits} visits of ${count} organizations by 64 at once: ${crowd.visits_per_s} a second, ${crowd.failed} failed`,
    );
    return [
      item("first query to a cold organization", "ms", cold.ours, cold.bare),
      item("the same, over the bare connect", "ms", cold.ours - cold.bare, null, { of: "value", most: 20 }),
      item("query to a warm organization", "ms", warm.ours, warm.bare),
      item("most connections while 64 visit at random", "connections", crowd.most_connections, null, {
        of: "value",
        most: crowd.budget,
      }),
    ];
  },
};

/** Each organization once, its place unknown and nothing open; every other one on a bare connection. */
async function measureCold(
  { context, principal }: Lab,
  orgs: Org[],
): Promise<{ ours: number; bare: number }> {
  const { a, b } = await alternate(
    orgs.length / 2,
    async (at) => {
      const { org_id } = orgs[2 * at] as Org;
      context.results.forget(org_id);
      return timed(() => read(context, { ...principal, org_id }));
    },
    async (at) => {
      const org = orgs[2 * at + 1] as Org;
      return timed(() =>
        withClient(loginOf(context, org), "bench", (client) =>
          bareRead(client, context, principal, org.org_id),
        ),
      );
    },
  );
  return { ours: median(a), bare: median(b) };
}

/** 200 reads in a row, on a connection that is open. */
async function measureWarm(
  { context, principal }: Lab,
  rounds: number,
): Promise<{ ours: number; bare: number }> {
  const READS = 200;
  const org = await perform(context, createOrgOperation, principal, { name: "Routing warm" });
  const viewer = { ...principal, org_id: org.org_id };
  return withClient(loginOf(context, org), "bench", async (client) => {
    const many = (one: () => Promise<unknown>) => async () => {
      const ms = await timed(async () => {
        for (let at = 0; at < READS; at++) await one();
      });
      return ms / READS;
    };
    const { a, b } = await alternate(
      rounds,
      many(() => read(context, viewer)),
      many(() => bareRead(client, context, principal, org.org_id)),
    );
    return { ours: median(a), bare: median(b) };
  });
}

function read(context: Context, principal: OrgPrincipal): Promise<unknown> {
  return context.results.read(principal, ({ tx }) => sql.raw(QUERY).execute(tx));
}

/** What the door does for a read, by hand and without asking whose database it is. */
async function bareRead(
  client: pg.Client,
  context: Context,
  principal: OrgPrincipal,
  orgId: string,
): Promise<void> {
  await client.query("BEGIN READ ONLY");
  await client.query(
    `SELECT set_config('role', $1, true), set_config('app.current_org_id', $2, true),
      set_config('app.current_user_id', $3, true), set_config('app.is_org_admin', 'on', true)`,
    [context.roles.member, orgId, principal.user_id],
  );
  await client.query(QUERY);
  await client.query("COMMIT");
}

function loginOf(context: Context, org: Org): ServerAddress {
  return {
    ...context.admin,
    user: org.database_name,
    password: derivePassword(context.secret, `results:${org.org_id}:1`).reveal(),
    database: org.database_name,
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export type Crowd = {
  visits: number;
  failed: number;
  seconds: number;
  visits_per_s: number;
  budget: number;
  /** As the server saw them, of this process to results databases. */
  most_connections: number;
};

/** Reads in each of the organizations, in random order and `concurrency` at once, and counts connections meanwhile. */
export async function visitAll(context: Context, orgIds: string[], concurrency: number): Promise<Crowd> {
  const left = orgIds
    .map((org_id) => ({ org_id, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ org_id }) => org_id);
  let [failed, watching, most_connections] = [0, true, 0];
  const watch = withClient(context.admin, "bench watch", async (client) => {
    while (watching) {
      const { rows } = await client.query<{ n: number }>(
        `SELECT count(*) AS n FROM pg_stat_activity
          WHERE application_name LIKE 'aliquot % ' || $1 AND datname <> current_database()`,
        [String(process.pid)],
      );
      most_connections = Math.max(most_connections, rows[0]?.n ?? 0);
      await sleep(5);
    }
  });
  const visitor = async () => {
    for (let org_id = left.pop(); org_id !== undefined; org_id = left.pop()) {
      const visit = context.results.forMachinery(org_id, ({ tx }) => sql.raw(QUERY).execute(tx));
      await visit.catch(() => failed++);
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: concurrency }, visitor)));
  watching = false;
  await watch;
  const seconds = ms / 1000;
  const visits_per_s = Math.round(orgIds.length / seconds);
  const { budget } = context.results.stats();
  return { visits: orgIds.length, failed, seconds, visits_per_s, budget, most_connections };
}
