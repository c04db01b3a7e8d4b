import { localPrincipal } from "../src/access/principal.ts";
import { withClient } from "../src/db/connect.ts";
import { ident } from "../src/db/roles.ts";
import { createOrgOperation } from "../src/orgs/operations.ts";
import { perform } from "../src/perform.ts";
import { makeHome } from "./lab.ts";
import { alternate, type Benchmark, item, median } from "./measure.ts";

export const benchmark: Benchmark = {
  name: "provision",
  about:
    "making organizations, beside bare CREATE DATABASE … TEMPLATE … STRATEGY WAL_LOG of the same template",
  async run({ quick, say }) {
    await using home = makeHome();
    await using context = await home.open();
    const operator = await localPrincipal(context.metadata, "admin", null);
    const template = await context.provisioner.ensureTemplate();
    const owner = ident(context.roles.owner);
    const create = (name: string) =>
      clockedMs(async () => {
        await perform(context, createOrgOperation, operator, { name }, { idempotencyKey: name });
      });
    // Both have their connection open after the warm-up; one that is made alone has to open it first.
    return await withClient(context.admin, "aliquot bench", async (client) => {
      const bare = (name: string) =>
        clockedMs(async () => {
          await client.query(
            `CREATE DATABASE ${name} OWNER ${owner} TEMPLATE ${ident(template)} STRATEGY WAL_LOG`,
          );
        });
      await create("warm-up");
      await bare("warm_up");
      const { a: ours, b: base } = await alternate(
        quick ? 5 : 30,
        (round) => create(`Organization ${round}`),
        (round) => bare(`bare_${round}`),
      );
      say(`ours ${shown(ours)}`);
      say(`bare ${shown(base)}`);
      return [
        item("provisioning an organization", "ms", median(ours), median(base), { of: "ratio", most: 1.5 }),
      ];
    });
  },
};

async function clockedMs(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function shown(times: number[]): string {
  return times.map((time) => time.toFixed(0)).join(" ");
}
