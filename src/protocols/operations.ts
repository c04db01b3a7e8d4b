import { Type } from "typebox";
import { AppError } from "../errors.ts";
import { closed, id, pageOfItems } from "../fields.ts";
import { isUuid } from "../ids.ts";
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
  output: pageOfItems(Protocol, "Protocols, newest first."),
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
  input: closed({
    protocol: Type.Union([id("Its id."), Type.String({ pattern: "^[0-9a-fA-F]{64}$" })], {
      description: "The protocol: its id, or its `params_hash`.",
    }),
  }),
  output: Protocol,
  async run({ scope }, { protocol }) {
    const key = isUuid(protocol) ? { protocol_id: protocol } : { params_hash: protocol.toLowerCase() };
    const row = await selectOptionalProtocol(scope.tx, key);
    if (row === undefined) throw new AppError("not_found", "no such protocol");
    return row;
  },
});
