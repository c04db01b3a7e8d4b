// A process that migrates a fleet and kills itself after some of it: `node fleet-child.ts JSON`.

import { parseConfig } from "../../src/config.ts";
import { openContext } from "../../src/context.ts";
import { migrateFleet } from "../../src/orgs/fleet.ts";
import { Secret } from "../../src/secrets.ts";
import { withMigration } from "./fleet.ts";

export type FleetChild = {
  url: string;
  home: string;
  secret: string;
  /** What is there beside the program's own migrations. */
  extra: { name: string; up: string; down: string }[];
  die_after: number;
};

const orders = JSON.parse(process.argv[2] ?? "") as FleetChild;
const context = await openContext({
  config: parseConfig({ DATABASE_URL: orders.url }).config,
  home: orders.home,
  secret: new Secret(orders.secret),
  say: () => {},
  prepare: false,
  toolkitThreads: 1,
});
const migrations = orders.extra.reduce(
  (all, { name, up, down }) => withMigration(all, name, up, down),
  context.migrations.results,
);
await migrateFleet(
  context.metadata,
  { admin: context.admin, roles: context.roles, migrations },
  {
    direction: "up",
    report: ({ done }) => {
      if (done === orders.die_after) process.kill(process.pid, "SIGKILL");
    },
  },
);
