CREATE TABLE tokens (
  token_id uuid PRIMARY KEY DEFAULT new_id(),
  user_id uuid REFERENCES users ON DELETE CASCADE,
  org_id uuid REFERENCES organizations ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('refresh', 'invite', 'reset')),
  token_hash text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
  family_id uuid NOT NULL DEFAULT new_id(),
  parent_id uuid REFERENCES tokens ON DELETE CASCADE,
  email text CHECK (char_length(email) BETWEEN 3 AND 320),
  role_id uuid REFERENCES roles ON DELETE CASCADE,
  created_by uuid REFERENCES users,
  expires_at timestamptz NOT NULL,
  revoked boolean NOT NULL DEFAULT false,
  used_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT token_of_somebody CHECK (user_id IS NOT NULL OR (kind = 'invite' AND email IS NOT NULL)),
  CONSTRAINT token_invite_to_org CHECK (kind <> 'invite' OR org_id IS NOT NULL)
);
CREATE INDEX tokens_user ON tokens (user_id, kind);
CREATE INDEX tokens_org ON tokens (org_id);
CREATE INDEX tokens_family ON tokens (family_id);
CREATE INDEX tokens_parent ON tokens (parent_id);
CREATE INDEX tokens_role ON tokens (role_id);
CREATE INDEX tokens_created_by ON tokens (created_by);
CREATE INDEX tokens_expiry ON tokens (expires_at);
CALL finish_table('tokens', 'Tokens that are kept, as hashes: refresh tokens, invitations, password resets.', $${
  "token_id": "UUIDv7.",
  "user_id": "Whose it is; null: an invitation of somebody who is no user yet.",
  "org_id": "Organization it speaks for.",
  "kind": "refresh, invite or reset.",
  "token_hash": "Confidential: SHA-256 of the token; the token itself is stored nowhere.",
  "family_id": "All that were made from one sign-in: using an old one again revokes them together.",
  "parent_id": "The one it replaced.",
  "email": "PII: who is invited.",
  "role_id": "Role that an invitation gives.",
  "created_by": "Who invited, or reset.",
  "expires_at": "When it ends.",
  "revoked": "True: refused.",
  "used_at": "When it was used; each is used once."
}$$);

CREATE TABLE api_keys (
  key_id uuid PRIMARY KEY DEFAULT new_id(),
  org_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  prefix text NOT NULL UNIQUE CHECK (prefix ~ '^[a-z0-9]{8,32}$'),
  key_hash text NOT NULL UNIQUE CHECK (key_hash ~ '^[0-9a-f]{64}$'),
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  scopes text[] CHECK (cardinality(scopes) > 0 AND array_position(scopes, NULL) IS NULL),
  is_active boolean NOT NULL DEFAULT true,
  last_used_at timestamptz,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_keys_org ON api_keys (org_id);
CREATE INDEX api_keys_user ON api_keys (user_id);
CALL finish_table('api_keys', 'Keys of programs: each acts for one person in one organization, within its scopes.', $${
  "key_id": "UUIDv7.",
  "org_id": "Organization it speaks for.",
  "user_id": "Person or service account it acts as.",
  "prefix": "The part that is shown; finds the row.",
  "key_hash": "Confidential: SHA-256 of the key; the key itself is shown once and stored nowhere.",
  "name": "What its owner calls it.",
  "scopes": "Permissions it is limited to; null: those of its owner.",
  "is_active": "False: refused.",
  "last_used_at": "When it was last used, to the minute.",
  "expires_at": "When it ends; null: never."
}$$);

CREATE TABLE identity_providers (
  provider_id uuid PRIMARY KEY DEFAULT new_id(),
  name text NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
  kind text NOT NULL CHECK (kind IN ('oidc')),
  config jsonb NOT NULL
    CHECK (jsonb_typeof(config) = 'object' AND NOT config ?| ARRAY['secret', 'client_secret', 'password']),
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('identity_providers', 'Where people may sign in besides here.', $${
  "provider_id": "UUIDv7.",
  "name": "As people choose it.",
  "kind": "oidc.",
  "config": "issuer, client_id, and the name of the variable that holds the secret; never a secret.",
  "enabled": "False: not offered."
}$$);

CREATE TABLE identities (
  identity_id uuid PRIMARY KEY DEFAULT new_id(),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  provider_id uuid NOT NULL REFERENCES identity_providers,
  subject text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 500),
  email text CHECK (char_length(email) BETWEEN 3 AND 320),
  linked_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider_id, subject)
);
CREATE INDEX identities_user ON identities (user_id);
CALL finish_table('identities', 'PII: people as other providers know them.', $${
  "identity_id": "UUIDv7.",
  "user_id": "The person.",
  "provider_id": "The provider.",
  "subject": "PII: the provider's name for the person; an address may change hands, this does not.",
  "email": "PII: address that the provider told.",
  "linked_at": "When the two were joined."
}$$);

CREATE POLICY tokens_member ON tokens FOR SELECT TO {member} USING (user_id = (SELECT app_user()));
CREATE POLICY api_keys_member ON api_keys FOR SELECT TO {member} USING (
  org_id = (SELECT app_org()) AND (user_id = (SELECT app_user()) OR (SELECT app_is_admin())));
CREATE POLICY identity_providers_member ON identity_providers FOR SELECT TO {member} USING ((SELECT app_org()) IS NOT NULL AND enabled);
CREATE POLICY identities_member ON identities FOR SELECT TO {member} USING (user_id = (SELECT app_user()));
GRANT SELECT (token_id, user_id, org_id, kind, expires_at, revoked, used_at, created_at) ON tokens TO {member};
GRANT SELECT (key_id, org_id, user_id, prefix, name, scopes, is_active, last_used_at, expires_at, created_at, updated_at) ON api_keys TO {member};
GRANT SELECT (provider_id, name, kind, enabled) ON identity_providers TO {member};
GRANT SELECT ON identities TO {member};
