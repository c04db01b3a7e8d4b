import type { Branch } from "../db/migrations.ts";

/**
 * Tables that are read and drawn together. Of each table: the columns that a diagram shows beside its keys,
 * those that tell best what it is. A test holds the list complete, without doubles and without dead names.
 */
export type Group = { title: string; tables: Readonly<Record<string, readonly string[]>> };

export const GROUPS: Readonly<Record<Branch, readonly Group[]>> = {
  metadata: [
    {
      title: "Tenancy",
      tables: {
        organizations: ["name", "slug", "status", "quotas"],
        org_settings: ["storage_bucket", "config"],
        database_servers: ["name", "address"],
        org_databases: ["database_name", "generation", "state", "schema_version"],
      },
    },
    {
      title: "People and access",
      tables: {
        users: ["email", "username", "enabled", "is_admin"],
        memberships: [],
        membership_roles: [],
        roles: ["name"],
        role_permissions: ["permission"],
        tokens: ["kind", "expires_at", "revoked"],
        api_keys: ["prefix", "name", "scopes", "is_active"],
        identity_providers: ["name", "kind"],
        identities: ["subject", "email"],
      },
    },
    {
      title: "Catalogue",
      tables: {
        task_definitions: ["name", "version", "task_type"],
        task_services: ["name", "kind", "status"],
        pipeline_templates: ["name", "spec"],
        pipelines: ["name", "visibility", "latest_version"],
        pipeline_versions: ["version", "spec", "published"],
      },
    },
    {
      title: "Queue and job index",
      tables: {
        jobs_meta: ["status", "priority", "generation", "last_seq"],
        task_queue: ["engine", "priority", "rank", "lease_owner", "fence"],
        queue_lanes: ["vtime", "weight", "quota"],
        workers: ["host", "engines", "slots", "last_seen_at"],
      },
    },
    {
      title: "Audit and housekeeping",
      tables: {
        audit_logs: ["action", "entity_type", "entity_id", "ts", "hash"],
        audit_heads: ["seq", "hash"],
        idempotency_keys: ["request_hash", "answer", "expires_at"],
        schema_migrations: ["name", "checksum", "applied_at"],
      },
    },
  ],
  results: [
    {
      title: "Molecules and projects",
      tables: {
        molecules: ["identity_key", "inchikey", "compound_key", "smiles", "charge"],
        registrations: ["name", "external_id", "input_text", "owner_id", "visibility"],
        molecule_relations: ["rule"],
        projects: ["name", "owner_id", "visibility"],
        collections: ["name", "owner_id", "visibility"],
        collection_members: ["note"],
      },
    },
    {
      title: "Structures and sites",
      tables: {
        structures: ["kind", "format", "uri", "checksum"],
        protocols: ["task", "program", "program_version", "params_hash"],
        binding_sites: ["name", "version", "center_x_angstrom", "size_x_angstrom"],
      },
    },
    {
      title: "Jobs",
      tables: {
        pipeline_specs: ["name", "version", "spec"],
        jobs: ["status", "input_signature", "params", "priority", "owner_id", "visibility"],
        job_inputs: ["uri", "checksum"],
        job_outputs: ["uri", "checksum"],
        job_events: ["event", "detail"],
      },
    },
    {
      title: "Tasks",
      tables: {
        tasks: ["engine", "status", "attempt", "fence"],
        task_executions: ["status", "fence", "signature", "logs_uri"],
        task_results: ["confidence_score", "checks", "result_data"],
        result_cache: ["signature", "confidence_score", "expires_at"],
      },
    },
    {
      title: "Batches",
      tables: {
        batch_jobs: ["name", "status", "total_items", "owner_id", "visibility"],
        batch_items: ["status", "error", "retry_count"],
        batch_progress: ["pending", "completed", "failed"],
      },
    },
    {
      title: "Results",
      tables: {
        calculations: ["method", "energy_eh", "gap_ev", "dipole_debye", "convergence_status", "owner_id"],
        atomic_properties: ["element", "partial_charge", "x_angstrom", "gradient_x_eh_per_bohr"],
        docking_results: ["pose_rank", "affinity_kcal_mol", "ligand_efficiency", "private_to"],
      },
    },
    {
      title: "Artifacts and datasets",
      tables: {
        artifacts: ["kind", "title", "latest_version", "owner_id", "visibility"],
        artifact_versions: ["state_hash", "document_id", "uri"],
        documents: ["collection", "body", "state_hash", "private_to"],
        executions: ["agent", "endpoint", "ok", "duration_ms", "private_to"],
        datasets: ["name", "version", "frozen_at"],
        dataset_members: ["split", "group_key"],
      },
    },
    {
      title: "Events and housekeeping",
      tables: {
        event_logs: ["event_type", "entity_type", "entity_id", "ts", "private_to"],
        database_identity: ["org_id", "generation"],
        outbox: ["topic", "payload", "relayed_at"],
        idempotency_keys: ["request_hash", "answer", "expires_at"],
        schema_migrations: ["name", "checksum", "applied_at"],
      },
    },
  ],
};

/** Tables of a branch by group; a table that stands in no group comes last, in one called "Other". */
export function grouped<T extends { name: string }>(
  branch: Branch,
  tables: readonly T[],
): { title: string; tables: T[] }[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const groups = GROUPS[branch].map((group) => ({
    title: group.title,
    tables: Object.keys(group.tables).flatMap((name) => byName.get(name) ?? []),
  }));
  const known = new Set(groups.flatMap((group) => group.tables));
  const other = tables.filter((table) => !known.has(table));
  return other.length === 0 ? groups : [...groups, { title: "Other", tables: other }];
}

/** The columns of a table that tell best what it is, beside its keys. */
export function tellingColumns(branch: Branch, table: string): readonly string[] {
  return GROUPS[branch].find((group) => table in group.tables)?.tables[table] ?? [];
}
