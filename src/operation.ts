import type { Static, TSchema } from "typebox";
import type { Access, Permission } from "./access/permissions.ts";
import type { OrgPrincipal, Principal } from "./access/principal.ts";
import type { Canonical } from "./canonical.ts";
import type { MetadataTx } from "./db/metadata.ts";
import type { ResultsScope } from "./db/results.ts";
import type { KnownAnswer } from "./idempotency.ts";
import type { Services } from "./services.ts";

/** What the audit log is told of a finished operation: no structures, no results, no secrets. */
export type Told = {
  entity_type: string;
  entity_id?: string;
  pipeline_id?: string;
  job_id?: string;
  /** Null: the installation's own chain; absent: the principal's organization. */
  org_id?: string | null;
  /** Who did it, where the asker was nobody yet (signing in); absent: the principal. */
  user_id?: string;
  metadata?: { [key: string]: Canonical };
};

/**
 * For an operation that opens its own transactions: to place in its first and its last one. Each throws where nobody
 * waits for the answer any more, and takes its transaction back.
 */
export type OwnTools = {
  find(tx: MetadataTx): Promise<KnownAnswer | undefined>;
  keep(tx: MetadataTx, answer: unknown): Promise<void>;
  audit(tx: MetadataTx, told: Told): Promise<void>;
  /** Between the steps of what only reads, and lasts long. */
  goOn(): void;
};

type Common<I extends TSchema, O extends TSchema> = {
  /** noun.verb, as in the audit log. */
  name: string;
  summary: string;
  permission: Access;
  /** Names in braces are fields of the input; the rest of it is the query of a GET or DELETE, else the body. */
  http: {
    method: "GET" | "POST" | "PATCH" | "DELETE";
    path: string;
    /** A POST that changes nothing: its question is too long for a URL. */
    reads?: true;
  };
  input: I;
  output: O;
  /** What is kept of an answer for a repeated request, where it holds a secret that is shown once. */
  remember?: (answer: Static<O>) => unknown;
  /** Keeps no answer, so that an Idempotency-Key would promise what nobody holds: it is refused. */
  repeats?: false;
  /** Answers with a file (`FileAnswer`): over HTTP its bytes are the answer, and headers say the rest. */
  file?: true;
};

type Changing<I extends TSchema, O extends TSchema> = Common<I, O> & {
  /** What to record of it, beside what it changed; absent: the operation only reads. */
  told?: (input: Static<I>, answer: Static<O>) => Told;
};

/** Everything that people may ask, whatever the door. See design §3.9. */
export type Operation<I extends TSchema = TSchema, O extends TSchema = TSchema, P = unknown> =
  | (Changing<I, O> & {
      tx: "metadata";
      run(
        call: { tx: MetadataTx; services: Services; principal: Principal },
        input: Static<I>,
      ): Promise<Static<O>>;
    })
  | (Changing<I, O> & {
      tx: "results";
      /** Outside work (chemistry, files) before the transaction opens. */
      prepare?: (
        call: { services: Services; principal: OrgPrincipal; signal?: AbortSignal | undefined },
        input: Static<I>,
      ) => Promise<P>;
      run(
        call: { scope: ResultsScope; services: Services; principal: OrgPrincipal; prepared: P },
        input: Static<I>,
      ): Promise<Static<O>>;
      /**
       * Where the audit entry is all that was told, or the asker goes ahead of what was told of jobs, the answer is
       * given at the commit, and the relay takes the facts a moment later: a question that was answered before waits
       * for nothing else, and many submissions cost one taking.
       */
      auditFollows?: boolean;
      /** What follows the commit and is done again by the reconciler where it is not done now: it never throws. */
      after?: (call: { services: Services; principal: OrgPrincipal }) => Promise<void>;
    })
  | (Common<I, O> & {
      tx: "own";
      /** It tells the audit log by itself, in its own transaction (`tools.audit`); absent: it only reads. */
      told?: true;
      run(
        call: { services: Services; principal: Principal; tools: OwnTools },
        input: Static<I>,
      ): Promise<Static<O>>;
    });

/** One thing that is told of what goes on; `id` is where somebody who lost the line goes on. */
export type Followed<T = unknown> = { id: string; event: string; data: T };

/**
 * What people may follow while it goes on. It ends by itself when nothing more can happen, and when `signal` does.
 * Each look at the database is a transaction of its own as the asker: who may see it no longer, hears no more.
 */
export type Follow<I extends TSchema = TSchema, O extends TSchema = TSchema> = {
  name: string;
  summary: string;
  permission: Permission;
  http: { method: "GET"; path: string };
  input: I;
  /** Of each `data`. */
  told_as: O;
  run(call: FollowCall, input: Static<I>): AsyncIterable<Followed<Static<O>>>;
};

export type FollowCall = {
  services: Services;
  principal: OrgPrincipal;
  /** `id` of the last that is known. */
  after: string | undefined;
  signal: AbortSignal;
  /** Who follows, as they stand now. Throws AppError where they may follow no longer. */
  again(): Promise<OrgPrincipal>;
  /** To be called after a look that refused nothing: before the first one, or a first event, nothing is answered. */
  looked(): void;
};

/** Keeps literal types while checking the shape of what may be followed. */
export function follow<I extends TSchema, O extends TSchema, const N extends string = string>(
  definition: Follow<I, O> & { name: N },
): Follow<I, O> & { name: N } {
  return definition;
}

/**
 * Keeps an operation's literal types while checking its shape. Its name is one of them, because the client types
 * questions by name: where the first three are said, it is said too.
 */
export function operation<I extends TSchema, O extends TSchema, P = unknown, const N extends string = string>(
  definition: Operation<I, O, P> & { name: N },
): Operation<I, O, P> & { name: N } {
  return definition;
}
