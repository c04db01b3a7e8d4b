import type { FastifyInstance, onRequestAsyncHookHandler } from "fastify";
import type { Follow, Operation } from "../operation.ts";
import { isKnown } from "./etag.ts";
import { BASE, indexDocument } from "./index-document.ts";
import { openApi } from "./openapi.ts";
import { codingOf, Packed } from "./packed.ts";
import { referencePage } from "./reference.ts";
import { errorsPage } from "./reference-errors.ts";
import { STYLE } from "./reference-style.ts";

/** Our own style sheet and links to ourselves: no script, no image, nothing from elsewhere. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Fixed = { url: string; type: string; make: () => string; count?: onRequestAsyncHookHandler };

/**
 * What is the same for everybody as long as the program is: the index, the OpenAPI document and the reference. `count`
 * says whether somebody may be given the large ones; programs begin with the index, which costs next to nothing.
 */
export function addPages(
  app: FastifyInstance,
  operations: readonly Operation[],
  follows: readonly Follow[],
  count: onRequestAsyncHookHandler,
): void {
  const document = openApi(operations, follows);
  const json = "application/json; charset=utf-8";
  const page = "text/html; charset=utf-8";
  const fixed: Fixed[] = [
    { url: BASE, type: json, make: () => JSON.stringify(indexDocument(operations, follows)) },
    { url: `${BASE}/openapi.json`, type: json, make: () => JSON.stringify(document), count },
    { url: "/docs", type: page, make: () => referencePage(document), count },
    { url: "/docs/errors", type: page, make: () => errorsPage(document), count },
    { url: "/docs/style.css", type: "text/css; charset=utf-8", make: () => STYLE, count },
  ];
  for (const each of fixed) addFixed(app, each);
  // Whoever types the address of the server alone wants to know what is here.
  app.route({ method: ["GET", "HEAD"], url: "/", handler: (_request, reply) => reply.redirect("docs", 302) });
}

/** Made when it is first asked for, and kept, as is each of its packed forms. */
function addFixed(app: FastifyInstance, { url, type, make, count }: Fixed): void {
  let made: Packed | undefined;
  app.route({
    method: ["GET", "HEAD"],
    url,
    ...(count === undefined ? {} : { onRequest: count }),
    async handler(request, reply) {
      made ??= new Packed(make());
      const coding = codingOf(request.headers["accept-encoding"]);
      const etag = made.etag(coding);
      reply.type(type).headers({ etag, "cache-control": "no-cache", vary: "accept-encoding" });
      if (type.startsWith("text/html")) reply.header("content-security-policy", PAGE_POLICY);
      if (isKnown(request.headers["if-none-match"], etag)) return reply.code(304).send();
      if (coding !== "identity") reply.header("content-encoding", coding);
      return reply.send(await made.bytes(coding));
    },
  });
}
