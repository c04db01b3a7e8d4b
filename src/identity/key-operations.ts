import { operation } from "../operation.ts";
import { createKey } from "./create-key.ts";
import { ApiKey, KeyCreate, KeyList, KeyNamed, KeyPage, MadeKey } from "./key-schema.ts";
import { listKeys } from "./list-keys.ts";
import { revokeKeyOf } from "./revoke-key.ts";

/* In person: a key that makes keys would outlive its own end. */

export const createKeyOperation = operation({
  name: "key.create",
  summary: "Make an API key for oneself or a service account; the key is shown this once",
  permission: "in_person",
  http: { method: "POST", path: "/keys" },
  tx: "own",
  input: KeyCreate,
  output: MadeKey,
  told: true,
  remember: (key) => ({ ...key, key: null }),
  run: createKey,
});

export const listKeysOperation = operation({
  name: "key.list",
  summary: "One's API keys in the organization, newest first; with keys:manage those of everybody there",
  permission: "in_person",
  http: { method: "GET", path: "/keys" },
  tx: "own",
  input: KeyList,
  output: KeyPage,
  run: ({ services, principal }, input) => listKeys(services, principal, input),
});

export const revokeKeyOperation = operation({
  name: "key.revoke",
  summary: "Revoke an API key for good",
  permission: "in_person",
  http: { method: "POST", path: "/keys/{key_id}/revoke" },
  tx: "own",
  repeats: false,
  input: KeyNamed,
  output: ApiKey,
  told: true,
  run: (call, { key_id }) => revokeKeyOf(call, key_id),
});
