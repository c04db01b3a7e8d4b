import type { TSchema } from "typebox";
import type { AccessMemory } from "./access/memory.ts";
import type { PasswordGate } from "./access/password-gate.ts";
import type { TokenMaker } from "./access/token-maker.ts";
import type { Cache } from "./cache/cache.ts";
import type { MetadataDoor } from "./db/metadata.ts";
import type { Pulse } from "./events/pulse.ts";
import type { SignInThrottle } from "./identity/throttle.ts";
import type { Logger } from "./log.ts";
import type { ObjectStore } from "./objects/store.ts";
import type { ResultsDoor } from "./orgs/door.ts";
import type { Provisioner } from "./orgs/provision.ts";
import type { Toolkit } from "./toolkit/toolkit.ts";

/** What use cases may lean on. Opened and closed by `context.ts`, which alone chooses adapters. */
export type Services = {
  metadata: MetadataDoor;
  results: ResultsDoor;
  provisioner: Provisioner;
  objects: ObjectStore;
  toolkit: Toolkit;
  cache: Cache;
  /** What tells those who follow something that it changed. */
  pulse: Pulse;
  /** Who may do what, believed for 10 s: whoever changes it says `forget` after the commit. */
  access: AccessMemory;
  tokens: TokenMaker;
  passwords: PasswordGate;
  signIns: SignInThrottle;
  log: Logger;
  /** Of a context that tests open: looks at every answer before it is given, and throws where its schema lies. */
  answered?: (of: { name: string; output: TSchema }, answer: unknown) => void;
};
