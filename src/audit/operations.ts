import { viewerOf } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { sinceTime } from "../since.ts";
import { SYSTEM_CHAIN } from "./entry.ts";
import { idsOf, withNames } from "./names.ts";
import { type AuditFilter, isKnownUser, selectAudit, selectNames } from "./read-store.ts";
import { AuditPage, type AuditRow, ListAudit, VerifiedAudit, VerifyAudit } from "./schema.ts";
import { chainOf, verifyAudit } from "./verify.ts";
import { refuseUnknownWords } from "./vocabulary.ts";

export const listAuditOperation = operation({
  name: "audit.list",
  summary: "Who did what in the organization, the last first; in no organization: in the installation",
  permission: "audit:read",
  http: { method: "GET", path: "/audit" },
  tx: "own",
  input: ListAudit,
  output: AuditPage,
  async run({ services, principal }, { system, since, until, limit, cursor, ...filter }) {
    const page = { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
    const wish = pageWish(page, { kind: "number" });
    const chain_id = chainOf(principal, system);
    const chosen = {
      ...{ chain_id, ...filter, ...wish },
      ...(since === undefined ? {} : { since: sinceTime(since) }),
      ...(until === undefined ? {} : { until: sinceTime(until) }),
    };
    // The installation's rows are nobody's organization, which is all that people see by themselves.
    const { metadata } = services;
    const look = (tx: MetadataTx) => rowsOf(tx, chosen);
    const rows =
      chain_id === SYSTEM_CHAIN
        ? await metadata.system(look)
        : await metadata.member(viewerOf(principal), look);
    return pageOf(wish, rows, (row) => ({ at: String(row.seq), id: row.audit_id }));
  },
});

export const verifyAuditOperation = operation({
  name: "audit.verify",
  summary: "Whether the audit log is as it was written: every hash of its chain is computed anew",
  permission: "audit:read",
  http: { method: "GET", path: "/audit/verify" },
  tx: "own",
  input: VerifyAudit,
  output: VerifiedAudit,
  run: verifyAudit,
});

/** A first page without a row says so only where there might have been one. Throws AppError bad_input, not_found. */
async function rowsOf(tx: MetadataTx, filter: AuditFilter): Promise<AuditRow[]> {
  const rows = await selectAudit(tx, filter);
  if (rows.length > 0) return withNames(rows, await selectNames(tx, [...new Set(rows.flatMap(idsOf))]));
  if (filter.before !== undefined) return [];
  refuseUnknownWords(filter);
  const { user, chain_id } = filter;
  if (user !== undefined && !(await isKnownUser(tx, chain_id, user)))
    throw new AppError("not_found", "no such user: `member list` shows who is here", {
      fields: [{ path: "/user", rule: "is nobody here" }],
    });
  return [];
}
