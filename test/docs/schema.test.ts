import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ClientBase } from "pg";
import { BRANCHES } from "../../src/db/migrations.ts";
import { rolesOf } from "../../src/db/roles.ts";
import { withScratchSchema } from "../../src/db/scratch.ts";
import { diagramsOf } from "../../src/docs/diagram.ts";
import { GROUPS } from "../../src/docs/groups.ts";
import { referencePages, referenceText } from "../../src/docs/pages.ts";
import { rightsOf } from "../../src/docs/policies.ts";
import { unitOf } from "../../src/docs/units.ts";
import { comparePages, writePages } from "../../src/docs/write.ts";
import { ROOT } from "../house/sources.ts";
import { migratedSchemas } from "../support/schemas.ts";
import { ask, testServer } from "../support/server.ts";

const server = await testServer();
const schemas = await migratedSchemas();
const pages = referencePages(schemas);
const DOCS = join(ROOT, "docs");

/** Numbers without a unit in their name, and what they are. */
const UNITLESS: Record<string, string> = {
  "atomic_properties.partial_charge": "elementary charges; the column bears the name that everybody gives it",
  "calculations.orbital_occupations": "electrons",
  "calculations.partial_charge_sum": "elementary charges",
  "docking_results.ligand_efficiency": "kcal/mol for each heavy atom, generated, as the literature names it",
  "molecules.clogp": "a logarithm",
  "molecules.exact_mass": "Da",
  "molecules.fsp3": "a share",
  "molecules.molecular_weight": "g/mol",
  "queue_lanes.vtime": "tasks divided by a weight",
  "queue_lanes.clock": "the same, of its engine",
  "queue_lanes.weight": "a ratio",
  "result_cache.confidence_score": "a share",
  "task_results.confidence_score": "a share",
};

test("the schema reference in docs is that of the migrated schema", async () => {
  if (process.env["UPDATE"] === "1") await writePages(DOCS, pages);
  const states = await comparePages(DOCS, pages);
  assert.deepEqual(
    states.filter(({ state }) => state !== "same"),
    [],
    "run `make schema` and read what changed",
  );
});

test("a scratch database is gone when its work is done, and when its work fails", async () => {
  const names: string[] = [];
  const place = { admin: server.admin, roles: rolesOf("aliquot_"), migrations: [] };
  const work = async (client: ClientBase): Promise<void> => {
    const found = await client.query<{ name: string }>("SELECT current_database() AS name");
    names.push(found.rows[0]?.name ?? "");
    if (names.length === 2) throw new Error("on purpose");
  };
  await withScratchSchema(place, work);
  await assert.rejects(withScratchSchema(place, work), /on purpose/);
  const left = await ask(server.superuser, "postgres", "SELECT 1 FROM pg_database WHERE datname = ANY ($1)", [
    names,
  ]);
  assert.deepEqual([names.length, left], [2, []]);
});

for (const schema of schemas) {
  const { branch, tables } = schema;

  test(`${branch}: every table is in exactly one group, and shows columns that it has`, () => {
    const listed = GROUPS[branch].flatMap((group) => Object.keys(group.tables));
    assert.deepEqual(
      listed.toSorted(),
      tables.map(({ name }) => name),
    );
    for (const [table, columns] of GROUPS[branch].flatMap((group) => Object.entries(group.tables))) {
      const has = tables.find(({ name }) => name === table)?.columns.map(({ name }) => name);
      assert.deepEqual(
        columns.filter((column) => has?.includes(column) !== true),
        [],
        table,
      );
    }
  });

  test(`${branch}: diagrams show every table and every foreign key, in what Mermaid reads`, () => {
    const lines = diagramsOf(schema).flatMap(({ mermaid }) => mermaid.split("\n"));
    const kinds = [
      /^erDiagram$/,
      /^ {2}(\w+) \{$/,
      /^ {4}[a-z]\w*(\[\])? \w+( (PK|FK|UK)(, (PK|FK|UK))*)?$/,
      /^ {2}\}$/,
      /^ {2}\w+ (\|o|\|\|)--(o\||o\{) \w+ : "[\w, ]+"$/,
    ];
    assert.deepEqual(
      lines.filter((line) => !kinds.some((kind) => kind.test(line))),
      [],
    );
    assert.equal(lines.filter((line) => line.endsWith("{")).length, tables.length);
    for (const table of tables)
      for (const key of table.constraints.filter(({ kind }) => kind === "f")) {
        const label = key.columns.join(" ");
        const drawn = lines.some(
          (line) =>
            line.startsWith(`  ${key.target} `) &&
            line.includes(` ${table.name} : `) &&
            line.split('"')[1]?.split(", ").includes(label),
        );
        assert.ok(drawn, `${table.name}.${key.name}`);
      }
  });

  test(`${branch}: a number states its unit in its name, or is known to have none`, () => {
    const bare = tables.flatMap((table) =>
      table.columns
        .filter((column) => column.type.startsWith("double precision") && unitOf(column) === null)
        .map((column) => `${table.name}.${column.name}`),
    );
    assert.deepEqual(
      bare.filter((place) => !(place in UNITLESS)),
      [],
    );
  });

  test(`${branch}: which rows people see is said in words`, () => {
    const sql = tables.flatMap((table) =>
      rightsOf(table, "member")
        .filter(({ rows }) => /app_|EXISTS|SELECT/.test(rows))
        .map(({ rows }) => `${table.name}: ${rows}`),
    );
    assert.deepEqual(sql, []);
  });
}

test("numbers that are known to have no unit are columns", () => {
  const columns = new Set(
    schemas.flatMap(({ tables }) =>
      tables.flatMap((table) => table.columns.map(({ name }) => `${table.name}.${name}`)),
    ),
  );
  assert.deepEqual(
    Object.keys(UNITLESS).filter((place) => !columns.has(place)),
    [],
  );
});

test("links lead to headings, in the pages and in the one text", () => {
  const anchors = (text: string): Set<string> => {
    const seen = new Map<string, number>();
    const found = [...text.matchAll(/^#{1,6} (.*)$/gm)].map(([, title = ""]) => {
      const slug = title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-");
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times === 0 ? slug : `${slug}-${times}`;
    });
    return new Set(found);
  };
  const byPath = new Map(
    [...pages, { path: "text", text: referenceText(schemas) }].map((page) => [page.path, page.text]),
  );
  let links = 0;
  for (const [path, text] of byPath)
    for (const [, file = "", anchor = ""] of text.matchAll(/\]\(([\w/.]*)#([\w-]+)\)/g)) {
      const target = byPath.get(file === "" ? path : file);
      assert.ok(target !== undefined && anchors(target).has(anchor), `${path}: ${file}#${anchor}`);
      links++;
    }
  assert.ok(links > 200);
});

test("a folder's pages are missing, then the same, then different", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-docs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const states = async () => (await comparePages(folder, pages)).map(({ state }) => state);
  assert.deepEqual(await states(), ["missing", "missing", "missing"]);
  await writePages(folder, pages);
  assert.deepEqual(await states(), ["same", "same", "same"]);
  const file = join(folder, "schema", "results.md");
  writeFileSync(file, `${readFileSync(file, "utf8")}\n`);
  assert.deepEqual(await states(), ["same", "same", "differs"]);
  await assert.rejects(writePages(file, pages), { name: "AppError", kind: "usage" });
});

test("each branch is read, as its migrations make it", () => {
  assert.deepEqual(
    schemas.map(({ branch }) => branch),
    BRANCHES,
  );
});
