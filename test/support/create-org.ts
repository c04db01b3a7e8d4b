// Makes one organization in a process of its own and kills it at the point that is named: for tests alone.
import { localPrincipal } from "../../src/access/principal.ts";
import { parseConfig } from "../../src/config.ts";
import { openContext } from "../../src/context.ts";
import { createOrgOperation } from "../../src/orgs/operations.ts";
import { placeNames } from "../../src/orgs/place-names.ts";
import { Provisioner } from "../../src/orgs/provision.ts";
import { rotateCredentials } from "../../src/orgs/rotate.ts";
import { perform } from "../../src/perform.ts";
import { Secret } from "../../src/secrets.ts";
import { salted } from "./provisioning.ts";

/** What a test tells its process, as JSON in its only argument. */
export type CreateOrder = {
  env: Record<string, string>;
  home: string;
  secret: string;
  /** Organizations to make one after the other, with idempotency keys of the same text. */
  names: string[];
  /** Give this one new credentials instead. */
  rotate?: string;
  /** `role done`, `role noted`, …: where the process kills itself; absent: nowhere. */
  killAt?: string;
  /** Changes the fingerprint of the schema: a template that no server has yet. */
  salt?: string;
};

const order = JSON.parse(process.argv[2] ?? "{}") as CreateOrder;
const { config } = parseConfig(order.env);
await using context = await openContext({
  config,
  home: order.home,
  secret: new Secret(order.secret),
  say: () => {},
  toolkitThreads: 1,
});
const names = placeNames(config.results_template, [context.admin]);
const provisioner = new Provisioner(context.metadata, {
  admin: context.admin,
  ...(names.results === undefined ? {} : { results: names.results }),
  roles: context.roles,
  secret: context.secret,
  migrations: salted(context.migrations.results, order.salt),
  names,
  onStep: (step, when) => {
    if (order.killAt === `${step} ${when}`) process.kill(process.pid, "SIGKILL");
  },
});
const services = { ...context, provisioner };
const operator = await localPrincipal(context.metadata, "admin", null);
console.log("ready");
if (order.rotate !== undefined) await rotateCredentials(services, order.rotate);
for (const name of order.names) {
  const org = await perform(services, createOrgOperation, operator, { name }, { idempotencyKey: name });
  console.log(JSON.stringify(org));
}
