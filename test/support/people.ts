import assert from "node:assert/strict";
import type { Static, TSchema } from "typebox";
import { localPrincipal, type OrgPrincipal, type Principal } from "../../src/access/principal.ts";
import { AppError } from "../../src/errors.ts";
import type { Operation } from "../../src/operation.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { type PerformOptions, perform } from "../../src/perform.ts";
import type { TestContext } from "./context.ts";

export const PASSWORD = "a long enough one";

/** Asks an operation as somebody, in a test's context. */
export function asker(context: TestContext) {
  return <I extends TSchema, O extends TSchema, P>(
    who: Principal,
    operation: Operation<I, O, P>,
    input: Static<I>,
    options: PerformOptions = {},
  ): Promise<Static<O>> => perform(context, operation, who, input, options);
}

/** An error of this kind that says this. */
export const fails =
  (kind: string, says = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof AppError && error.kind === kind, String(error));
    assert.match(error.message, says);
    return true;
  };

/** The installation's operator, acting in an organization. */
export async function operatorIn(
  context: TestContext,
  { org_id }: Pick<Org, "org_id">,
): Promise<OrgPrincipal> {
  return { ...(await localPrincipal(context.metadata, "admin", org_id)), org_id };
}

let drawn = 0;
/** A name that nobody has. */
export const nobodysName = () => `new-${process.pid}-${++drawn}`;
