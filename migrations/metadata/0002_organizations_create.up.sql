CREATE TABLE organizations (
  org_id uuid PRIMARY KEY DEFAULT new_id(),
  name text NOT NULL CONSTRAINT org_name_length CHECK (char_length(name) BETWEEN 3 AND 100 AND name = btrim(name)),
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 100),
  status text NOT NULL DEFAULT 'provisioning'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'deleting', 'deleted')),
  quotas jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(quotas) = 'object'),
  suspended_at timestamptz,
  delete_after timestamptz,
  deleted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT org_suspended CHECK (status <> 'suspended' OR suspended_at IS NOT NULL),
  CONSTRAINT org_deleting CHECK (status <> 'deleting' OR delete_after IS NOT NULL),
  CONSTRAINT org_deleted CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);
-- A tombstone keeps its name and gives it free.
CREATE UNIQUE INDEX organizations_name_key ON organizations (lower(name)) WHERE status <> 'deleted';
CREATE UNIQUE INDEX organizations_slug_key ON organizations (slug) WHERE status <> 'deleted';
CREATE INDEX organizations_delete_after ON organizations (delete_after) WHERE status = 'deleting';
CALL finish_table('organizations', 'The tenants. Everything one owns is in its own results database.', $${
  "org_id": "UUIDv7.",
  "name": "As people call it; unique whatever the case.",
  "slug": "Name in addresses and commands, made from the name.",
  "status": "provisioning, active, suspended, deleting or deleted.",
  "quotas": "concurrent_tasks, queued_tasks, storage_bytes, members, batch_items; absent means the default.",
  "suspended_at": "When it was suspended, and still while it is being deleted: taken back it is suspended again. Null: it was active.",
  "delete_after": "When the database of a deleting organization is dropped; until then it can be taken back.",
  "deleted_at": "When it was dropped; the row stays as a tombstone."
}$$);

CREATE FUNCTION check_org_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF NOT (CASE OLD.status
    WHEN 'provisioning' THEN NEW.status IN ('active', 'deleting')
    WHEN 'active' THEN NEW.status IN ('suspended', 'deleting')
    WHEN 'suspended' THEN NEW.status IN ('active', 'deleting')
    WHEN 'deleting' THEN NEW.status IN ('active', 'suspended', 'provisioning', 'deleted')
    ELSE false END)
  THEN
    RAISE EXCEPTION 'an organization that is % can''t become %', OLD.status, NEW.status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'org_step';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_org_step() IS 'Refuses a step that the life of an organization does not have; deleted is the end.';
CREATE TRIGGER organizations_step BEFORE UPDATE OF status ON organizations FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_org_step();

CREATE TABLE org_settings (
  org_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
  storage_bucket text,
  storage_prefix text,
  logs_backend text,
  config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('org_settings', 'Settings of one organization.', $${
  "org_id": "The organization.",
  "storage_bucket": "Bucket of its objects where they do not lie in the common one.",
  "storage_prefix": "Prefix of its objects; the organization's id where null.",
  "logs_backend": "Where engine logs go; the object store where null.",
  "config": "Retention, cache threshold and TTL, rate limits, backup schedule."
}$$);

CREATE POLICY organizations_member ON organizations FOR SELECT TO {member} USING (org_id = (SELECT app_org()));
CREATE POLICY org_settings_member ON org_settings FOR SELECT TO {member} USING (org_id = (SELECT app_org()));
GRANT SELECT ON organizations, org_settings TO {member};
