ALTER TABLE queue_lanes
  ADD COLUMN clock double precision NOT NULL DEFAULT 0 CHECK (clock >= 0 AND clock < 'infinity'),
  ADD COLUMN is_active boolean NOT NULL DEFAULT true,
  ADD COLUMN available_at timestamptz NOT NULL DEFAULT '-infinity',
  ADD COLUMN rest_seconds double precision NOT NULL DEFAULT 0 CHECK (rest_seconds >= 0 AND rest_seconds < 'infinity');
COMMENT ON COLUMN queue_lanes.vtime IS 'Tasks taken so far, each divided by the weight; what it missed while it could not be served is not made up for.';
COMMENT ON COLUMN queue_lanes.clock IS 'Virtual time of its engine when it was last served; the greatest of all lanes is the engine''s clock, and nobody starts before it.';
COMMENT ON COLUMN queue_lanes.is_active IS 'True while tasks of it wait in the queue: a lane without any is not looked at.';
COMMENT ON COLUMN queue_lanes.available_at IS 'Not served before this: its organization''s database was away.';
COMMENT ON COLUMN queue_lanes.rest_seconds IS 'How long its last such rest was; the next one is longer where it comes soon after.';
DROP INDEX queue_lanes_next;
CREATE INDEX queue_lanes_next ON queue_lanes (engine, vtime) WHERE is_active;
CREATE INDEX queue_lanes_clock ON queue_lanes (engine, clock DESC);
INSERT INTO queue_lanes (org_id, engine) SELECT DISTINCT org_id, engine FROM task_queue ON CONFLICT DO NOTHING;
-- The common order of all organizations is asked for no more.
DROP INDEX task_queue_next;
DROP INDEX task_queue_claim;
-- With the time, so that a claim passes by tasks that wait out a pause without fetching them.
CREATE INDEX task_queue_claim ON task_queue (engine, org_id, priority DESC, rank, available_at) WHERE lease_owner IS NULL;
-- Whether a lane has a task to claim now is one look, however many of its tasks wait out a pause.
CREATE INDEX task_queue_due ON task_queue (engine, org_id, available_at) WHERE lease_owner IS NULL;
CREATE INDEX task_queue_leased ON task_queue (org_id, engine) WHERE lease_owner IS NOT NULL;
ALTER TABLE workers ADD COLUMN process text;
COMMENT ON COLUMN workers.process IS 'Boot, process namespace and start of it: who sees the same ones knows whether it lives. Null where the system does not tell.';
