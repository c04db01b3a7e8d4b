ALTER TABLE queue_lanes
  ADD COLUMN is_active boolean NOT NULL DEFAULT true,
  ADD COLUMN available_at timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN queue_lanes.is_active IS 'True while tasks of it wait in the queue; one that comes back starts at the virtual time of those that stayed.';
COMMENT ON COLUMN queue_lanes.available_at IS 'Not served before this: its organization''s database was away.';
DROP INDEX queue_lanes_next;
CREATE INDEX queue_lanes_next ON queue_lanes (engine, vtime) WHERE is_active;
INSERT INTO queue_lanes (org_id, engine) SELECT DISTINCT org_id, engine FROM task_queue ON CONFLICT DO NOTHING;
-- The common order of all organizations is asked for no more.
DROP INDEX task_queue_next;
CREATE INDEX task_queue_leased ON task_queue (org_id, engine) WHERE lease_owner IS NOT NULL;
