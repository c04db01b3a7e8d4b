import type { Branch } from "../db/migrations.ts";
import { diagramOf } from "./diagram.ts";
import { grouped } from "./groups.ts";
import { cell, markdownTable, marked, sentence } from "./markdown.ts";
import type { Schema } from "./schema.ts";
import { type Link, routineTable, tablePage, viewPage } from "./table-page.ts";
import { unitLegend } from "./units.ts";

/** A page of the reference: where it lies below the folder of documents, and its Markdown. */
export type Page = { path: string; text: string };

const TITLES: Record<Branch, string> = { metadata: "Metadata database", results: "Results database" };
const NOTICE =
  "<!-- Written by `aliquot docs` from the migrated schema: change the migrations, then `make schema`. -->";

const ABOUT: Record<Branch, string> = {
  metadata:
    "One for the whole installation: who people are, what they may run, the light index of all jobs, the queue and the audit log. No chemistry.",
  results:
    "One for each organization: everything it owns. No foreign key and no query leads from one organization's database into another's.",
};

const HEAD = `There are two branches of the schema, each with its own migrations. The **metadata database** is one and shared;
a **results database** belongs to one organization and there is one for each. Ids lead from one branch to the
other, foreign keys do not: a transaction is always in one database.

\`\`\`mermaid
flowchart LR
  subgraph results["results database, one for each organization"]
    chemistry["molecules, structures, projects, …"] --- jobs["jobs, tasks, calculations, docking_results, …"]
    jobs --> outbox
    identity["database_identity"]
  end
  subgraph metadata["metadata database, shared"]
    projected["jobs_meta, task_queue, audit_logs"]
    directory["organizations, org_databases"]
    others["users, roles, pipelines, …"]
  end
  outbox -- "facts, by the relay" --> projected
  identity -. "org_id, generation" .- directory
\`\`\`

Facts flow one way, from results to metadata: what \`jobs_meta\` and \`task_queue\` hold can be made again from
the results databases at any time. \`org_databases\` says where an organization's database lies; its row and
\`database_identity\` must agree, or nothing is read there.

## How to read this

- **Marks.** *PII*: says something about a person. *Confidential*: the organization's knowledge; never in logs, in the audit log or in the metadata database.
- **Value.** What a column gets when none is given; *always*: computed, never written.
- **Rows.** Row security is forced on every table: \`owner\` (migrations, backups) and \`system\` (the machinery) see all rows, people are \`member\` and see what the table says. A session that has set no organization sees no rows. *One's own*: the row's owner is the asker; *an admin*: owner and admins of the organization. What is not listed is refused.
- **Diagrams.** Keys (PK, FK, UK) and the columns that tell most. A line ends in two bars (one), a ring and a bar (one or none) or a ring and a fork (any number). A box with a name alone belongs to another group.
- **Units.** A number's unit is the end of its name:`;

/** The whole reference: an entry page and a page for each branch. */
export function referencePages(schemas: readonly Schema[]): Page[] {
  const branches = schemas.map((schema) => ({
    path: `schema/${schema.branch}.md`,
    text: branchPage(schema, (name) => `[\`${name}\`](#${name})`),
  }));
  const entry = entryPage(schemas, (branch, name) => `[\`${name}\`](schema/${branch}.md#${name})`);
  return [{ path: "schema.md", text: entry }, ...branches];
}

/** The same as one text, with links within it. */
export function referenceText(schemas: readonly Schema[]): string {
  const first = new Set(schemas[0]?.tables.map(({ name }) => name));
  // A heading that stands twice gets a number, as GitHub and others number them.
  const anchor = (branch: Branch, name: string): string =>
    branch !== schemas[0]?.branch && first.has(name) ? `${name}-1` : name;
  const parts = schemas.map((schema) =>
    branchPage(schema, (name) => `[\`${name}\`](#${anchor(schema.branch, name)})`).replace(
      `${NOTICE}\n\n`,
      "",
    ),
  );
  return [entryPage(schemas, (branch, name) => `[\`${name}\`](#${anchor(branch, name)})`), ...parts].join(
    "\n",
  );
}

function entryPage(schemas: readonly Schema[], link: (branch: Branch, name: string) => string): string {
  const units = unitLegend().map(({ suffix, unit }) => `\`…${suffix}\` ${unit}`);
  const parts = [NOTICE, "# Database schema", `${HEAD} ${units.join(", ")}.`];
  for (const schema of schemas) {
    parts.push(`## ${TITLES[schema.branch]}: its tables`, `${ABOUT[schema.branch]} ${counts(schema)}`);
    const rows = grouped(schema.branch, schema.tables).flatMap(({ title, tables }) =>
      tables.map((table, index) => {
        const { mark, text } = marked(table.about);
        return [index === 0 ? title : "", link(schema.branch, table.name), mark, cell(sentence(text))];
      }),
    );
    parts.push(markdownTable(["group", "table", "mark", "what is in it"], rows));
  }
  return `${parts.join("\n\n")}\n`;
}

function branchPage(schema: Schema, link: Link): string {
  const parts = [NOTICE, `# ${TITLES[schema.branch]}`, `${ABOUT[schema.branch]} ${counts(schema)}`];
  for (const { title, tables } of grouped(schema.branch, schema.tables)) {
    parts.push(`## ${title}`, `\`\`\`mermaid\n${diagramOf(schema, tables)}\n\`\`\``);
    for (const table of tables) parts.push(tablePage(schema, table, link));
  }
  if (schema.views.length > 0) parts.push("## Views", ...schema.views.map(viewPage));
  parts.push("## Functions and procedures", routineTable(schema.routines));
  return `${parts.join("\n\n")}\n`;
}

function counts({ tables, views, routines }: Schema): string {
  const columns = tables.reduce((sum, table) => sum + table.columns.length, 0);
  const shown = views.length === 0 ? "" : `, ${views.length} ${views.length === 1 ? "view" : "views"}`;
  return `${tables.length} tables with ${columns} columns${shown}, ${routines.length} routines.`;
}
