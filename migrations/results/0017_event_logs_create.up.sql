CREATE TABLE event_logs (
  event_id uuid PRIMARY KEY DEFAULT new_id(),
  ts timestamptz NOT NULL DEFAULT now(),
  event_type text NOT NULL CHECK (event_type IN ('calculation_started', 'calculation_completed', 'calculation_failed',
    'batch_started', 'batch_completed', 'batch_failed', 'molecule_created', 'molecule_deleted', 'error', 'performance_metric')),
  entity_type text NOT NULL CHECK (char_length(entity_type) BETWEEN 1 AND 100),
  entity_id text CHECK (char_length(entity_id) <= 200),
  status text CHECK (char_length(status) <= 100),
  message text CHECK (char_length(message) <= 10000),
  error_code text CHECK (char_length(error_code) <= 100),
  context jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(context) = 'object'),
  service text CHECK (char_length(service) <= 100),
  user_id uuid,
  duration_ms double precision CHECK (duration_ms >= 0 AND duration_ms < 'infinity'),
  private_to uuid,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_logs_ts ON event_logs USING brin (ts);
CREATE INDEX event_logs_newest ON event_logs (created_at DESC, event_id DESC);
CREATE INDEX event_logs_entity ON event_logs (entity_type, entity_id, ts DESC);
CREATE INDEX event_logs_type ON event_logs (event_type, ts DESC);
CREATE INDEX event_logs_user ON event_logs (user_id, ts DESC);
CALL finish_table('event_logs', 'Confidential: what happened in this organization, for people, statistics and learning. Never changed; old ones go as retention says.', $${
  "event_id": "UUIDv7.",
  "ts": "When it happened.",
  "event_type": "calculation_started, calculation_completed, calculation_failed, batch_started, batch_completed, batch_failed, molecule_created, molecule_deleted, error or performance_metric.",
  "entity_type": "Kind of thing it happened to: calculation, docking, batch, molecule, job.",
  "entity_id": "Which one.",
  "status": "What it became.",
  "message": "Confidential: in words.",
  "error_code": "Code of an error.",
  "context": "Confidential: more of it.",
  "service": "Program or part that says so.",
  "user_id": "PII: who did it; null: the system.",
  "duration_ms": "How long it took in ms.",
  "private_to": "Owner of the private thing it tells of; null where the organization may see it."
}$$);
CREATE TRIGGER event_logs_append_only BEFORE UPDATE ON event_logs FOR EACH ROW EXECUTE FUNCTION refuse_change();
CALL show_unless_private('event_logs');
CREATE POLICY event_logs_member_insert ON event_logs FOR INSERT TO {member} WITH CHECK (
  (SELECT in_own_org()) AND user_id = (SELECT app_user()) AND (private_to IS NULL OR private_to = (SELECT app_user())));
GRANT SELECT, INSERT ON event_logs TO {member};
