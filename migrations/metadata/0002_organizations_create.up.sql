CREATE TABLE organizations (
  org_id uuid PRIMARY KEY DEFAULT new_id(),
  name text NOT NULL CONSTRAINT org_name_length CHECK (char_length(name) BETWEEN 3 AND 100 AND name = btrim(name)),
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 100),
  status text NOT NULL DEFAULT 'provisioning'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'deleting', 'deleted')),
  quotas jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(quotas) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX organizations_name_key ON organizations (lower(name));
CREATE UNIQUE INDEX organizations_slug_key ON organizations (slug);
CALL finish_table('organizations', 'The tenants. Everything one owns is in its own results database.', $${
  "org_id": "UUIDv7.",
  "name": "As people call it; unique whatever the case.",
  "slug": "Name in addresses and commands, made from the name.",
  "status": "provisioning, active, suspended, deleting or deleted.",
  "quotas": "concurrent_tasks, queued_tasks, storage_bytes, members, batch_items; absent means the default."
}$$);

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
