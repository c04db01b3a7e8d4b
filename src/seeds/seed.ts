import { SYSTEM_ROLES } from "../access/permissions.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import { readSeeds } from "./files.ts";
import {
  insertAdmin,
  insertPipelines,
  insertTaskServices,
  lockSeeding,
  upsertRoles,
  upsertTaskDefinitions,
} from "./store.ts";

/** How many rows of each kind seeding added or changed. */
export type SeedReport = {
  roles: number;
  users: number;
  task_definitions: number;
  task_services: number;
  pipelines: number;
};

/**
 * Puts in what the system itself needs. Saying it again changes nothing; `force` puts back what is
 * the system's and was changed, and touches nothing that people made.
 */
export async function seed(
  metadata: MetadataDoor,
  options: { adminEmail: string; force: boolean },
): Promise<SeedReport> {
  const seeds = await readSeeds();
  return metadata.system(async (tx) => {
    await lockSeeding(tx);
    return {
      roles: await upsertRoles(tx, SYSTEM_ROLES),
      users: await insertAdmin(tx, options.adminEmail),
      task_definitions: await upsertTaskDefinitions(tx, seeds.taskDefinitions, options.force),
      task_services: await insertTaskServices(tx, seeds.taskServices),
      pipelines: await insertPipelines(tx, seeds.pipelines),
    };
  });
}
