/** Where the database of an organization is, as the directory says it. */
export type OrgPlace = {
  org_id: string;
  name: string;
  slug: string;
  status: string;
  server_address: string;
  database_name: string;
  role_name: string;
  generation: number;
  state: string;
  schema_version: number;
  /** Its highest migration that is marked breaking; 0 where none is. */
  breaking_version: number;
  credential_version: number;
  /** Tasks that may wait or run at once; null: as many as there are. */
  queued_tasks: number | null;
};
