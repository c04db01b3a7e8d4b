import { Type } from "typebox";
import { AppError } from "../errors.ts";
import { isUuid } from "../ids.ts";
import { Uuid } from "../jobs/schema.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { Protocol } from "./schema.ts";
import { selectOptionalProtocol, selectProtocols } from "./store.ts";

export const listProtocols = operation({
  name: "protocol.list",
  summary: "Protocols that results stand under, newest first",
  permission: "protocols:read",
  http: { method: "GET", path: "/protocols" },
  tx: "results",
  input: PageInput,
  output: Type.Object({ items: Type.Array(Protocol), next_cursor: Type.Union([Type.String(), Type.Null()]) }),
  async run({ scope }, input) {
    const wish = pageWish(input);
    const rows = await selectProtocols(scope.tx, wish);
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.protocol_id }));
  },
});

export const showProtocol = operation({
  name: "protocol.show",
  summary: "One protocol with all its parameters",
  permission: "protocols:read",
  http: { method: "GET", path: "/protocols/{protocol}" },
  tx: "results",
  /** Its id, or the hash of its content. */
  input: Type.Object(
    { protocol: Type.Union([Uuid, Type.String({ pattern: "^[0-9a-fA-F]{64}$" })]) },
    { additionalProperties: false },
  ),
  output: Protocol,
  async run({ scope }, { protocol }) {
    const key = isUuid(protocol) ? { protocol_id: protocol } : { params_hash: protocol.toLowerCase() };
    const row = await selectOptionalProtocol(scope.tx, key);
    if (row === undefined) throw new AppError("not_found", "no such protocol");
    return row;
  },
});
