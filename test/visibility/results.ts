import { chemistryTables } from "./results-chemistry.ts";
import { deedsOfResults } from "./results-deeds.ts";
import { keptTables } from "./results-kept.ts";
import { kitOf } from "./results-kit.ts";
import { workTables } from "./results-work.ts";
import { LEDGER, type Matrix, tail } from "./table.ts";

/** The matrix of a results database. */
export function resultsMatrix(home: string): Matrix {
  const kit = kitOf(home);
  return {
    tables: {
      ...chemistryTables(kit),
      ...workTables(kit),
      ...keptTables(kit),
      schema_migrations: LEDGER,
    },
    views: {
      atomic_forces: {
        of: "atomic_properties",
        label: tail("calculation_id"),
        see: "shared",
        grants: "select",
        system: "select",
      },
    },
    deeds: deedsOfResults(),
    definers: {
      register_molecules: "member system",
      relate_molecules: "member system",
      ensure_partitions: "member system",
      search_registrations: "member system",
      search_jobs: "member system",
      next_rank: "member system",
      count_open_tasks: "member system",
      in_own_org: "member system",
    },
  };
}
