import type { Static, TSchema } from "typebox";
import type { Permission } from "./access/permissions.ts";
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
  metadata?: { [key: string]: Canonical };
};

/** For an operation that opens its own transactions: to place in its first and its last one. */
export type OwnTools = {
  find(tx: MetadataTx): Promise<KnownAnswer | undefined>;
  keep(tx: MetadataTx, answer: unknown): Promise<void>;
  audit(tx: MetadataTx, told: Told): Promise<void>;
};

type Common<I extends TSchema, O extends TSchema> = {
  /** noun.verb, as in the audit log. */
  name: string;
  summary: string;
  permission: Permission;
  http: { method: "GET" | "POST" | "PATCH" | "DELETE"; path: string };
  input: I;
  output: O;
  /** What to record; absent: the operation only reads. */
  told?: (input: Static<I>, answer: Static<O>) => Told;
};

/** Everything that people may ask, whatever the door. See design §3.9. */
export type Operation<I extends TSchema = TSchema, O extends TSchema = TSchema, P = unknown> =
  | (Common<I, O> & {
      tx: "metadata";
      run(
        call: { tx: MetadataTx; services: Services; principal: Principal },
        input: Static<I>,
      ): Promise<Static<O>>;
    })
  | (Common<I, O> & {
      tx: "results";
      /** Outside work (chemistry, files) before the transaction opens. */
      prepare?: (call: { services: Services; principal: OrgPrincipal }, input: Static<I>) => Promise<P>;
      run(
        call: { scope: ResultsScope; services: Services; principal: OrgPrincipal; prepared: P },
        input: Static<I>,
      ): Promise<Static<O>>;
      /**
       * Where the audit entry is all that was told, the answer is given at the commit, and the relay takes the entry
       * meanwhile: a question that was answered before waits for nothing else.
       */
      auditFollows?: boolean;
      /** What follows the commit and is done again by the reconciler where it is not done now: it never throws. */
      after?: (call: { services: Services; principal: OrgPrincipal }) => Promise<void>;
    })
  | (Common<I, O> & {
      tx: "own";
      run(
        call: { services: Services; principal: Principal; tools: OwnTools },
        input: Static<I>,
      ): Promise<Static<O>>;
    });

/** Keeps an operation's literal types while checking its shape. */
export function operation<I extends TSchema, O extends TSchema, P = unknown>(
  definition: Operation<I, O, P>,
): Operation<I, O, P> {
  return definition;
}
