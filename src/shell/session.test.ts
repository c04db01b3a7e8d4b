import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext } from "../../test/support/context.ts";
import { AppError } from "../errors.ts";
import { pastPooler, type ShellTarget, withSession } from "./session.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const target: ShellTarget = {
  address: await context.results.loginAddress(org.org_id),
  role: context.roles.system,
  viewer: { user_id: "", org_id: org.org_id, is_org_admin: false },
};

test("one statement is one, however another is hidden in it: nothing gets out of its transaction", async () => {
  await withSession(
    target,
    () => {},
    async (session) => {
      await assert.rejects(
        session.run(["select 1; commit; set role none"]),
        (error) =>
          error instanceof AppError && error.kind === "bad_input" && /multiple commands/.test(error.message),
      );
      const [result] = await session.run(["select current_user::text as who"]);
      assert.deepEqual(result?.rows, [[context.roles.system]]);
    },
  );
});

test("notices are told, and what the server adds to an error is its detail", async () => {
  const told: string[] = [];
  await withSession(
    target,
    (line) => told.push(line),
    async (session) => {
      await session.run(["do $$ begin raise notice 'watch out'; end $$"]);
      await assert.rejects(session.run(["select no_such from molecules"]), (error) => {
        assert.ok(error instanceof AppError);
        assert.equal(error.message, 'SQL: column "no_such" does not exist');
        return true;
      });
      await assert.rejects(session.run(["select smile from molecules"]), (error) => {
        assert.match((error as AppError).detail ?? "", /Perhaps you meant .*smiles/);
        return true;
      });
    },
  );
  assert.deepEqual(told, ["NOTICE: watch out"]);
});

test("a pooler is gone round with the same login, and a server that is not behind it stays", () => {
  const place = (host: string, port: number) => ({ host, port, user: "u", password: "p", database: "d" });
  const [pooler, direct] = [place("pool", 6432), { ...place("db", 5432), user: "root", ssl: true }];
  assert.deepEqual(pastPooler(place("pool", 6432), { pooler, direct }), { ...place("db", 5432), ssl: true });
  assert.deepEqual(pastPooler(place("other", 6432), { pooler, direct }), place("other", 6432));
  assert.deepEqual(pastPooler(place("pool", 5432), { pooler, direct }), place("pool", 5432));
});

test("what waits for the end of the transaction is told as of the end, and not of a statement that is none", async () => {
  await withSession(
    target,
    () => {},
    async (session) => {
      const deferred = [
        "create temp table waits (id int unique deferrable initially deferred)",
        "insert into waits values (1), (1)",
      ];
      await assert.rejects(session.run(deferred), (error) => {
        assert.match((error as AppError).message, /^SQL, at the end of the transaction: duplicate key/);
        return true;
      });
    },
  );
});
