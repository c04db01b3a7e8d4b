import * as audit from "./audit/operations.ts";
import * as failures from "./batches/failure-operations.ts";
import * as batches from "./batches/operations.ts";
import * as calculations from "./calculations/operations.ts";
import * as docking from "./docking/operations.ts";
import * as events from "./events/operations.ts";
import * as files from "./files/operations.ts";
import * as identity from "./identity/operations.ts";
import * as jobs from "./jobs/operations.ts";
import * as molecules from "./molecules/operations.ts";
import type { Follow } from "./operation.ts";
import * as orgs from "./orgs/operations.ts";
import * as people from "./people/operations.ts";
import * as pipelines from "./pipelines/operations.ts";
import * as protocols from "./protocols/operations.ts";
import * as engines from "./queue/operations.ts";
import * as receptors from "./receptors/operations.ts";
import * as resultCache from "./result-cache/operations.ts";
import * as sites from "./sites/operations.ts";
import * as structures from "./structures/operations.ts";

/** One line a feature. Routes, the client and the generated security tests are made from this list. */
export const FEATURES = {
  orgs,
  audit,
  identity,
  people,
  molecules,
  structures,
  receptors,
  sites,
  pipelines,
  jobs,
  files,
  calculations,
  docking,
  batches,
  failures,
  events,
  protocols,
  resultCache,
  engines,
} as const;

/** Every operation there is. */
export const OPERATIONS = Object.values(FEATURES).flatMap((feature) =>
  Object.values(feature).filter(isOperation),
);

/** Everything that may be followed while it goes on. */
export const FOLLOWS = Object.values(FEATURES).flatMap((feature) => Object.values(feature).filter(isFollow));

function isOperation(value: unknown): value is { name: string; permission: string; tx: string } {
  return typeof value === "object" && value !== null && "permission" in value && "tx" in value;
}

function isFollow(value: unknown): value is Follow {
  return typeof value === "object" && value !== null && "told_as" in value;
}
