import { addMolecules } from "../src/molecules/operations.ts";
import { perform } from "../src/perform.ts";
import { asSuperuser } from "./bare-rows.ts";
import { drugLikeSmiles } from "./data/smiles.ts";
import type { Lab } from "./lab.ts";

const REAL = 100;

/**
 * Makes the organization know `count` molecules without unknown stereo: a hundred read by the toolkit, the others
 * copies of their rows under keys of their own, because it is not the chemistry that is measured. Returns their ids.
 */
export async function knowMolecules(lab: Lab, count: number): Promise<string[]> {
  const smiles = drugLikeSmiles(4 * REAL).filter((text) => !text.includes(".") && !/C\(O\)|\[C@/.test(text));
  const { items } = await perform(lab.context, addMolecules, lab.principal, {
    records: smiles.slice(0, REAL).map((text) => ({ text, format: "smiles" as const })),
  });
  const real = items.map(({ molecule_id }) => molecule_id);
  return asSuperuser(lab, "results", async (client) => {
    const columns = async (table: string, left_out: string[]) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
          AND attgenerated = '' AND NOT attname = ANY ($2)`,
        [table, left_out],
      );
      return rows.map(({ name }) => name).join(", ");
    };
    const chemistry = await columns("molecules", ["molecule_id", "identity_key"]);
    const names = await columns("registrations", ["registration_id", "molecule_id"]);
    await client.query(
      `CREATE TEMP TABLE copies AS SELECT m.molecule_id AS original, gen_random_uuid() AS molecule_id, n
       FROM unnest($1::uuid[]) AS m(molecule_id), generate_series(1, $2::int) AS n LIMIT $3`,
      [real, Math.ceil(count / real.length), Math.max(0, count - real.length)],
    );
    await client.query(
      `INSERT INTO molecules (molecule_id, identity_key, ${chemistry})
       SELECT c.molecule_id, m.identity_key || '-' || c.n, ${chemistry} FROM copies c JOIN molecules m ON m.molecule_id = c.original`,
    );
    await client.query(
      `INSERT INTO registrations (molecule_id, ${names}) SELECT c.molecule_id, ${names}
       FROM copies c JOIN registrations r ON r.molecule_id = c.original`,
    );
    const { rows } = await client.query<{ molecule_id: string }>("SELECT molecule_id FROM copies");
    await client.query("DROP TABLE copies");
    await client.query("ANALYZE molecules, registrations");
    return [...real, ...rows.map(({ molecule_id }) => molecule_id)].slice(0, count);
  });
}
