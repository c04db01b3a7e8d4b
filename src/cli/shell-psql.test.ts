import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findPsql, psqlEnv } from "./shell-psql.ts";

const address = {
  host: "/run/here",
  port: 5433,
  user: "results_x",
  password: "s3cret",
  database: "results_x",
};
const target = {
  address,
  role: "aliquot_member",
  viewer: {
    user_id: "01a1fe29-0000-7183-9923-8edaf77b1628",
    org_id: "01a1fe29-0000-7183-9923-8edaf77b1629",
    is_org_admin: true,
  },
};

test("psql is taken from version 15 on, from the PATH before Debian's folder", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-psql-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = (place: string, says: string) => {
    mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, place, "psql"), `#!/bin/sh\n${says}\n`);
    chmodSync(join(folder, place, "psql"), 0o755);
    return join(folder, place);
  };
  const old = program("old", "echo 'psql (PostgreSQL) 14.11'");
  const broken = program("broken", "exit 1");
  const right = program("right", "echo 'psql (PostgreSQL) 17beta2 (Debian 17)'");
  const debian = join(folder, "debian");
  assert.equal(await findPsql([old, broken, "/no/such"].join(":"), debian), undefined);
  assert.equal(await findPsql([old, broken, right].join(":"), debian), join(right, "psql"));
  const [nine, sixteen] = [
    program("debian/9.6/bin", "exit 1"),
    program("debian/16/bin", "echo 'psql (PostgreSQL) 16.2'"),
  ];
  program("debian/15/bin", "echo 'psql (PostgreSQL) 15.2'");
  assert.ok(nine);
  assert.equal(await findPsql(old, debian), join(sixteen, "psql"));
});

test("psql gets role, settings and password by its environment, and nothing of the caller's PG* or secrets", () => {
  const env = psqlEnv(
    {
      PATH: "/bin",
      TERM: "xterm",
      PGHOST: "elsewhere",
      PGSERVICE: "x",
      ADMIN_PASSWORD: "a",
      ALIQUOT_SECRET_KEY: "b",
      DATABASE_URL: "c",
      RESULTS_DB_TEMPLATE: "postgresql://user:password@host/results_{org_id}",
      AWS_SECRET_ACCESS_KEY: "d",
      LC_ALL: "C.UTF-8",
      PSQL_PAGER: "less",
    },
    target,
  );
  const { PGPASSWORD, PGHOST, ...rest } = env;
  assert.deepEqual([PGHOST, PGPASSWORD], ["/run/here", "s3cret"]);
  assert.deepEqual(rest, {
    PATH: "/bin",
    TERM: "xterm",
    LC_ALL: "C.UTF-8",
    PSQL_PAGER: "less",
    PGPORT: "5433",
    PGUSER: "results_x",
    PGDATABASE: "results_x",
    PGSSLMODE: "disable",
    PGAPPNAME: "aliquot shell",
    PGCLIENTENCODING: "UTF8",
    PGOPTIONS: `-c role=aliquot_member -c app.current_org_id=${target.viewer.org_id} -c app.current_user_id=${target.viewer.user_id} -c app.is_org_admin=on -c timezone=UTC`,
  });
});

test("a server that speaks TLS is spoken to in TLS, as strictly as its address says", () => {
  const mode = (ssl: boolean | { rejectUnauthorized: boolean }) =>
    psqlEnv({}, { ...target, address: { ...address, ssl } })["PGSSLMODE"];
  assert.deepEqual(
    [mode(false), mode({ rejectUnauthorized: false }), mode(true), mode({ rejectUnauthorized: true })],
    ["disable", "require", "verify-full", "verify-full"],
  );
});
