import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openCliHome } from "../cli/home.ts";

const home = openCliHome({ after });

test("a seeding killed at many moments is finished by the one that is let live, with everything once", async () => {
  // The cluster and its schema are other tests' matter.
  await home.json(["org", "list"]);
  let killed = 0;
  for (let delay_ms = 150; ; delay_ms *= 1.4) {
    const { child, ended } = home.start(["seed"]);
    const moment = new AbortController();
    const kill = sleep(delay_ms, undefined, { signal: moment.signal }).then(
      () => child.kill("SIGKILL"),
      () => false,
    );
    const ran = await ended;
    moment.abort();
    await kill;
    if (ran.code === 0) break;
    assert.equal(ran.code, null, ran.stderr);
    killed++;
  }
  assert.ok(killed >= 3, `only ${killed} were killed`);
  const metadata = async (sql: string) => home.rows<Record<string, unknown>>(sql, "--metadata");
  const counts =
    "select (select count(*) from roles) as roles, (select count(*) from pipeline_versions) as versions";
  assert.deepEqual(await metadata(counts), [{ roles: 5, versions: 5 }]);
  assert.deepEqual(
    await metadata("select name, status, state from organizations join org_databases using (org_id)"),
    [{ name: "default", status: "active", state: "active" }],
  );
  assert.deepEqual(await metadata("select hashed_password like '$argon2id$%' as hashed from users"), [
    { hashed: true },
  ]);
  const samples =
    "select count(*) as rows, count(distinct molecule_id) as molecules from registrations where 'sample' = any (tags)";
  assert.deepEqual(await home.rows(samples), [{ rows: 12, molecules: 12 }]);
  const again = await home.run(["seed"]);
  assert.deepEqual([again.code, again.stdout], [0, "everything was there\n"]);
});
