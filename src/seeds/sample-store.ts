import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";

/** What sample molecules' registrations say they came from, whatever they are renamed to. */
export const SAMPLE_FILE = "seeds/sample_molecules.json";

export type SampleRow = { registration_id: string; input_text: string; name: string | null; tags: string[] };

/** A person's registrations of sample molecules. */
export async function selectSamples(db: ResultsDb, ownerId: string): Promise<SampleRow[]> {
  return db
    .selectFrom("registrations")
    .select(["registration_id", "input_text", "name", "tags"])
    .where("owner_id", "=", ownerId)
    .where("source_file", "=", SAMPLE_FILE)
    .where(sql<boolean>`NOT properties ? 'derived_from'`)
    .orderBy("registration_id")
    .execute();
}

/** Whether anything was ever registered here, as far as the asker sees. */
export async function selectAnyRegistration(db: ResultsDb): Promise<boolean> {
  return (
    (await db.selectFrom("registrations").select("registration_id").limit(1).executeTakeFirst()) !== undefined
  );
}

/** Gives a registration its name and adds a tag to those that it has. */
export async function updateSample(
  tx: ResultsTx,
  registrationId: string,
  sample: { name: string; tag: string },
): Promise<void> {
  await tx
    .updateTable("registrations")
    .set({
      name: sample.name,
      tags: sql<
        string[]
      >`CASE WHEN ${sample.tag} = ANY (tags) THEN tags ELSE tags || ${sample.tag}::text END`,
    })
    .where("registration_id", "=", registrationId)
    .execute();
}
