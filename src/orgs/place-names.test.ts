import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../db/address.ts";
import { AppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";
import { placeNames } from "./place-names.ts";
import { serverOf } from "./servers.ts";

const ID = "01a1fe1e-adee-71d3-b047-cb8dccb58f15";
const HEX = "01a1fe1eadee71d3b047cb8dccb58f15";
const refused = (text: RegExp) => (error: unknown) =>
  error instanceof AppError &&
  error.kind === "usage" &&
  error.message.startsWith("settings: RESULTS_DB_TEMPLATE ") &&
  text.test(error.message);

test("without a template a database is results_ and the organization's id", () => {
  const names = placeNames(undefined, []);
  assert.equal(names.nameOf(ID), `results_${HEX}`);
  assert.equal(names.server_address, "metadata");
  assert.equal(names.results, undefined);
});

test("a template is a name with the id in it, and the id may stand anywhere", () => {
  assert.equal(placeNames("mad_results_{org_id}", []).nameOf(ID), `mad_results_${HEX}`);
  assert.equal(placeNames("{org_id}", []).nameOf(ID), HEX);
  assert.equal(placeNames("lab_{org_id}_v2", []).nameOf(ID), `lab_${HEX}_v2`);
  const longest = `${"x".repeat(31)}{org_id}`;
  assert.equal(placeNames(longest, []).nameOf(ID).length, 63);
});

test("a name that PostgreSQL would cut, change or refuse is refused with the reason", () => {
  assert.throws(() => placeNames(`${"x".repeat(32)}{org_id}`, []), refused(/has 32 .* may have 31/));
  for (const text of ["Results_{org_id}", "results-{org_id}", 'r"{org_id}', "r {org_id}", "ré_{org_id}"])
    assert.throws(() => placeNames(text, []), refused(/lowercase letters, digits and _/), text);
  assert.throws(() => placeNames("pg_{org_id}", []), refused(/begins with pg_/));
  assert.throws(() => placeNames("{org_id}_{org_id}", []), refused(/once/));
  assert.throws(() => placeNames("results", []), refused(/once/));
  assert.throws(() => placeNames("postgresql://u:p@localhost/{org_id}/x", []), refused(/lowercase/));
});

test("a URL names another server: its administrator, its address without the password, the name's pattern", () => {
  const names = placeNames(
    "postgresql+asyncpg://maker:s3cret@db2.example:5433/results_{org_id}?sslmode=require",
    [parseAddress("postgresql://me:x@localhost:5432/aliquot")],
  );
  assert.equal(names.server_address, "db2.example:5433");
  assert.equal(names.nameOf(ID), `results_${HEX}`);
  assert.deepEqual(names.results, {
    host: "db2.example",
    port: 5433,
    user: "maker",
    password: "s3cret",
    database: "postgres",
    ssl: { rejectUnauthorized: false },
  });
});

test("a URL of the shared database's own server is that server", () => {
  const known = [parseAddress("postgresql://me:x@localhost:5432/aliquot")];
  for (const scheme of ["postgres", "postgresql", "postgresql+asyncpg"]) {
    const names = placeNames(`${scheme}://other:pw@localhost:5432/mad_results_{org_id}`, known);
    assert.equal(names.server_address, "metadata");
    assert.equal(names.results, undefined);
    assert.equal(names.nameOf(ID), `mad_results_${HEX}`);
  }
});

test("a URL follows the rules of every address: TLS to another machine, a user, a scheme that is ours", () => {
  assert.throws(
    () => placeNames("postgresql://u:p@far.example/r_{org_id}", []),
    refused(/another machine without sslmode/),
  );
  assert.throws(
    () => placeNames("postgresql://u:p@far.example/r_{org_id}?sslmode=maybe", []),
    refused(/unknown sslmode/),
  );
  assert.throws(() => placeNames("mysql://u:p@localhost/r_{org_id}", []), refused(/must be a name or a URL/));
  assert.throws(() => placeNames("postgresql://localhost:5499/r_{org_id}", []), refused(/without a user/));
});

test("an organization's server is the one that the directory names, and one that no setting names is unavailable", () => {
  const metadata = parseAddress("postgresql://me:x@localhost:5432/aliquot");
  const results = parseAddress("postgresql://me:x@localhost:5433/postgres");
  const at = (server_address: string) => ({ name: "Lab", server_address }) as OrgPlace;
  assert.equal(serverOf(at("metadata"), { metadata, results }), metadata);
  assert.equal(serverOf(at("localhost:5433"), { metadata, results }), results);
  for (const servers of [{ metadata }, { metadata, results }])
    assert.throws(
      () => serverOf(at("elsewhere:5432"), servers),
      (error: unknown) =>
        error instanceof AppError &&
        error.kind === "unavailable" &&
        /lies on elsewhere:5432/.test(error.message),
    );
});
