import { AppError, CHEMISTRY_CODES, ERROR_KINDS, type ErrorKind } from "../errors.ts";
import { html, page, prose } from "./html.ts";
import { HTTP_CODES } from "./http-error.ts";
import type { OpenApiDocument } from "./openapi-types.ts";
import { TITLES } from "./problem.ts";

/** The table of errors: what `type` of a problem leads to. Pure. */
export function errorsPage({ info, components }: OpenApiDocument): string {
  const statuses = Object.entries(components.responses).map(([name, { description }]) => ({
    status: name.replace("Problem", ""),
    description,
  }));
  const body = html`<header><h1><a href="../docs">${info.title} API</a></h1> <span class="version">${info.version}</span>
<nav><a href="../v1">index</a> <a href="../v1/openapi.json">OpenAPI</a> <a href="../docs/errors">errors</a></nav></header>
<main class="alone">
<h2>Errors</h2>
<p>Whatever goes wrong is answered as <code>application/problem+json</code> (RFC 9457): <code>type</code> leads to the kind below, <code>code</code> is what a program looks at, <code>detail</code> says what happened and what to do, <code>fields</code> where in the input, and <code>request_id</code> is what our log calls the request.</p>
<h3>Kinds</h3>
<div class="wide"><table><thead><tr><th>kind</th><th>status</th><th>means</th><th>again?</th></tr></thead><tbody>
${kinds().map(({ kind, status, again }) => html`<tr id="${kind}"><td><code>${kind}</code></td><td>${status}</td><td>${TITLES[kind]}</td><td>${again}</td></tr>\n`)}</tbody></table></div>
<h3>Statuses</h3>
<div class="wide"><table><thead><tr><th>status</th><th>means</th></tr></thead><tbody>
${statuses.map(({ status, description }) => html`<tr id="s${status}"><td>${status}</td><td>${prose(description)}</td></tr>\n`)}</tbody></table></div>
<h3>Codes of HTTP itself</h3>
<div class="wide"><table><thead><tr><th>code</th><th>status</th><th>means</th></tr></thead><tbody>
${Object.entries(HTTP_CODES).map(([code, { status, title }]) => html`<tr id="c-${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>\n`)}</tbody></table></div>
<h3>A chemist's codes</h3>
<p>Finer than the kind, in <code>code</code>: ${CHEMISTRY_CODES.map((code, index) => html`${index > 0 && ", "}<code>${code}</code>`)}.</p>
</main>`;
  return page(`${info.title} API: errors`, "../", body);
}

function kinds(): { kind: ErrorKind; status: number; again: string }[] {
  return (Object.keys(ERROR_KINDS) as ErrorKind[]).map((kind) => {
    const error = new AppError(kind, "");
    return {
      kind,
      status: error.http,
      again: error.retryable || kind === "quota" ? "yes, later" : "not as it is",
    };
  });
}
