import assert from "node:assert/strict";
import { after, test } from "node:test";
import type pg from "pg";
import { openTestContext } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import { KeptClients } from "./kept.ts";

const context = await openTestContext({ after });
const application = `aliquot kept ${process.pid}`;

const pidOf = async (client: pg.Client) => {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid;
};

const sessions = () =>
  context.superuser<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name = $1", [
    application,
  ]);

test("the next one gets the same session, and nothing that it set or locked", async () => {
  await using clients = new KeptClients();
  const first = await clients.lend(context.admin, application, async (client) => {
    await client.query(
      "SET statement_timeout = '7s'; SELECT pg_advisory_lock(7, 7); CREATE TEMP TABLE mine ()",
    );
    return pidOf(client);
  });
  await clients.lend(context.admin, application, async (client) => {
    assert.equal(await pidOf(client), first);
    const { rows } = await client.query(
      `SELECT current_setting('statement_timeout') AS patience, to_regclass('pg_temp.mine') AS mine,
         (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
         current_setting('TimeZone') AS zone`,
    );
    assert.deepEqual(rows[0], { patience: "0", mine: null, locks: 0, zone: "UTC" });
  });
});

test("two at once have two sessions, of which one is kept until the end", async () => {
  const clients = new KeptClients();
  await clients.lend(context.admin, application, async (one) => {
    await clients.lend(context.admin, application, async (two) => {
      assert.notEqual(await pidOf(one), await pidOf(two));
    });
  });
  await until("one is closed", async () => (await sessions()).length === 1);
  await clients[Symbol.asyncDispose]();
  await until("none is left", async () => (await sessions()).length === 0);
});

test("a session in which something failed, or that the server ended, is not lent again", async () => {
  await using clients = new KeptClients();
  const fail = clients.lend(context.admin, application, (client) => client.query("SELECT 1 / 0"));
  await assert.rejects(fail);
  await until("it is closed", async () => (await sessions()).length === 0);
  const ended = await clients.lend(context.admin, application, pidOf);
  await context.superuser("SELECT pg_terminate_backend($1)", [ended]);
  await until("it is gone", async () => (await sessions()).length === 0);
  assert.notEqual(await clients.lend(context.admin, application, pidOf), ended);
});
