import type { FastifyReply, FastifyRequest } from "fastify";
import type { Principal } from "../access/principal.ts";
import { recordExport } from "../audit/record-export.ts";
import { AppError } from "../errors.ts";
import type { FileAnswer } from "../files/schema.ts";
import type { Operation } from "../operation.ts";
import { perform } from "../perform.ts";
import type { Services } from "../services.ts";
import { askerOf, noOrganization } from "./asker.ts";
import { etagOf, isKnown } from "./etag.ts";
import { toldOf } from "./exports.ts";
import { sendFile } from "./file.ts";
import { HttpError } from "./http-error.ts";
import { inputOf, shapeOf } from "./input.ts";
import type { Life } from "./life.ts";
import { FORMS, type Form, formOf } from "./negotiate.ts";
import { nextLink } from "./page-link.ts";
import { csv, isList, ndjson, type Page, pagesFrom } from "./rows.ts";
import { fieldsOf } from "./shape.ts";
import { leftSignal, whenClosed, within } from "./within.ts";

/** What routes need of the server that they belong to. */
export type Answering = { services: Services; timeout_seconds: number; life: Life };

/** Performs an operation for a request, and answers in the form that is wished for. */
export async function answer(
  { services, timeout_seconds, life }: Answering,
  operation: Operation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { principal, again } = askerOf(request);
  const form = formOf(request.headers.accept, formsOf(operation));
  const input = inputOf(operation, request);
  const idempotencyKey = keyOf(operation, request, principal);
  const left = leftSignal(reply);
  const ask = (who: Principal, what: Record<string, unknown>) =>
    within(timeout_seconds, left, (signal) =>
      perform(services, operation, who, what, {
        signal,
        ahead: true,
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        replayed: () => void reply.header("idempotency-replayed", "true"),
      }).catch((error: unknown) => {
        throw inWords(error, who);
      }),
    );
  reply.header("vary", "accept, authorization, x-api-key");
  if (form !== "json") {
    // Before anything is read: what nobody takes from us stays with us.
    const place = life.openExport(principal.user_id, principal.org_id);
    whenClosed(reply, () => place[Symbol.dispose]());
  }
  if (form === "bytes")
    return sendFile((await ask(principal, input)) as FileAnswer, request, reply, {
      within: (work) => within(timeout_seconds, left, work),
      failed: (error) =>
        services.log.warn({ request_id: request.id, err: error, operation: operation.name }, "a file broke"),
    });
  if (form === "json") return sendJson(operation, await ask(principal, input), request, reply);
  // Of a list by job there is one page, which takes no limit.
  const isOpen = input["limit"] === undefined && input["job_ids"] === undefined;
  const wanted = isOpen ? { ...input, ...mostRows(operation) } : input;
  const first = (await ask(principal, wanted)) as Page;
  reply.type(`${FORMS[form]}; charset=utf-8`);
  if (request.method === "HEAD") return reply.send();
  const whole = input["limit"] === undefined;
  const pages = pagesFrom(whole ? first : { items: first.items }, async (cursor) => {
    // Whoever was put out meanwhile gets no further page.
    return (await ask(await again(), { ...wanted, cursor })) as Page;
  });
  const link = whole ? undefined : nextLink(request, first);
  if (link !== undefined) reply.header("link", link);
  const of = { operation: operation.name, format: form, filters: Object.keys(input) };
  const rows = whole
    ? toldOf(
        pages,
        (given) => recordExport(services, principal, { ...of, ...given }),
        (err) => services.log.error({ request_id: request.id, err, ...of }, "an export was not told of"),
      )
    : pages;
  return reply.send(form === "csv" ? csv(rows, operation.output) : ndjson(rows));
}

/** Forms that an operation's answer may have. */
export function formsOf(operation: Pick<Operation, "output" | "http" | "told" | "file">): [Form, ...Form[]] {
  if (operation.file === true) return ["bytes"];
  const asks = operation.http.method === "GET" || operation.http.reads === true;
  return asks && isList(operation.output) ? ["json", "csv", "ndjson"] : ["json"];
}

/** As many rows a page as the operation gives, where all are wanted. */
function mostRows(operation: Operation): { limit?: number } {
  const limit = fieldsOf(shapeOf(operation.input))["limit"];
  return limit === undefined ? {} : { limit: limit.maximum ?? 1000 };
}

/** Verbs of operations that make a thing of their own. */
const MAKING = new Set(["add", "create", "invite", "prepare", "run", "submit"]);

/** What an operation answers with when it was done. */
export function statusOf(operation: Pick<Operation, "name" | "http" | "told">): 200 | 201 {
  const verb = operation.name.split(".")[1] ?? "";
  return operation.told !== undefined && operation.http.method === "POST" && MAKING.has(verb) ? 201 : 200;
}

function sendJson(
  operation: Operation,
  value: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): unknown {
  const text = JSON.stringify(value ?? null);
  reply.type("application/json; charset=utf-8");
  const link = nextLink(request, value);
  if (link !== undefined && operation.http.method === "GET") reply.header("link", link);
  if (operation.http.method !== "GET") return reply.code(statusOf(operation)).send(text);
  const etag = etagOf(value, text);
  reply.header("etag", etag);
  if (isKnown(request.headers["if-none-match"], etag)) return reply.code(304).send();
  return reply.send(text);
}

/** Throws HttpError malformed where a key is given that nothing would come of. */
function keyOf(operation: Operation, request: FastifyRequest, principal: Principal): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (operation.told === undefined)
    throw new HttpError("malformed", `${operation.name} changes nothing: leave Idempotency-Key out`);
  if (operation.repeats === false)
    throw new HttpError("malformed", `${operation.name} keeps no answer: leave Idempotency-Key out`);
  if (principal.via === "nobody")
    throw new HttpError("malformed", "an Idempotency-Key is somebody's: it needs a token or an API key");
  if (typeof key === "string" && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new HttpError("malformed", "an Idempotency-Key has 1 to 255 characters of ASCII, and no blanks");
}

/** Operations speak of the command line where no organization is chosen; over HTTP the token names it. */
function inWords(error: unknown, { org_id }: Principal): unknown {
  if (!(error instanceof AppError) || error instanceof HttpError) return error;
  if (error.kind !== "usage" || org_id !== null) return error;
  return noOrganization();
}
