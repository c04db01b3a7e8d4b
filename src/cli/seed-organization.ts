import { inOrganization } from "../access/policy.ts";
import { localPrincipal, type OrgPrincipal, type Principal } from "../access/principal.ts";
import { AppError } from "../errors.ts";
import { addMolecules } from "../molecules/operations.ts";
import { createOrgOperation } from "../orgs/operations.ts";
import { selectOptionalPlaceByName, selectPlaces } from "../orgs/store.ts";
import { insertOutbox } from "../outbox.ts";
import { perform } from "../perform.ts";
import { seedingEntry } from "../seeds/audit.ts";
import { readSeeds, type Seeds } from "../seeds/files.ts";
import { noted, type SeedChange } from "../seeds/report.ts";
import { SAMPLE_FILE, selectAnyRegistration, selectSamples, updateSample } from "../seeds/sample-store.ts";
import type { Services } from "../services.ts";

export type SeededOrganization = { name: string; status: string; changes: SeedChange[] };

const TAG = "sample";

/**
 * Makes the default organization, with `admin` as its owner, and registers sample molecules in it, through
 * the same operations that people use. One whose making was cut short is finished; one that is not active is
 * left alone, and its status is answered.
 *
 * `asked`: somebody said `seed`, so it is made and what its samples lack is added. Without it (`up`) it is
 * made only where SEED_ORG names it or there is no organization at all, and gets samples only while nothing
 * was ever registered there, so that what people deleted does not come back. Null: nothing to do.
 * Throws AppError: usage (SEED_ORG is no name for an organization), and what the operations throw.
 */
export async function seedOrganization(
  services: Services,
  admin: Principal,
  options: { name: string | undefined; asked: boolean; force: boolean },
): Promise<SeededOrganization | null> {
  const seeds = await readSeeds();
  const [organization] = seeds.organizations;
  const name = options.name ?? organization?.name ?? "default";
  const there = await services.metadata.system((tx) => selectOptionalPlaceByName(tx, name));
  const changes: SeedChange[] = [];
  if (there === undefined || there.status === "provisioning") {
    if (!options.asked && options.name === undefined && there === undefined) {
      const others = await services.metadata.system(selectPlaces);
      if (others.length > 0) return null;
    }
    await makeOrganization(services, admin, name);
    changes.push({ kind: "organization", name, change: "added", what: [] });
  } else if (there.status !== "active") return { name, status: there.status, changes };
  const place = await services.metadata.system((tx) => selectOptionalPlaceByName(tx, name));
  if (place === undefined) throw new AppError("conflict", `organization ${name} was deleted meanwhile`);
  if (organization?.sample_molecules === true) {
    const owner = inOrganization(await localPrincipal(services.metadata, admin.username, place.org_id));
    if (options.asked || !(await services.results.read(owner, ({ tx }) => selectAnyRegistration(tx))))
      changes.push(...(await seedSamples(services, owner, seeds.sample_molecules, options.force)));
  }
  return { name, status: place.status, changes };
}

async function makeOrganization(services: Services, admin: Principal, name: string): Promise<void> {
  try {
    await perform(services, createOrgOperation, admin, { name });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.kind === "bad_input")
      throw new AppError("usage", `settings: SEED_ORG is no name for an organization: ${error.message}`, {
        cause: error,
      });
    // Another seeding began it between our look and our try: it is there, or the same call finishes it.
    const now = await services.metadata.system((tx) => selectOptionalPlaceByName(tx, name));
    if (error.kind === "conflict" && now?.status === "active") return;
    if (error.kind === "conflict" && now?.status === "provisioning")
      return makeOrganization(services, admin, name);
    throw error;
  }
}

/** Registers what is missing; a sample that its owner renamed differs, and gets its name back with force. */
async function seedSamples(
  services: Services,
  owner: OrgPrincipal,
  samples: Seeds["sample_molecules"],
  force: boolean,
): Promise<SeedChange[]> {
  const found = await services.results.read(owner, ({ tx }) => selectSamples(tx, owner.user_id));
  const rowOf = new Map(found.map((row) => [row.input_text, row]));
  const missing = samples.flatMap((sample, index) =>
    rowOf.has(sample.smiles) ? [] : [{ sample, line: index + 1 }],
  );
  if (missing.length > 0) {
    const { rejected } = await perform(services, addMolecules, owner, {
      source_file: SAMPLE_FILE,
      records: missing.map(({ sample: { name, smiles, source }, line }) => {
        return { text: smiles, format: "smiles" as const, name, line, properties: { source }, tags: [TAG] };
      }),
    });
    const [first] = rejected;
    if (first !== undefined)
      throw new AppError("bad_input", `${SAMPLE_FILE}/${first.line - 1}/smiles ${first.message}`);
  }
  const changed = samples.flatMap((sample) => {
    const row = rowOf.get(sample.smiles);
    if (row === undefined) return [];
    const what = [...(row.name === sample.name ? [] : ["name"]), ...(row.tags.includes(TAG) ? [] : ["tags"])];
    return what.length === 0 ? [] : [{ sample, row, what }];
  });
  const changes = changed.flatMap(({ sample, what }) =>
    noted("sample_molecule", sample.name, force ? "put_back" : "differs", what),
  );
  if (force && changed.length > 0) {
    await services.results.touch(owner.org_id);
    await services.results.transact(owner, async ({ tx }) => {
      for (const { row, sample } of changed)
        await updateSample(tx, row.registration_id, { name: sample.name, tag: TAG });
      const entry = seedingEntry(changes, owner);
      if (entry !== undefined) await insertOutbox(tx, [{ topic: "audit", payload: entry }]);
    });
    await services.results.relay(owner.org_id).catch(() => {}); // the reconciler takes what waits
  }
  return [
    ...missing.map(({ sample }): SeedChange => {
      return { kind: "sample_molecule", name: sample.name, change: "added", what: [] };
    }),
    ...changes,
  ];
}
