import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { ask, databaseUrl, startTestServer } from "../../test/support/server.ts";
import { AppError } from "../errors.ts";
import { rotateCredentials } from "./rotate.ts";
import { addressOf } from "./servers.ts";
import { selectOptionalPlace } from "./store.ts";

const second = await startTestServer();
after(() => second.stop());
// An embedded server closes it to everybody; where it is not ours, whoever makes databases may enter.
await ask(second.superuser, "postgres", `GRANT CONNECT ON DATABASE postgres TO ${second.admin.user}`);
const url = databaseUrl(second.admin, "results_{org_id}");
const context = await openTestContext({ after }, { env: { RESULTS_DB_TEMPLATE: url } });
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

const databasesOf = (name: string) =>
  Promise.all(
    [context.admin, second.superuser].map(async (server) => {
      const rows = await ask(server, server.database, "SELECT 1 FROM pg_database WHERE datname = $1", [name]);
      return rows.length;
    }),
  );

test("a template that is a URL puts the organization on that server, and the directory says where without a password", async () => {
  const org = await makeOrg(context);
  assert.deepEqual(await databasesOf(org.database_name), [0, 1]);
  const scientist = await person(context, org, "scientist");
  await context.results.transact(scientist, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
  const place = await context.metadata.system((tx) => selectOptionalPlace(tx, org.org_id));
  assert.equal(place?.server_address, addressOf(second.admin));
  const servers = await context.superuser<{ text: string }>(
    "SELECT to_jsonb(s)::text AS text FROM database_servers s",
  );
  for (const { text } of servers) assert.ok(!text.includes(second.admin.password));

  await rotateCredentials(context, org.org_id);
  await context.results.transact(scientist, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
  assert.ok(place !== undefined);
  await context.provisioner.drop(place);
  assert.deepEqual(await databasesOf(org.database_name), [0, 0]);
  await context.superuser("DELETE FROM organizations WHERE org_id = $1", [org.org_id]);
});

test("an organization on a server that no setting names is unavailable, and says which server that is", async () => {
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  await context.superuser(
    "UPDATE database_servers SET address = 'gone.example:5432' WHERE name <> 'default'",
  );
  context.results.forget(org.org_id);
  await assert.rejects(
    context.results.read(scientist, async () => {}),
    (error: unknown) => kind("unavailable")(error) && /gone\.example:5432/.test(String(error)),
  );
  await assert.rejects(rotateCredentials(context, org.org_id), kind("unavailable"));
});
