CREATE TABLE database_servers (
  server_id uuid PRIMARY KEY DEFAULT new_id(),
  name text NOT NULL UNIQUE,
  address text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('database_servers', 'Servers that hold results databases.', $${
  "server_id": "UUIDv7.",
  "name": "As operators call it.",
  "address": "'metadata' for the server of the shared database, else host:port; never a password."
}$$);

CREATE TABLE org_databases (
  org_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
  server_id uuid NOT NULL REFERENCES database_servers,
  database_name text NOT NULL CHECK (char_length(database_name) BETWEEN 1 AND 63),
  role_name text NOT NULL CHECK (char_length(role_name) BETWEEN 1 AND 63),
  generation bigint NOT NULL DEFAULT 1 CHECK (generation > 0),
  state text NOT NULL DEFAULT 'requested'
    CHECK (state IN ('requested', 'role', 'database', 'grants', 'verified', 'active', 'frozen', 'dropped')),
  schema_version integer NOT NULL DEFAULT 0 CHECK (schema_version >= 0),
  breaking_version integer NOT NULL DEFAULT 0 CHECK (breaking_version BETWEEN 0 AND schema_version),
  credential_version integer NOT NULL DEFAULT 1 CHECK (credential_version > 0),
  touched_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX org_databases_place_key ON org_databases (server_id, database_name);
CREATE INDEX org_databases_touched ON org_databases (touched_at DESC);
CREATE INDEX org_databases_version ON org_databases (state, schema_version, org_id);
CALL finish_table('org_databases', 'Directory: where the results database of an organization is and how far its making got.', $${
  "org_id": "The organization.",
  "server_id": "The server it lies on.",
  "database_name": "Opaque: tells nothing of the organization.",
  "role_name": "Its login role; the password is derived and stored nowhere.",
  "generation": "Raised when a restored or moved database takes its place.",
  "state": "Last finished step of provisioning; active when it may be used.",
  "schema_version": "Copy of the database's own ledger, which is the truth.",
  "breaking_version": "Copy too: its highest migration that is marked breaking; a program that does not know that one stays out.",
  "credential_version": "Goes into the derived password; raised by a rotation.",
  "touched_at": "Set before each submission commits, so that the reconciler knows where to look first.",
  "last_error": "Why the last step failed."
}$$);

CREATE FUNCTION check_org_database_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF NOT (CASE OLD.state
    WHEN 'requested' THEN NEW.state IN ('role', 'dropped')
    WHEN 'role' THEN NEW.state IN ('database', 'dropped')
    WHEN 'database' THEN NEW.state IN ('grants', 'dropped')
    WHEN 'grants' THEN NEW.state IN ('verified', 'dropped')
    WHEN 'verified' THEN NEW.state IN ('active', 'dropped')
    WHEN 'active' THEN NEW.state IN ('frozen', 'dropped')
    WHEN 'frozen' THEN NEW.state IN ('active', 'dropped')
    ELSE false END)
  THEN
    RAISE EXCEPTION 'a database that is % can''t become %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'org_database_step';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_org_database_step() IS 'Refuses a step that the making of a database does not have; dropped is the end.';
CREATE TRIGGER org_databases_step BEFORE UPDATE OF state ON org_databases FOR EACH ROW
  WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION check_org_database_step();
