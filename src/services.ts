import type { Cache } from "./cache/cache.ts";
import type { MetadataDoor } from "./db/metadata.ts";
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
  log: Logger;
};
