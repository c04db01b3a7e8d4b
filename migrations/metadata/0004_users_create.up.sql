CREATE TABLE users (
  user_id uuid PRIMARY KEY DEFAULT new_id(),
  email text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 320 AND email LIKE '%_@_%'),
  username text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 100),
  hashed_password text,
  auth_provider text NOT NULL DEFAULT 'local',
  enabled boolean NOT NULL DEFAULT true,
  is_admin boolean NOT NULL DEFAULT false,
  last_login_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_username_key ON users (lower(username));
CALL finish_table('users', 'PII: people, across organizations.', $${
  "user_id": "UUIDv7.",
  "email": "PII: address; unique whatever the case.",
  "username": "PII: name at the command line; unique whatever the case.",
  "hashed_password": "Confidential: Argon2id; null where the person signs in elsewhere or only locally.",
  "auth_provider": "local, or the name of an identity provider.",
  "enabled": "False: may do nothing.",
  "is_admin": "May operate the installation.",
  "last_login_at": "PII: when the person last signed in."
}$$);

CREATE TABLE roles (
  role_id uuid PRIMARY KEY DEFAULT new_id(),
  org_id uuid REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX roles_name_key ON roles (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), name);
CREATE INDEX roles_org ON roles (org_id);
CALL finish_table('roles', 'Roles; those without an organization are the system''s.', $${
  "role_id": "UUIDv7.",
  "org_id": "The organization it belongs to; null: a system role (owner, admin, scientist, viewer, service).",
  "name": "Unique within its organization."
}$$);

CREATE TABLE role_permissions (
  role_id uuid NOT NULL REFERENCES roles ON DELETE CASCADE,
  permission text NOT NULL CHECK (permission ~ '^[a-z_]+:[a-z_]+$'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (role_id, permission)
);
CALL finish_table('role_permissions', 'What a role may do.', $${
  "role_id": "The role.",
  "permission": "noun:verb, one of the closed list in the code."
}$$);

CREATE TABLE memberships (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  org_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, org_id)
);
CREATE INDEX memberships_org ON memberships (org_id);
CALL finish_table('memberships', 'PII: who belongs to which organization.', $${
  "user_id": "The person.",
  "org_id": "The organization."
}$$);

CREATE TABLE membership_roles (
  user_id uuid NOT NULL,
  org_id uuid NOT NULL,
  role_id uuid NOT NULL REFERENCES roles ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, org_id, role_id),
  FOREIGN KEY (user_id, org_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX membership_roles_role ON membership_roles (role_id);
CREATE INDEX membership_roles_org ON membership_roles (org_id);
CALL finish_table('membership_roles', 'Roles of a member.', $${
  "user_id": "The person.",
  "org_id": "The organization.",
  "role_id": "A system role or one of the organization's."
}$$);

CREATE FUNCTION check_role_org() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM roles r WHERE r.role_id = NEW.role_id AND (r.org_id IS NULL OR r.org_id = NEW.org_id)) THEN
    RAISE EXCEPTION 'a role of another organization' USING ERRCODE = 'check_violation', CONSTRAINT = 'role_of_org';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_role_org() IS 'A member has roles of the system or of that organization only.';
CREATE TRIGGER membership_roles_org BEFORE INSERT OR UPDATE ON membership_roles FOR EACH ROW EXECUTE FUNCTION check_role_org();

CREATE POLICY memberships_member ON memberships FOR SELECT TO {member} USING (org_id = (SELECT app_org()));
CREATE POLICY membership_roles_member ON membership_roles FOR SELECT TO {member} USING (org_id = (SELECT app_org()));
CREATE POLICY users_member ON users FOR SELECT TO {member} USING (
  user_id = (SELECT app_user())
  OR EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.user_id AND m.org_id = (SELECT app_org())));
CREATE POLICY roles_member ON roles FOR SELECT TO {member} USING (
  (SELECT app_org()) IS NOT NULL AND (org_id IS NULL OR org_id = (SELECT app_org())));
CREATE POLICY role_permissions_member ON role_permissions FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM roles r WHERE r.role_id = role_permissions.role_id));
GRANT SELECT ON memberships, membership_roles, roles, role_permissions TO {member};
GRANT SELECT (user_id, email, username, auth_provider, enabled, is_admin, last_login_at, created_at, updated_at) ON users TO {member};
