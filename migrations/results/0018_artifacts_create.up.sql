CREATE TABLE documents (
  document_id uuid PRIMARY KEY DEFAULT new_id(),
  collection text NOT NULL CHECK (collection ~ '^[a-z][a-z0-9_]{0,62}$'),
  body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
  state_hash text NOT NULL CHECK (state_hash ~ '^[0-9a-f]{64}$'),
  owner_id uuid NOT NULL,
  private_to uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_collection ON documents (collection, created_at DESC);
CREATE INDEX documents_owner ON documents (owner_id);
CREATE INDEX documents_kind ON documents (left(body ->> 'kind', 100), created_at DESC);
CALL finish_table('documents', 'Confidential: JSON bodies, where no document server is set.', $${
  "document_id": "UUIDv7.",
  "collection": "artifacts, execution_logs.",
  "body": "Confidential: the document: kind, meta, body.",
  "state_hash": "BLAKE3 of the canonical body.",
  "owner_id": "Who wrote it.",
  "private_to": "Owner of a private document; null where the organization may see it."
}$$);
CALL show_unless_private('documents');
CREATE POLICY documents_member_insert ON documents FOR INSERT TO {member} WITH CHECK (
  (SELECT in_own_org()) AND owner_id = (SELECT app_user()) AND (private_to IS NULL OR private_to = (SELECT app_user())));
CREATE POLICY documents_member_delete ON documents FOR DELETE TO {member} USING (may_write(owner_id));
GRANT SELECT, INSERT, DELETE ON documents TO {member};

CREATE TABLE artifacts (
  artifact_id uuid PRIMARY KEY DEFAULT new_id(),
  project_id uuid REFERENCES projects,
  kind text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 100),
  title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 500),
  purpose text CHECK (char_length(purpose) <= 500),
  latest_version integer NOT NULL DEFAULT 0 CHECK (latest_version >= 0),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX artifacts_project ON artifacts (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX artifacts_owner ON artifacts (owner_id, created_at DESC);
CREATE INDEX artifacts_created ON artifacts (created_at DESC, artifact_id DESC);
CREATE INDEX artifacts_kind ON artifacts (kind, created_at DESC);
CALL finish_table('artifacts', 'Confidential: bytes or documents that somebody keeps; the head of immutable versions.', $${
  "artifact_id": "UUIDv7.",
  "project_id": "Project it belongs to.",
  "kind": "What it is: report, table, script, …",
  "title": "Confidential: what its owner calls it.",
  "purpose": "What it is kept for.",
  "latest_version": "Number of its newest version; 0 before the first.",
  "metadata": "Confidential: more of it.",
  "owner_id": "Whose it is.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CALL show_to_people('artifacts');
CALL join_visible_projects('artifacts');
GRANT SELECT, INSERT, DELETE ON artifacts TO {member};
GRANT UPDATE (project_id, title, purpose, latest_version, metadata, visibility) ON artifacts TO {member};

CREATE TABLE artifact_versions (
  artifact_id uuid NOT NULL REFERENCES artifacts ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  state_hash text NOT NULL CHECK (state_hash ~ '^[0-9a-f]{64}$'),
  document_id text CHECK (char_length(document_id) BETWEEN 1 AND 200),
  uri text,
  content_type text,
  size_bytes bigint CHECK (size_bytes >= 0),
  checksum text CHECK (checksum ~ '^sha256:[0-9a-f]{64}$'),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (artifact_id, version),
  CONSTRAINT artifact_is_one_thing CHECK (num_nonnulls(document_id, uri) = 1),
  CONSTRAINT artifact_bytes_are_known CHECK (uri IS NULL OR num_nonnulls(content_type, size_bytes, checksum) = 3)
);
CREATE INDEX artifact_versions_state ON artifact_versions (state_hash);
CALL finish_table('artifact_versions', 'Confidential: what an artifact was, version by version; never changed.', $${
  "artifact_id": "The artifact.",
  "version": "From 1.",
  "state_hash": "BLAKE3 of the content.",
  "document_id": "The document, where it is one; an id of the document store, which may be another server.",
  "uri": "Where the bytes are, where it is a file.",
  "content_type": "Media type of the bytes.",
  "size_bytes": "Count of bytes.",
  "checksum": "sha256: and 64 hex digits over the bytes.",
  "metadata": "Confidential: more of it.",
  "created_by": "Who wrote it."
}$$);
CREATE TRIGGER artifact_versions_immutable BEFORE UPDATE ON artifact_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE POLICY artifact_versions_member_read ON artifact_versions FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM artifacts a WHERE a.artifact_id = artifact_versions.artifact_id));
CREATE POLICY artifact_versions_member_insert ON artifact_versions FOR INSERT TO {member} WITH CHECK (
  created_by = (SELECT app_user())
  AND EXISTS (SELECT 1 FROM artifacts a WHERE a.artifact_id = artifact_versions.artifact_id AND may_write(a.owner_id)));
GRANT SELECT, INSERT ON artifact_versions TO {member};

CREATE TABLE executions (
  execution_id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  agent text NOT NULL CHECK (char_length(agent) BETWEEN 1 AND 200),
  endpoint text NOT NULL CHECK (char_length(endpoint) BETWEEN 1 AND 500),
  origin text CHECK (char_length(origin) <= 500),
  target text CHECK (char_length(target) <= 500),
  request_data jsonb CHECK (jsonb_typeof(request_data) = 'object'),
  response_data jsonb CHECK (jsonb_typeof(response_data) = 'object'),
  ok boolean NOT NULL,
  state_hash text CHECK (state_hash ~ '^[0-9a-f]{64}$'),
  duration_ms double precision CHECK (duration_ms >= 0 AND duration_ms < 'infinity'),
  error_message text CHECK (char_length(error_message) <= 10000),
  log_document_id text CHECK (char_length(log_document_id) <= 200),
  private_to uuid,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX executions_created ON executions (created_at DESC, execution_id DESC);
CREATE INDEX executions_user ON executions (user_id, created_at DESC);
CREATE INDEX executions_agent ON executions (agent, created_at DESC);
CALL finish_table('executions', 'Confidential: calls of services, as their callers record them. Never changed; old ones go as retention says.', $${
  "execution_id": "Given by the caller: the id of the message.",
  "user_id": "PII: who recorded it.",
  "agent": "Service that was called.",
  "endpoint": "Which of its doors.",
  "origin": "Where the call came from.",
  "target": "Where it was sent on to.",
  "request_data": "Confidential: the request; null where it lies in the document store.",
  "response_data": "Confidential: the reply; null where it lies in the document store.",
  "ok": "Whether it succeeded.",
  "state_hash": "BLAKE3 of the reply.",
  "duration_ms": "How long it took in ms.",
  "error_message": "Confidential: why it failed.",
  "log_document_id": "Document with the whole request and reply.",
  "private_to": "Who recorded it privately; null where the organization may see it."
}$$);
CREATE TRIGGER executions_append_only BEFORE UPDATE ON executions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CALL show_unless_private('executions');
CREATE POLICY executions_member_insert ON executions FOR INSERT TO {member} WITH CHECK (
  (SELECT in_own_org()) AND user_id = (SELECT app_user()) AND (private_to IS NULL OR private_to = (SELECT app_user())));
GRANT SELECT, INSERT ON executions TO {member};
