import { viewerOf } from "../access/principal.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { sinceTime } from "../since.ts";
import { SYSTEM_CHAIN } from "./chain.ts";
import { selectAudit } from "./read-store.ts";
import { AuditPage, ListAudit, VerifiedAudit, VerifyAudit } from "./schema.ts";
import { chainOf, verifyAudit } from "./verify.ts";

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
    const rows =
      chain_id === SYSTEM_CHAIN
        ? await metadata.system((tx) => selectAudit(tx, chosen))
        : await metadata.member(viewerOf(principal), (tx) => selectAudit(tx, chosen));
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
  run: ({ services, principal }, input) => verifyAudit(services, principal, input),
});
