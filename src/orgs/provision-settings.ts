import type { ServerAddress } from "../db/address.ts";
import type { Migration } from "../db/migrations.ts";
import type { Roles } from "../db/roles.ts";
import type { Secret } from "../secrets.ts";
import type { PlaceNames } from "./place-names.ts";

/** What making, mending and dropping results databases needs to know. */
export type ProvisionSettings = {
  /** The administrator (CREATEDB, CREATEROLE) of the shared database's server. */
  admin: ServerAddress;
  /** The same of another server, where RESULTS_DB_TEMPLATE names one. */
  results?: ServerAddress;
  roles: Roles;
  secret: Secret;
  migrations: Migration[];
  /** Where new databases go and what they are called. */
  names: PlaceNames;
  /** Test only: told when a step has had its effect, and again when that is noted. */
  onStep?: (step: string, when: "done" | "noted") => void;
};
