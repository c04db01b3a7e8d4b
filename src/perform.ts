import type { Static, TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { inOrganization, require } from "./access/policy.ts";
import { type Principal, viewerOf } from "./access/principal.ts";
import { type AuditEntry, auditBody, auditEntry } from "./audit/entry.ts";
import { appendAudit } from "./audit/store.ts";
import type { MetadataTx } from "./db/metadata.ts";
import { type ResultsScope, writeTogether } from "./db/results.ts";
import { AppError, toAppError } from "./errors.ts";
import { findAnswer, keepAnswer, type Request, requestHash } from "./idempotency.ts";
import { type Complaint, excessOf, fieldErrors, inWords } from "./input-rules.ts";
import { makeMonths } from "./jobs/months-store.ts";
import { LookOutside } from "./look-outside.ts";
import type { Follow, Followed, Operation, OwnTools, Told } from "./operation.ts";
import { hasToldOfWork, outboxInsert } from "./outbox.ts";
import { markCursor, openCursor } from "./paging.ts";
import type { Services } from "./services.ts";

export type PerformOptions = {
  idempotencyKey?: string;
  /** Called where the answer is that of an earlier request with the same key. */
  replayed?: () => void;
  /** Given up where that is whole: before the transaction opens, and before what it wrote is committed. */
  signal?: AbortSignal;
  /** Answered at the commit where the operation allows it, though what it told of jobs is not taken yet. */
  ahead?: boolean;
};

/**
 * The one door: checks the input and the permission, opens the transaction that the operation asks
 * for with the principal's role, answers a repeated request from what was answered, calls the use
 * case, and writes answer and audit before it commits.
 * Throws AppError: bad_input (with fields), forbidden, idempotency_mismatch, and what the use case throws.
 */
export async function perform<I extends TSchema, O extends TSchema, P>(
  services: Services,
  operation: Operation<I, O, P>,
  principal: Principal,
  rawInput: unknown,
  options: PerformOptions = {},
): Promise<Static<O>> {
  require(principal, operation.permission);
  const asked = checked(operation, rawInput);
  const input = openCursor(operation, asked);
  const request: Asked<O> = {
    replayed: options.replayed ?? (() => {}),
    remember: operation.remember ?? ((answer) => answer),
    signal: options.signal,
    ahead: options.ahead === true,
    principal_id: principal.user_id,
    operation: operation.name,
    key: options.idempotencyKey,
    // Without a key nobody compares it; a thousand molecules took 4 ms.
    request_hash:
      options.idempotencyKey === undefined
        ? ""
        : requestHash({ org_id: principal.org_id, input }, services.tokens),
  };
  const given = await answerOf(services, operation, principal, input, request);
  const answer = markCursor(operation, asked, given);
  services.answered?.({ name: operation.name, output: operation.output }, answer);
  return answer;
}

function answerOf<I extends TSchema, O extends TSchema, P>(
  services: Services,
  operation: Operation<I, O, P>,
  principal: Principal,
  input: Static<I>,
  request: Asked<O>,
): Promise<Static<O>> {
  if (operation.tx === "own") return performOwn(services, operation, principal, input, request);
  if (operation.tx === "metadata") {
    return services.metadata.member(viewerOf(principal), (tx) =>
      answered(tx, request, async () => {
        const answer = await operation.run({ tx, services, principal }, input);
        if (operation.told)
          await appendAudit(tx, [entryOf(operation.name, principal, operation.told(input, answer))]);
        return answer;
      }),
    );
  }
  return performResults(services, operation, principal, input, request);
}

/**
 * The same door for what is followed: checks input and permission before anything is looked at, and begins when
 * it is first asked. What goes on for hours asks `again` who its asker is by now; without it they stay who they were.
 * `looked` hears of each look that was allowed.
 * Throws what `perform` does.
 */
export function performFollow<I extends TSchema, O extends TSchema>(
  services: Services,
  followed: Follow<I, O>,
  principal: Principal,
  rawInput: unknown,
  how: { after?: string; signal: AbortSignal; again?: () => Promise<Principal>; looked?: () => void },
): AsyncIterable<Followed<Static<O>>> {
  require(principal, followed.permission);
  const input = checked(followed, rawInput);
  const asker = inOrganization(principal);
  const again = async () => {
    const now = (await how.again?.()) ?? principal;
    require(now, followed.permission);
    return { ...now, org_id: asker.org_id };
  };
  const told = followed.run(
    {
      ...{ services, principal: asker, after: how.after, signal: how.signal, again },
      looked: how.looked ?? (() => {}),
    },
    input,
  );
  return services.answered === undefined ? told : looked(services.answered, followed, told);
}

async function* looked<O extends TSchema>(
  answered: NonNullable<Services["answered"]>,
  { name, told_as }: { name: string; told_as: O },
  told: AsyncIterable<Followed<Static<O>>>,
): AsyncIterable<Followed<Static<O>>> {
  for await (const one of told) {
    answered({ name, output: told_as }, one.data);
    yield one;
  }
}

/** A request with what is done when it was answered before, and with what is kept of its answer. */
type Asked<O extends TSchema> = Request & {
  replayed: () => void;
  remember: (answer: Static<O>) => unknown;
  signal: AbortSignal | undefined;
  ahead: boolean;
};

async function performResults<I extends TSchema, O extends TSchema, P>(
  services: Services,
  operation: Extract<Operation<I, O, P>, { tx: "results" }>,
  principal: Principal,
  input: Static<I>,
  request: Asked<O>,
): Promise<Static<O>> {
  const person = inOrganization(principal);
  // Chemistry, files and other outside work, before any transaction is open.
  const { signal } = request;
  const prepared = (await operation.prepare?.({ services, principal: person, signal }, input)) as P;
  request.signal?.throwIfAborted();
  if (!operation.told) {
    return services.results.read(person, (scope) =>
      operation.run({ scope, services, principal: person, prepared }, input),
    );
  }
  const told = operation.told;
  await services.results.touch(person.org_id);
  let mayFollow = operation.auditFollows === true;
  const attempt = async (scope: ResultsScope) => {
    const answer = await answered(scope.tx, request, async () => {
      const result = await operation.run({ scope, services, principal: person, prepared }, input);
      const entry = entryOf(operation.name, principal, told(input, result));
      // Fails here, before the commit, where it could not be written into the chain later.
      auditBody(entry);
      scope.atEnd.push(outboxInsert(scope.tx, [{ topic: "audit", payload: entry }]));
      mayFollow &&= request.ahead || !hasToldOfWork(scope.tx);
      return result;
    });
    await writeTogether(scope.tx, scope.atEnd.splice(0));
    // As late as can be: who has left by now is not to find it done.
    signal?.throwIfAborted();
    return answer;
  };
  const answer = await services.results.transact(person, attempt).catch(async (error: unknown) => {
    if (!(error instanceof LookOutside)) throw error;
    await error.look();
    return services.results.transact(person, attempt);
  });
  // It is committed: an error now must not make the asker ask again. The reconciler takes what waits.
  await operation.after?.({ services, principal: person });
  // Committed beside what they tell of: killed now, the reconciler takes the facts; a context that closes waits for
  // them. Nobody claims an audit entry, and who asked over a network does not ask again within milliseconds.
  if (mayFollow) void lookAfter(services, person.org_id, services.results.relay.soon);
  else await lookAfter(services, person.org_id, services.results.relay);
  return answer;
}

/** Never throws: what was not done now waits for the reconciler, which `touch` has told. */
async function lookAfter(
  { results, log }: Services,
  orgId: string,
  relay: (orgId: string) => Promise<void>,
): Promise<void> {
  try {
    await relay(orgId);
    if (results.isFirstWriteToday(orgId)) await results.forMachinery(orgId, ({ tx }) => makeMonths(tx));
  } catch (error) {
    log.warn({ err: toAppError(error).message, org_id: orgId }, "facts wait for the reconciler");
  }
}

async function performOwn<I extends TSchema, O extends TSchema, P>(
  services: Services,
  operation: Extract<Operation<I, O, P>, { tx: "own" }>,
  principal: Principal,
  input: Static<I>,
  request: Asked<O>,
): Promise<Static<O>> {
  const tools: OwnTools = {
    goOn: () => request.signal?.throwIfAborted(),
    audit: async (tx: MetadataTx, told: Told) => {
      await appendAudit(tx, [entryOf(operation.name, principal, told)]);
      request.signal?.throwIfAborted();
    },
    find: async (tx) => {
      request.signal?.throwIfAborted();
      const known = await findAnswer(tx, request);
      if (known?.answer != null) request.replayed();
      return known;
    },
    keep: async (tx, answer) => {
      await keepAnswer(tx, request, request.remember(answer as Static<O>));
      request.signal?.throwIfAborted();
    },
  };
  return operation.run({ services, principal, tools }, input);
}

async function answered<O extends TSchema>(
  tx: Parameters<typeof findAnswer>[0],
  request: Asked<O>,
  work: () => Promise<Static<O>>,
): Promise<Static<O>> {
  const known = await findAnswer(tx, request);
  if (known?.answer != null) {
    request.replayed();
    return known.answer as Static<O>;
  }
  const answer = await work();
  await keepAnswer(tx, request, request.remember(answer));
  request.signal?.throwIfAborted();
  return answer;
}

/** Compiling a schema takes near a millisecond, so each is compiled once; keyed by the schema, it goes with it. */
const VALIDATORS = new WeakMap<TSchema, Validator>();

function compiled(schema: TSchema): Validator {
  const known = VALIDATORS.get(schema) ?? Compile(schema);
  VALIDATORS.set(schema, known);
  return known;
}

function checked<I extends TSchema>(operation: { name: string; input: I }, rawInput: unknown): Static<I> {
  const validator = compiled(operation.input);
  if (validator.Check(rawInput)) return rawInput as Static<I>;
  const excess = excessOf(operation.input, rawInput);
  const fields =
    excess.length > 0
      ? excess
      : fieldErrors(operation.input, validator.Errors(rawInput) as Iterable<Complaint>);
  throw new AppError("bad_input", inWords(operation.name, fields), { fields });
}

function entryOf(action: string, principal: Principal, told: Told): AuditEntry {
  return auditEntry({
    org_id: told.org_id === undefined ? principal.org_id : told.org_id,
    user_id: told.user_id ?? (principal.via === "nobody" ? null : principal.user_id),
    action,
    entity_type: told.entity_type,
    entity_id: told.entity_id ?? null,
    pipeline_id: told.pipeline_id ?? null,
    job_id: told.job_id ?? null,
    metadata: told.metadata ?? {},
  });
}
