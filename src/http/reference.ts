import { type Html, html, page, prose } from "./html.ts";
import type { OpenApiDocument, OperationObject } from "./openapi-types.ts";
import { operationArticle, pathText } from "./reference-operation.ts";

type Place = { path: string; method: string; object: OperationObject };
type Group = { name: string; description: string; places: Place[] };

/** The reference page: everything that the document says, made on the server and readable without a script. Pure. */
export function referencePage(document: OpenApiDocument): string {
  const places = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, object]): Place => ({ path, method, object })),
  );
  const { info, tags, components } = document;
  const groups = tags.map((tag) => ({
    ...tag,
    places: places.filter(({ object }) => object.tags.includes(tag.name)),
  }));
  const body = html`<header><h1><a href="docs">${info.title} API</a></h1> <span class="version">${info.version}</span>
<nav><a href="#operations">operations</a> <a href="v1">index</a> <a href="v1/openapi.json">OpenAPI</a> <a href="docs/errors">errors</a></nav></header>
<div class="columns">
<nav class="contents" aria-label="Operations">${groups.map(contentsOf)}</nav>
<main>
<section class="about">${info.description.split("\n\n").map((text) => html`<p>${prose(text)}</p>\n`)}
<p>Sign in with <a href="#auth.login"><code>auth.login</code></a>, or send an API key (<a href="#key.create"><code>key.create</code></a>) as <code>Authorization: Bearer alq_…</code> or <code>X-API-Key</code>. <b>*</b> marks what must be given.</p>
${firstSteps(new Set(places.map(({ object }) => object.operationId)))}</section>
<section id="operations" class="overview"><h2>Operations</h2>
${groups.map(overviewOf)}</section>
${groups.map(
  (group) => html`<section id="${group.name}"><h2>${group.name}</h2><p>${prose(group.description)}.</p>
${group.places.map(({ path, method, object }) => operationArticle(path, method, object, components))}</section>
`,
)}</main>
</div>`;
  return page(`${info.title} API`, "", body);
}

/** A noun with its verbs, beside the page. */
function contentsOf({ name, places }: Group): Html {
  const items = places.map(
    ({ object }) =>
      html`<li><a href="#${object.operationId}">${object.operationId.split(".").slice(1).join(".")}</a></li>\n`,
  );
  return html`<section><h2><a href="#${name}">${name}</a></h2><ul>
${items}</ul></section>
`;
}

/** A noun as one line, with its operations behind it: a browser's own search opens what it finds. */
function overviewOf({ name, description, places }: Group): Html {
  const items = places.map(
    ({ path, method, object }) =>
      html`<li><a href="#${object.operationId}"><span class="method ${method}">${method.toUpperCase()}</span> <code>${pathText(path)}</code></a> <span>${prose(object.summary)}</span></li>\n`,
  );
  return html`<details><summary><b>${name}</b> <span>${prose(description)}</span> <small>${places.length}</small></summary><ul>
${items}</ul></details>
`;
}

const FIRST: [name: string, what: string][] = [
  ["auth.login", "sign in"],
  ["calculation.submit", "submit a molecule"],
  ["job.follow", "follow its job"],
  ["calculation.query", "read the numbers"],
  ["job.output", "fetch a file"],
];

/** The way to a first result; nothing where one of its steps is not served. */
function firstSteps(served: ReadonlySet<string>): Html | undefined {
  if (!FIRST.every(([name]) => served.has(name))) return undefined;
  const steps = FIRST.map(([name, what]) => html`<li><a href="#${name}">${what}</a></li>`);
  return html`<p>To a first result:</p><ol class="steps">${steps}</ol>`;
}
