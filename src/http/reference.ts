import { html, page, prose } from "./html.ts";
import type { OpenApiDocument, OperationObject } from "./openapi-types.ts";
import { operationArticle } from "./reference-operation.ts";

type Place = { path: string; method: string; object: OperationObject };

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
  const links = groups.map(
    ({ name, places: own }) => html`<section><h2><a href="#${name}">${name}</a></h2><ul>
${own.map(({ object }) => html`<li><a href="#${object.operationId}">${object.operationId.split(".").slice(1).join(".")}</a></li>\n`)}</ul></section>
`,
  );
  const body = html`<header><h1><a href="docs">${info.title} API</a></h1> <span class="version">${info.version}</span>
<nav><a href="v1">index</a> <a href="v1/openapi.json">OpenAPI</a> <a href="docs/errors">errors</a></nav></header>
<div class="columns">
<nav class="contents" aria-label="Operations"><details><summary>Operations</summary>${links}</details><div class="list">${links}</div></nav>
<main>
<section class="about">${info.description.split("\n\n").map((text) => html`<p>${prose(text)}</p>\n`)}
<p>Sign in with <a href="#auth.login"><code>auth.login</code></a>, or send an API key as <code>Authorization: Bearer alq_…</code> or <code>X-API-Key</code>. <b>*</b> marks what must be given.</p></section>
${groups.map(
  (group) => html`<section id="${group.name}"><h2>${group.name}</h2><p>${prose(group.description)}.</p>
${group.places.map(({ path, method, object }) => operationArticle(path, method, object, components))}</section>
`,
)}</main>
</div>`;
  return page(`${info.title} API`, "", body);
}
