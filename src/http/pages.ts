import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Follow, Operation } from "../operation.ts";
import { isKnown } from "./etag.ts";
import { BASE, indexDocument } from "./index-document.ts";
import { openApi } from "./openapi.ts";
import { referencePage } from "./reference.ts";
import { errorsPage } from "./reference-errors.ts";
import { STYLE } from "./reference-style.ts";

/** Our own style sheet and links to ourselves: no script, no image, nothing from elsewhere. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Fixed = { url: string; type: string; make: () => string };

/** What is the same for everybody as long as the program is: the index, the OpenAPI document and the reference. */
export function addPages(
  app: FastifyInstance,
  operations: readonly Operation[],
  follows: readonly Follow[],
): void {
  const document = openApi(operations, follows);
  const json = "application/json; charset=utf-8";
  const page = "text/html; charset=utf-8";
  const fixed: Fixed[] = [
    { url: BASE, type: json, make: () => JSON.stringify(indexDocument(operations, follows)) },
    { url: `${BASE}/openapi.json`, type: json, make: () => JSON.stringify(document) },
    { url: "/docs", type: page, make: () => referencePage(document) },
    { url: "/docs/errors", type: page, make: () => errorsPage(document) },
    { url: "/docs/style.css", type: "text/css; charset=utf-8", make: () => STYLE },
  ];
  for (const each of fixed) addFixed(app, each);
}

/** Made when it is first asked for, and kept. */
function addFixed(app: FastifyInstance, { url, type, make }: Fixed): void {
  let made: { text: string; etag: string } | undefined;
  app.route({
    method: ["GET", "HEAD"],
    url,
    handler(request, reply) {
      made ??= tagged(make());
      reply.type(type).header("etag", made.etag).header("cache-control", "no-cache");
      if (type.startsWith("text/html")) reply.header("content-security-policy", PAGE_POLICY);
      if (isKnown(request.headers["if-none-match"], made.etag)) return reply.code(304).send();
      return reply.send(made.text);
    },
  });
}

function tagged(text: string): { text: string; etag: string } {
  return { text, etag: `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"` };
}
