import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import { isBlank, refuseUnfit, splitSql, statementsOf } from "./split.ts";

const usage = (words: RegExp) => (error: unknown) =>
  error instanceof AppError && error.kind === "usage" && words.test(error.message);

test("a semicolon ends a statement, unless it stands where it means nothing", () => {
  const whole = [
    "select 'a;b'",
    "select 'it''s; fine'",
    "select E'it\\'s; fine'",
    "select e'a\\\\'",
    'select 1 as "a;b"',
    'select 1 as "a"";b"',
    "do $$ begin; end $$",
    "do $body$ select '$$;'; $body$",
    "select 1 -- not; here",
    "select /* nor; /* here; */ ; */ 1",
    "create rule r as on insert to t do also (select 1; select 2)",
    "select a$b$ from t",
    "create function f() returns int begin atomic select 1; select case when true then 2 end; end",
    "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC insert into t values (1); end",
    "create table begin_x (id int)",
    "select case when true then 1 end",
    "select $1",
    "select 'naïve; ü' as été",
  ];
  for (const statement of whole)
    assert.deepEqual(splitSql(`${statement}\n;select 2;`).statements, [statement, "select 2"], statement);
  assert.deepEqual(splitSql(";;; -- nothing;\n ;"), { statements: [], rest: "" });
});

test("what is not ended goes on in the next line", () => {
  for (const begun of [
    "select 1",
    "select 'a;",
    "/* a;",
    "do $$ x;",
    "create function f() returns int begin atomic select 1;",
    'select "a;',
    "select (1;",
    "select E'a\\';",
  ]) {
    const { statements, rest } = splitSql(`select 0; ${begun}`);
    assert.deepEqual(statements, ["select 0"]);
    assert.equal(rest.trim(), begun);
  }
  assert.ok(isBlank(" -- a\n /* b; */ \n"));
  assert.ok(!isBlank(" -- a\n x"));
});

test("the last statement needs no semicolon; none at all is refused", () => {
  assert.deepEqual(statementsOf("select 1; select 2"), ["select 1", "select 2"]);
  for (const empty of ["", " \n", ";", "-- only a comment", "/* x */;"])
    assert.throws(() => statementsOf(empty), usage(/no SQL to run.*-c/), empty);
});

test("what begins or ends a transaction, wants a stream or is psql's own is refused in words", () => {
  for (const text of [
    "begin",
    "START  transaction read only",
    "-- x\ncommit",
    "/* y */ End",
    "rollback to a",
    "savepoint a",
  ])
    assert.throws(
      () => refuseUnfit(text),
      usage(/not taken here: statements .* together are one transaction/),
      text,
    );
  for (const text of ["copy t from stdin", "COPY (select 1) TO STDOUT with csv"])
    assert.throws(() => refuseUnfit(text), usage(/psql/), text);
  assert.throws(() => refuseUnfit("\\dt public.*"), usage(/\\dt is no SQL/));
  for (const text of ["select begin from t", "copy t to '/tmp/from stdin'", "beginning", "end_of"])
    refuseUnfit(text);
});
